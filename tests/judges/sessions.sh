#!/usr/bin/env bash
# An upload that wanders: begun at one registry, gone on with at the other, on the same folder, and back.
#
# usage: sessions.sh distribution-2.8|distribution-3
#
# Each registry goes on from what the other left, with the states of hashes that it keeps, and what is stored at the end is
# compared byte by byte. Ours must have stored a state by then, and must have cleared it away in the end.
. "$(dirname "$0")/common.sh"
rival=${1:?usage: sessions.sh distribution-2.8|distribution-3}
judge_begin "sessions $rival"
require python3 curl cmp
program_of "$rival" >/dev/null || skip "the program of $rival is not on this machine"

mib=$((1024 * 1024))
secret=of-the-judge
head -c $((100 * mib)) /dev/urandom >"$SCRATCH/blob"
digest=$(digest_of "$SCRATCH/blob")
data=$SCRATCH/data
states=0

step() { # KIND END [DIGEST]...: sends what comes next to a registry of that kind, in as many steps as there are ends
    local kind=$1 end
    shift
    registry_start "$kind" "$data" REGISTRY_HTTP_SECRET=$secret
    for end in "$@"; do
        if [ "$end" = 100 ]; then
            python3 "$JUDGES/sessions.py" "$HOST" $secret "$SCRATCH/session" "$SCRATCH/blob" $((end * mib)) "$digest"
        else
            python3 "$JUDGES/sessions.py" "$HOST" $secret "$SCRATCH/session" "$SCRATCH/blob" $((end * mib))
        fi || fail "$kind does not go on to $end MiB"
    done
    if [ "$kind" = ours ]; then states=$((states + $(find "$data" -path '*/hashstates/sha256/*' | wc -l))); fi
    registry_stop
}

wander() { # KIND ENDS...: every argument is a kind and the ends that it is to reach
    rm -rf "$data" "$SCRATCH/session"
    local turn
    for turn in "$@"; do
        # shellcheck disable=SC2086
        step $turn
    done
    registry_start ours "$data"
    curl -fsS "http://$HOST/v2/a/blobs/$digest" | cmp - "$SCRATCH/blob" || fail "other bytes came back: $*"
    registry_stop
    [ -z "$(find "$data" -path '*/_uploads/*' -type f)" ] || fail "something of the session is left: $*"
}

wander "ours 5 45" "$rival 60" "ours 70 100"
wander "$rival 5 45" "ours 60" "$rival 100"
wander "ours 5 45 90" "ours 100"
wander "$rival 45" "ours 100"
wander "ours 5 45" "$rival 100"
[ $states -gt 0 ] || fail "ours stored no hash state"
VERDICT="five uploads, each begun at one and finished at the other"
