#!/usr/bin/env bash
# A real file system that is full, and then read-only: a push fails with a clear error, the server
# lives, nothing half-written is served, what was acknowledged is still pulled.
. "$(dirname "$0")/common.sh"
judge_begin disk
[ "$JUDGED" = ours ] || skip "the statuses are ours"
require curl mountpoint
small=$SCRATCH/small
mkdir "$small"
mount -t tmpfs -o size=8m tmpfs "$small" 2>/dev/null || skip "a file system cannot be mounted here"
judge_cleanup() { umount "$small"; }
registry_start "$JUDGED" "$small/data"

push() { # FILE: the status of a push of it
    local location status
    read -r status location < <(curl -sS -o "$SCRATCH/answer" -w '%{http_code} %header{location}\n' \
        -X POST "http://$HOST/v2/a/blobs/uploads/")
    [ "$status" = 202 ] || { echo "$status" && return; }
    curl -sS -o "$SCRATCH/answer" -w '%{http_code}' -X PUT -H 'Expect:' --data-binary "@$1" \
        "http://$HOST$location&digest=$(digest_of "$1")"
}
status() { curl -sS -o "$SCRATCH/pulled" -w '%{http_code}' "http://$HOST/v2/a/blobs/$(digest_of "$1")"; }
random() { head -c "$2" /dev/urandom >"$SCRATCH/$1"; }

random kept 2000000
random large 20000000
random next 1000000
same 201 "$(push "$SCRATCH/kept")" "a push into a disk with room"

echo "the disk is full"
same 507 "$(push "$SCRATCH/large")" "a push that does not fit"
grep -q UNAVAILABLE "$SCRATCH/answer" || fail "the answer does not say why: $(cat "$SCRATCH/answer")"
same 404 "$(status "$SCRATCH/large")" "what did not fit"
same 200 "$(status "$SCRATCH/kept")" "what was there"
cmp "$SCRATCH/kept" "$SCRATCH/pulled"

echo "what did not fit takes no room, however it was sent"
stream() { # FILE: the status of a push of it as docker pushes, by PATCH
    local location
    location=$(curl -sS -o /dev/null -w '%header{location}' -X POST "http://$HOST/v2/a/blobs/uploads/")
    curl -sS -o "$SCRATCH/answer" -w '%{http_code}' -X PATCH -H 'Expect:' -H 'Transfer-Encoding: chunked' \
        --data-binary "@$1" "http://$HOST$location"
}
for _ in 1 2 3 4 5; do
    same 507 "$(stream "$SCRATCH/large")" "a stream that does not fit"
done
same 201 "$(push "$SCRATCH/next")" "a push that fits, after those"

echo "without room for a single file, where no lock was ever taken, all is deleted and collected"
narrow() { # mounts a copy of the data without locks that has no room for another file
    registry_stop
    umount "$small"
    mount -t tmpfs -o size=8m,nr_inodes=100 tmpfs "$small"
    mkdir "$small/data"
    cp -a "$SCRATCH/copy" "$small/data/docker"
    local number=0
    while : 2>/dev/null >"$small/$number"; do number=$((number + 1)); done
}
cp -a "$small/data/docker" "$SCRATCH/copy"
narrow
registry_start "$JUDGED" "$small/data"
same 202 "$(curl -sS -o "$SCRATCH/answer" -w '%{http_code}' -X DELETE "http://$HOST/v2/a/")" "a deletion on a full disk"
narrow
config=$SCRATCH/narrow.yml
printf 'version: 0.1\nstorage: {filesystem: {rootdirectory: %s}}\n' "$small/data" >"$config"
"$REGISTRY_PROGRAM" verify --repair "$config" >/dev/null || fail "a full disk is not verified"
"$REGISTRY_PROGRAM" delete "$config" a >/dev/null || fail "nothing is deleted from a full disk"
narrow
rm -r "$small/data/docker/registry/v2/repositories/a"
touch "$small/again"
"$REGISTRY_PROGRAM" garbage-collect "$config" >"$SCRATCH/collected" || fail "a full disk is not collected"
grep -q 'removed: 2 blobs' "$SCRATCH/collected" || fail "$(cat "$SCRATCH/collected")"
registry_start "$JUDGED" "$small/data"
same 201 "$(push "$SCRATCH/kept")" "a push after that"
same 201 "$(push "$SCRATCH/next")" "another"

echo "the disk is read-only"
mount -o remount,ro "$small"
same 503 "$(push "$SCRATCH/large")" "a push to a read-only folder"
grep -q 'cannot write' "$SCRATCH/answer" || fail "the answer does not say why: $(cat "$SCRATCH/answer")"
same 200 "$(status "$SCRATCH/kept")" "what was there"
cmp "$SCRATCH/kept" "$SCRATCH/pulled"
registry_stop
registry_start "$JUDGED" "$small/data"
same 200 "$(status "$SCRATCH/next")" "a start over a read-only folder"
grep -q 'every push will be rejected.*readonly' "$SERVER_LOG" || fail "the start does not warn of a read-only folder"
