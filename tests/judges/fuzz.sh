#!/usr/bin/env bash
# Every target of fuzz/ for a short while: all of them compile, and none finds anything at once.
#
#   FUZZ_SECONDS      how long each target runs (default 5)
#   FUZZ_TARGETS      which of them (default: all)
. "$(dirname "$0")/common.sh"
# What is fuzzed is the source, so no program is needed.
[ -x "$REGISTRY_PROGRAM" ] || REGISTRY_PROGRAM=/bin/true
judge_begin fuzz
[ "$JUDGED" = ours ] || skip "the targets are ours"
[ "$REGISTRY_PROGRAM" = "${REGISTRY_PROGRAM%.exe}" ] || skip "the targets are built for this machine only"
require cargo
rustup run nightly rustc --version >/dev/null 2>&1 || skip "no nightly toolchain: rustup toolchain install nightly"
cargo +nightly fuzz --version >/dev/null 2>&1 || skip "no cargo-fuzz: cargo install cargo-fuzz"

cd "$PROJECT"
FUZZ_SECONDS=${FUZZ_SECONDS:-5}
mapfile -t targets < <(cargo +nightly fuzz list)
[ "${#targets[@]}" -ge 14 ] || fail "cargo fuzz lists ${#targets[@]} targets"
[ -z "${FUZZ_TARGETS:-}" ] || read -ra targets <<<"$FUZZ_TARGETS"

echo "all targets compile"
# There is no unsafe code outside of src/sys/windows that a sanitizer could watch.
cargo +nightly fuzz build --sanitizer none >"$SCRATCH/build" 2>&1 || { tail -n 30 "$SCRATCH/build" && fail "they do not"; }

runs=0
for target in "${targets[@]}"; do
    mkdir -p "$SCRATCH/corpus/$target" "$SCRATCH/found"
    if ! cargo +nightly fuzz run --sanitizer none "$target" "$SCRATCH/corpus/$target" -- \
        -max_total_time="$FUZZ_SECONDS" -timeout=30 -rss_limit_mb=4096 -print_final_stats=1 \
        -artifact_prefix="$SCRATCH/found/" >"$SCRATCH/$target" 2>&1; then
        tail -n 40 "$SCRATCH/$target"
        for input in "$SCRATCH/found"/*; do base64 -w 0 "$input" && echo; done
        fail "$target has found something; the input is above, in base64"
    fi
    count=$(sed -n 's/^stat::number_of_executed_units: *//p' "$SCRATCH/$target")
    echo "$target: $count inputs"
    runs=$((runs + count))
done
VERDICT="${#targets[@]} targets, $runs inputs"
