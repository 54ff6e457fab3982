#!/usr/bin/env bash
# Whole runs of our own tests with many threads; in every second run the test process and all that it starts
# are stopped and go on again at random moments, as a machine that is too busy does it. No run may fail.
#
#   DISTURBED_RUNS     how many (default 20)
#   DISTURBED_THREADS  with how many threads (default 16)
#   DISTURBED_SECONDS_MAX  after how many seconds a run has failed (default 600)
. "$(dirname "$0")/common.sh"
# It is the tests that are tried, so no program is needed.
[ -x "$REGISTRY_PROGRAM" ] || REGISTRY_PROGRAM=/bin/true
judge_begin disturbed
[ "$JUDGED" = ours ] || skip "the tests are ours"
[ "$REGISTRY_PROGRAM" = "${REGISTRY_PROGRAM%.exe}" ] || skip "the tests run on this machine only"
require cargo setsid

cd "$PROJECT"
DISTURBED_RUNS=${DISTURBED_RUNS:-20}
DISTURBED_THREADS=${DISTURBED_THREADS:-16}
DISTURBED_SECONDS_MAX=${DISTURBED_SECONDS_MAX:-600}
GROUP=''

# A group that was stopped must go on to end.
judge_cleanup() {
    [ -n "$GROUP" ] || return 0
    kill -CONT -- "-$GROUP" 2>/dev/null
    kill -KILL -- "-$GROUP" 2>/dev/null
    return 0
}

# disturb: about ten times a second stops the group for 5 to 50 ms, until its first process has ended.
disturb() {
    while kill -0 "$GROUP" 2>/dev/null; do
        sleep "0.0$((20 + RANDOM % 70))"
        kill -STOP -- "-$GROUP" 2>/dev/null || break
        sleep "0.0$(printf '%02d' $((5 + RANDOM % 46)))"
        kill -CONT -- "-$GROUP" 2>/dev/null || break
    done
}

cargo test --no-run >"$SCRATCH/build" 2>&1 || { tail -n 30 "$SCRATCH/build" && fail "the tests do not compile"; }
failed=0
for run in $(seq "$DISTURBED_RUNS"); do
    started=$SECONDS
    setsid timeout -k 10 "$DISTURBED_SECONDS_MAX" cargo test --no-fail-fast -- --test-threads="$DISTURBED_THREADS" >"$SCRATCH/run" 2>&1 </dev/null &
    GROUP=$!
    how=undisturbed
    if [ $((run % 2)) = 0 ]; then
        how=disturbed
        disturb
    fi
    if wait "$GROUP"; then
        echo "run $run, $how: passed, $((SECONDS - started)) s"
    else
        echo "run $run, $how: FAILED, $((SECONDS - started)) s"
        grep -a '^test .* FAILED$\|^error' "$SCRATCH/run" | cut -c 1-300 || true
        grep -a -A 4 'panicked at' "$SCRATCH/run" | cut -c 1-300 | head -n 100 || true
        failed=$((failed + 1))
    fi
    GROUP=''
done
VERDICT="$((DISTURBED_RUNS - failed)) of $DISTURBED_RUNS runs with $DISTURBED_THREADS threads"
[ $failed -eq 0 ] || fail "$failed of $DISTURBED_RUNS runs failed"
