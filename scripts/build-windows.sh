#!/usr/bin/env bash
# Builds registry.exe on Debian, for Windows and Nano Server of 2019 and newer:
#
#     scripts/build-windows.sh              # target/x86_64-pc-windows-gnu/release/registry.exe
#     scripts/build-windows.sh test --lib   # any other command of cargo, for Windows
#     scripts/build-windows.sh --version    # whether it can be built here, and by which cargo
#
# It needs a linker and Rust's standard library as source, which is built for Windows along the way
# (two minutes the first time):
#
#     apt-get install --no-install-recommends rustc-web cargo-web rust-web-src gcc-mingw-w64-x86-64-win32
#
# Where rustup has the target (rustup target add x86_64-pc-windows-gnu), this does the same:
#
#     cargo build --release --locked --target x86_64-pc-windows-gnu
set -euo pipefail
cd "$(dirname "$0")/.."

# By path: where rustup is, its programs come first, and its source may be of another version.
RUST=/usr/bin
for file in $RUST/cargo $RUST/rustc /usr/lib/rustlib/src/rust/library/Cargo.lock $RUST/x86_64-w64-mingw32-gcc; do
    [ -e "$file" ] || {
        echo "$file is missing; the head of $0 names the packages" >&2
        exit 1
    }
done

# build-std is unstable, and Debian's compiler is a stable one.
export RUSTC=$RUST/rustc RUSTC_BOOTSTRAP=1
[ "${1:-}" != --version ] || exec $RUST/cargo --version
[ $# -gt 0 ] || set -- build --release
command=$1
shift
exec $RUST/cargo "$command" --locked --target x86_64-pc-windows-gnu -Z build-std=std,panic_unwind "$@"
