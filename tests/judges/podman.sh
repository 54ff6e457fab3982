#!/usr/bin/env bash
# podman and buildah: build from scratch, push and pull, a manifest list made by the client.
. "$(dirname "$0")/common.sh"
. "$JUDGES/images.sh"
judge_begin podman
require podman buildah jq

# Its own store, without cgroups and network set-up: works as root in a container too.
unset REGISTRY_AUTH_FILE
# Certificates and policy come from containers-common; ours accepts everything.
mkdir -p "$SCRATCH/home/.config/containers"
printf '{"default":[{"type":"insecureAcceptAnything"}]}' >"$SCRATCH/home/.config/containers/policy.json"
export HOME=$SCRATCH/home XDG_RUNTIME_DIR=$SCRATCH/run BUILDAH_ISOLATION=chroot
mkdir -p "$XDG_RUNTIME_DIR"
store=(--root "$SCRATCH/store" --runroot "$SCRATCH/runroot" --storage-driver vfs)
pod() {
    podman "${store[@]}" --cgroup-manager cgroupfs --events-backend file "$@"
}

registry_start "$JUDGED" "$SCRATCH/data"
app=$HOST/team/podman

digest_at() { # REFERENCE: what the registry serves, hashed here
    curl -fsS -H "Accept: $MEDIA_MANIFEST, $MEDIA_INDEX, application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json" \
        "http://$HOST/v2/team/podman/manifests/$1" -o "$SCRATCH/manifest"
    digest_of "$SCRATCH/manifest"
}

echo "buildah builds two images from scratch, podman pushes them in both formats"
mkdir "$SCRATCH/context"
for arch in amd64 arm64; do
    echo "hello from $arch" >"$SCRATCH/context/hello"
    printf 'FROM scratch\nCOPY hello /hello\nCMD ["/hello"]\n' >"$SCRATCH/context/Containerfile"
    buildah "${store[@]}" bud -q --arch $arch -t "$app:$arch" "$SCRATCH/context" >/dev/null
    pod push -q --tls-verify=false --digestfile "$SCRATCH/$arch.digest" "$app:$arch"
    same "$(cat "$SCRATCH/$arch.digest")" "$(digest_at $arch)" "digest of $arch"
done
pod push -q --tls-verify=false --format v2s2 "$app:amd64" "docker://$app:schema2"
digest_at schema2 >/dev/null
same application/vnd.docker.distribution.manifest.v2+json \
    "$(jq -r .mediaType "$SCRATCH/manifest")" "media type of schema2"

echo "a manifest list"
pod manifest create "$app:list" >/dev/null
for arch in amd64 arm64; do
    pod manifest add --tls-verify=false "$app:list" "docker://$app:$arch" >/dev/null
done
pod manifest push -q --all --tls-verify=false "$app:list" "docker://$app:list" >/dev/null 2>&1
list=$(digest_at list)
same 2 "$(jq '.manifests | length' "$SCRATCH/manifest")" "manifests in the list"

echo "pulled again into an empty store"
pod rmi -f --all >/dev/null 2>&1 || true
for reference in ":amd64" ":schema2" "@$(cat "$SCRATCH/arm64.digest")" ":list" "@$list"; do
    pod pull -q --tls-verify=false "$app$reference" >/dev/null
done
image=$(pod create "$app:amd64" 2>/dev/null)
pod cp "$image:/hello" "$SCRATCH/hello"
same "hello from amd64" "$(cat "$SCRATCH/hello")" "the file in the pulled image"
