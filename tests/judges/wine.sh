# shellcheck shell=bash
# What the judges of registry.exe stand on: Wine, on 64-bit Linux. Sourced after common.sh.
#
#   REGISTRY_EXE  the program (default: target/x86_64-pc-windows-gnu/release/registry.exe)
#   WINEPATH      where Windows' bcryptprimitives.dll or a stand-in for it is, if Wine has none

REGISTRY_EXE=${REGISTRY_EXE:-${CARGO_TARGET_DIR:-$PROJECT/target}/x86_64-pc-windows-gnu/release/registry.exe}

# wine_ready: sets WINE and the variables it reads, with a prefix of its own in SCRATCH; skips where
# something is missing. The judge ends by wine_end.
wine_ready() {
    [ -f "$REGISTRY_EXE" ] || skip "there is no $REGISTRY_EXE"
    WINE=$(PATH=$PATH:/usr/lib/wine command -v wine64) || skip "wine64 is not on this machine"
    export WINEDEBUG=-all WINEPREFIX=$SCRATCH/prefix WINEPATH=${WINEPATH:-}
    unset DISPLAY
    mkdir -p "$WINEPREFIX"
    "$WINE" "$REGISTRY_EXE" --version >"$SCRATCH/wine.log" 2>&1 ||
        skip "registry.exe does not start under $("$WINE" --version); WINEPATH names the folder of bcryptprimitives.dll"
}

# wine_end: ends everything that runs in our prefix.
wine_end() {
    if [ -n "${WINEPREFIX:-}" ] && [ -d "$WINEPREFIX" ]; then
        "$(dirname "$(readlink -f "$WINE")")/wineserver64" -k || true
    fi
}
