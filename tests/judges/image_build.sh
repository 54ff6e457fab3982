# shellcheck shell=bash
# The Linux image as Dockerfile.linux makes it, without a base image and without a network: the program is
# built by cargo here, as the builder stage does it, and handed to the image as `--build-arg
# PROGRAM=prebuilt`. Sourced after daemon.sh.

# image_program: builds the static program of what the builder stage copies and nothing else; sets PROGRAM.
image_program() {
    local host target source=$JUDGES_HOME/image-source
    host=$(rustc --print host-tuple)
    target=${CARGO_TARGET_DIR:-$PROJECT/target}
    echo "a static program for $host, of what the builder stage copies and nothing else"
    rm -rf "$source"
    mkdir -p "$source"
    cp -a "$PROJECT"/Cargo.{toml,lock} "$PROJECT/src" "$source"
    (cd "$source" && RUSTFLAGS='-C target-feature=+crt-static' CARGO_TARGET_DIR=$target \
        cargo build --quiet --release --locked --target "$host")
    PROGRAM=$target/$host/release/registry
    if ldd "$PROGRAM" >"$SCRATCH/ldd" 2>&1 && ! grep -q 'statically linked' "$SCRATCH/ldd"; then
        fail "the program is not static: $(cat "$SCRATCH/ldd")"
    fi
}

# image_build NAME [INTERVAL]: the image around PROGRAM, under that name; it looks after its health so often.
image_build() {
    mkdir -p "$SCRATCH/context/registry"
    cp "$PROJECT/.dockerignore" "$SCRATCH/context"
    sed "s/--interval=30s/--interval=${2:-30s}/" "$PROJECT/Dockerfile.linux" >"$SCRATCH/context/Dockerfile.linux"
    cp "$PROGRAM" "$PROJECT/config.yml" "$SCRATCH/context/registry"
    DOCKER_BUILDKIT=1 docker build -q -t "$1" -f "$SCRATCH/context/Dockerfile.linux" --build-arg PROGRAM=prebuilt \
        "$SCRATCH/context" >/dev/null 2>"$SCRATCH/build.log" || { cat "$SCRATCH/build.log" && fail "build"; }
}
