#!/usr/bin/env bash
# Builds the image for Linux, or the static program alone.
#
# usage: scripts/build.sh [--tag NAME]                   the image, by docker and nothing else
#        scripts/build.sh --program                      ./registry/registry and its config.yml, by cargo
#        scripts/build.sh --skip-builder [--tag NAME]    the image around what is in ./registry
set -euo pipefail
script=$(realpath "$0")
usage() { sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$script"; }
cd "$(dirname "$0")/.."

tag=registry what=image stage=builder
while [ $# -gt 0 ]; do
    case $1 in
        --tag) tag=${2:?--tag needs a name} && shift 2 ;;
        --program) what=program && shift ;;
        --skip-builder) stage=prebuilt && shift ;;
        --help)
            usage
            exit
            ;;
        *)
            usage >&2
            exit 2
            ;;
    esac
done

if [ $what = program ]; then
    host=$(rustc --print host-tuple)
    # The target is named, though it is this machine's: without it the flag would be for build scripts as well.
    RUSTFLAGS='-C target-feature=+crt-static' cargo build --release --locked --target "$host"
    mkdir -p registry
    cp "${CARGO_TARGET_DIR:-target}/$host/release/registry" config.yml registry/
    ls -l registry
    exit
fi

if [ $stage = prebuilt ] && [ ! -x registry/registry ]; then
    echo "registry/registry is not there; build it by: scripts/build.sh --program" >&2
    exit 1
fi
DOCKER_BUILDKIT=1 docker build -t "$tag" -f Dockerfile.linux --build-arg PROGRAM=$stage .
docker image ls "$tag"
