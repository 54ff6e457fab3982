# shellcheck shell=bash
# Small images without a base image and without a network: OCI image layouts written by hand, the
# same bytes at each run. Sourced after common.sh. OCI image-spec 1.1, image-layout.md.

MEDIA_LAYER=application/vnd.oci.image.layer.v1.tar+gzip
MEDIA_CONFIG=application/vnd.oci.image.config.v1+json
MEDIA_MANIFEST=application/vnd.oci.image.manifest.v1+json
MEDIA_INDEX=application/vnd.oci.image.index.v1+json

# layout_new DIR: an empty image layout.
layout_new() {
    mkdir -p "$1/blobs/sha256"
    printf '{"imageLayoutVersion":"1.0.0"}' >"$1/oci-layout"
    printf '{"schemaVersion":2,"mediaType":"%s","manifests":[]}' "$MEDIA_INDEX" >"$1/index.json"
}

# layout_blob DIR MEDIA_TYPE: stores stdin as a blob, prints its descriptor.
layout_blob() {
    local dir=$1 media=$2 file hex
    file=$(mktemp "$dir/blobs/blob.XXXXXX")
    cat >"$file"
    hex=$(sha256sum "$file" | cut -d ' ' -f 1)
    chmod 644 "$file"
    mv "$file" "$dir/blobs/sha256/$hex"
    printf '{"mediaType":"%s","digest":"sha256:%s","size":%s}' \
        "$media" "$hex" "$(stat -c %s "$dir/blobs/sha256/$hex")"
}

# layer_tar WORD [BYTES]: a layer's tar on stdout: one file with WORD, and BYTES of noise that does
# not compress (made from WORD, so always the same).
layer_tar() {
    local word=$1 bytes=${2:-0} dir
    dir=$(mktemp -d "$SCRATCH/layer.XXXXXX")
    mkdir -p "$dir/etc"
    echo "$word" >"$dir/etc/$(echo "$word" | tr -c 'a-z0-9\n' -)"
    if [ "$bytes" -gt 0 ]; then
        python3 -c 'import random, sys
sys.stdout.buffer.write(random.Random(sys.argv[1]).randbytes(int(sys.argv[2])))' \
            "$word" "$bytes" >"$dir/noise"
    fi
    tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --format=ustar -C "$dir" -c .
    rm -rf "$dir"
}

# layout_image DIR OS ARCH WORD [BYTES]: an image of two layers, prints its descriptor with platform.
layout_image() {
    local dir=$1 os=$2 arch=$3 word=$4 bytes=${5:-0} base top diff_base diff_top config manifest
    diff_base=sha256:$(layer_tar "base of $os" | sha256sum | cut -d ' ' -f 1)
    base=$(layer_tar "base of $os" | gzip -n | layout_blob "$dir" $MEDIA_LAYER)
    diff_top=sha256:$(layer_tar "$word" "$bytes" | sha256sum | cut -d ' ' -f 1)
    top=$(layer_tar "$word" "$bytes" | gzip -n | layout_blob "$dir" $MEDIA_LAYER)
    config=$(printf '{"architecture":"%s","os":"%s","config":{},"rootfs":{"type":"layers","diff_ids":["%s","%s"]},"history":[{"created_by":"base"},{"created_by":"%s"}]}' \
        "$arch" "$os" "$diff_base" "$diff_top" "$word" | layout_blob "$dir" $MEDIA_CONFIG)
    manifest=$(printf '{"schemaVersion":2,"mediaType":"%s","config":%s,"layers":[%s,%s]}' \
        $MEDIA_MANIFEST "$config" "$base" "$top" | layout_blob "$dir" $MEDIA_MANIFEST)
    jq -c --arg os "$os" --arg arch "$arch" \
        '. + {platform: {architecture: $arch, os: $os}}' <<<"$manifest"
}

# layout_index DIR DESCRIPTOR...: an index of the given manifests, prints its descriptor.
layout_index() {
    local dir=$1
    shift
    printf '%s\n' "$@" | jq -cjs --arg media $MEDIA_INDEX \
        '{schemaVersion: 2, mediaType: $media, manifests: .}' | layout_blob "$dir" $MEDIA_INDEX
}

# layout_tag DIR TAG DESCRIPTOR: names a manifest of the layout.
layout_tag() {
    jq -c --arg tag "$2" --argjson descriptor "$3" \
        '.manifests += [$descriptor + {annotations: {"org.opencontainers.image.ref.name": $tag}}]' \
        "$1/index.json" >"$1/index.json.new"
    mv "$1/index.json.new" "$1/index.json"
}

# layout_usual DIR: the layout most judges push: `one` (an image) and `many` (an index of two).
layout_usual() {
    local linux arm
    layout_new "$1"
    linux=$(layout_image "$1" linux amd64 "hello from amd64" 300000)
    arm=$(layout_image "$1" linux arm64 "hello from arm64" 1000)
    layout_tag "$1" one "$linux"
    layout_tag "$1" many "$(layout_index "$1" "$linux" "$arm")"
}

# layout_digest DIR TAG: the digest a tag of the layout names.
layout_digest() {
    jq -r --arg tag "$2" \
        '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == $tag) | .digest' \
        "$1/index.json"
}

# windows_image DIR: a Windows image in skopeo's `dir` form, as Microsoft's base layers were for years:
# the base is foreign, has urls and never leaves its owner, so it is not in DIR.
windows_image() {
    local dir=$1 base layer config
    mkdir "$dir"
    printf 'Directory Transport Version: 1.1\n' >"$dir/version"
    base=$(jq -nc '{mediaType: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        size: 101145811, digest: ("sha256:" + "a" * 64),
        urls: ["https://layers.example/windows/nanoserver/sha256:" + "a" * 64]}')
    layer_tar "hello from windows" | gzip -n >"$dir/layer"
    layer=$(sha256sum "$dir/layer" | cut -d ' ' -f 1)
    mv "$dir/layer" "$dir/$layer"
    jq -nc --arg layer "sha256:$layer" '{architecture: "amd64", os: "windows",
        "os.version": "10.0.20348.2402", config: {},
        rootfs: {type: "layers", diff_ids: ["sha256:" + "b" * 64, $layer]}}' >"$dir/config"
    config=$(sha256sum "$dir/config" | cut -d ' ' -f 1)
    mv "$dir/config" "$dir/$config"
    jq -nc --argjson base "$base" --arg layer "sha256:$layer" --arg config "sha256:$config" \
        --argjson layer_size "$(stat -c %s "$dir/$layer")" \
        --argjson config_size "$(stat -c %s "$dir/$config")" '{schemaVersion: 2,
        mediaType: "application/vnd.docker.distribution.manifest.v2+json",
        config: {mediaType: "application/vnd.docker.container.image.v1+json",
                 size: $config_size, digest: $config},
        layers: [$base, {mediaType: "application/vnd.docker.image.rootfs.diff.tar.gzip",
                 size: $layer_size, digest: $layer}]}' >"$dir/manifest.json"
}
