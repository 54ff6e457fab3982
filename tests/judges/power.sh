#!/usr/bin/env bash
# Power cuts: the disk under the registry is copied in the middle of four clients' pushes and deletes, without what the kernel
# has not written yet, and everything that was acknowledged is there when the copy is mounted and served (power.py). On ext4,
# and on xfs where mkfs.xfs is there. Needs root.
. "$(dirname "$0")/common.sh"
judge_begin power
[ "$JUDGED" = ours ] || skip "what loses power is our own program"
[ -z "${REGISTRY_EXE:-}" ] || skip "Windows has other file systems"
require python3 mkfs.ext4 mount losetup
[ "$(id -u)" = 0 ] || skip "a file system is mounted by root only"
CUTS=${POWER_CUTS:-15}
CUT_SECONDS=${POWER_SECONDS:-25}

# Whether a file can be mounted here, as this kind of file system.
mountable() {
    local probe=$SCRATCH/probe
    mkdir -p "$probe.at"
    truncate -s 320M "$probe"
    "mkfs.$1" -q "$probe" && mount -o loop "$probe" "$probe.at" 2>"$SCRATCH/why" && umount "$probe.at" && rm "$probe"
}
judge_cleanup() {
    local at
    for at in "$SCRATCH"/*.at "$SCRATCH"/*/mounted "$SCRATCH"/*/after; do
        mountpoint -q "$at" && umount "$at"
    done
}

mountable ext4 || skip "no file can be mounted as a disk here: $(cat "$SCRATCH/why")"
KINDS=(ext4)
if ! command -v mkfs.xfs >/dev/null; then
    echo "without xfs: mkfs.xfs is not on this machine"
elif mountable xfs; then
    KINDS+=(xfs)
else
    echo "without xfs: $(cat "$SCRATCH/why")"
fi
for kind in "${KINDS[@]}"; do
    mkdir "$SCRATCH/$kind"
    python3 "$JUDGES/power.py" "$REGISTRY_PROGRAM" "$SCRATCH/$kind" "$kind" "$CUTS" "$CUT_SECONDS" \
        >"$SCRATCH/power.log" 2>&1 || { cat "$SCRATCH/power.log" && fail "what was acknowledged is not there"; }
    VERDICT+=${VERDICT:+; }$(tail -n 1 "$SCRATCH/power.log")
    rm "$SCRATCH/$kind/disk" "$SCRATCH/$kind/copy"
done
