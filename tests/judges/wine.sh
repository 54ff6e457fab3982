# shellcheck shell=bash
# What the judges of registry.exe stand on: Wine, on 64-bit Linux. Sourced by common.sh.
#
#   REGISTRY_EXE  the program (default: target/x86_64-pc-windows-gnu/release/registry.exe)

REGISTRY_EXE=${REGISTRY_EXE:-${CARGO_TARGET_DIR:-$PROJECT/target}/x86_64-pc-windows-gnu/release/registry.exe}

# wine_ready: sets WINE and the variables it reads, with a prefix of its own in SCRATCH; skips where
# something is missing. The judge ends by wine_end.
wine_ready() {
    [ -f "$REGISTRY_EXE" ] || skip "there is no $REGISTRY_EXE"
    WINE=$(PATH=$PATH:/usr/lib/wine command -v wine64) || skip "wine64 is not on this machine"
    local stand_ins=$JUDGES_HOME/wine
    wine_stand_in "$stand_ins"
    # Wine reads names in the letters of the locale.
    export LC_ALL=C.UTF-8
    export WINEDEBUG=-all WINEPREFIX=$SCRATCH/prefix WINEPATH=Z:${stand_ins//\//\\}
    unset DISPLAY
    mkdir -p "$WINEPREFIX"
    # It stays between programs, so that it never speaks into the output of one.
    "$(wine_server)" -p >"$SCRATCH/wine.log" 2>&1
    "$WINE" "$REGISTRY_EXE" --version >>"$SCRATCH/wine.log" 2>&1 ||
        skip "registry.exe does not start under $("$WINE" --version): $(tail -n 1 "$SCRATCH/wine.log")"
}

# wine_stand_in FOLDER: makes what Wine 8 lacks of Windows, the library of random numbers.
wine_stand_in() {
    local compiler=x86_64-w64-mingw32-gcc
    mkdir -p "$1"
    [ ! -f "$1/bcryptprimitives.dll" ] || return 0
    command -v $compiler >/dev/null || return 0
    $compiler -O2 -shared -o "$1/bcryptprimitives.dll" "$JUDGES/bcryptprimitives.c" -ladvapi32
}

# wine_program FILE: writes a program that is registry.exe to those who know nothing of Wine.
wine_program() {
    cat >"$1" <<SHELL
#!/bin/sh
export WINEDEBUG='$WINEDEBUG' WINEPREFIX='$WINEPREFIX' WINEPATH='$WINEPATH'
exec '$WINE' '$(realpath "$REGISTRY_EXE")' "\$@"
SHELL
    chmod +x "$1"
}

wine_server() {
    echo "$(dirname "$(readlink -f "$WINE")")/wineserver64"
}

# wine_end: ends everything that runs in our prefix.
wine_end() {
    if [ -n "${WINEPREFIX:-}" ] && [ -d "$WINEPREFIX" ]; then
        "$(wine_server)" -k || true
    fi
}
