#!/usr/bin/env bash
# Kills: `kill -9` in the middle of four clients' pushes, mounts and deletes and of collections of garbage, again and again,
# and everything that was acknowledged is there after each start (kill.py).
. "$(dirname "$0")/common.sh"
judge_begin kill
[ "$JUDGED" = ours ] || skip "what is killed is our own program"
require python3
KILLS=${KILLS:-50}
mkdir "$SCRATCH/kill"
python3 "$JUDGES/kill.py" "$REGISTRY_PROGRAM" "$SCRATCH/kill" "$KILLS" >"$SCRATCH/kill.log" 2>&1 ||
    { cat "$SCRATCH/kill.log" && fail "what was acknowledged is not there"; }
VERDICT=$(tail -n 1 "$SCRATCH/kill.log")
