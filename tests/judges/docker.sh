#!/usr/bin/env bash
# docker (Debian's docker.io) with its own daemon: build, push, pull, run-less checks of the content, a
# manifest list with a Windows image. Loopback is a plain-HTTP registry to docker by default.
. "$(dirname "$0")/common.sh"
. "$JUDGES/images.sh"
judge_begin docker
require jq
. "$JUDGES/daemon.sh"
registry_start "$JUDGED" "$SCRATCH/data"
app=$HOST/team/docker

digest_at() { # REFERENCE: the manifest the registry serves, hashed here, kept in $SCRATCH/manifest
    curl -fsS -H "Accept: $MEDIA_MANIFEST, $MEDIA_INDEX, application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json" \
        "http://$HOST/v2/team/docker/manifests/$1" -o "$SCRATCH/manifest"
    digest_of "$SCRATCH/manifest"
}
push() { # TAG: pushes, checks the digest docker tells
    docker push "$app:$1" >"$SCRATCH/push.log" 2>&1 || { cat "$SCRATCH/push.log" && fail "push of $1"; }
    same "$(grep -o 'sha256:[0-9a-f]*' "$SCRATCH/push.log" | tail -n 1)" "$(digest_at "$1")" "digest of $1"
}
build() { # TAG PLATFORM
    DOCKER_BUILDKIT=1 docker build -q --platform "$2" -t "$app:$1" "$SCRATCH/context" >/dev/null 2>"$SCRATCH/build.log" ||
        { cat "$SCRATCH/build.log" && fail "build of $1"; }
}

echo "two images built from scratch and pushed; the second shares a layer (mount or HEAD)"
mkdir "$SCRATCH/context"
printf 'FROM scratch\nCOPY noise /noise\nCOPY hello /hello\nCMD ["/hello"]\n' >"$SCRATCH/context/Dockerfile"
head -c 3000000 /dev/urandom >"$SCRATCH/context/noise"
for arch in amd64 arm64; do
    echo "hello from $arch" >"$SCRATCH/context/hello"
    build $arch linux/$arch
    push $arch
done
docker tag "$app:amd64" "$HOST/other/docker:mounted"
docker push "$HOST/other/docker:mounted" >/dev/null
mounted=$(curl -fsS "http://$HOST/v2/other/docker/manifests/mounted" \
    -H 'Accept: application/vnd.docker.distribution.manifest.v2+json' | sha256sum | cut -d ' ' -f 1)
same "$(digest_at amd64)" "sha256:$mounted" "the image in another repository"

# Debian's daemon stores no Windows image of its own, so skopeo pushes that one, its base layer foreign
# and never uploaded (distribution refuses it), and docker names it in its list and asks for it.
members=(amd64 arm64)
if [ "$JUDGED" = ours ] && command -v skopeo >/dev/null; then
    echo "a Windows image with a foreign base layer"
    windows_image "$SCRATCH/windows"
    skopeo --insecure-policy copy -q --dest-tls-verify=false "dir:$SCRATCH/windows" "docker://$app:windows"
    members+=(windows)
    if docker pull "$app:windows" >"$SCRATCH/pull.log" 2>&1; then fail "a Linux daemon took a Windows image"; fi
    grep -q 'cannot be used on this platform\|operating system is not supported' "$SCRATCH/pull.log" ||
        { cat "$SCRATCH/pull.log" && fail "docker refused the Windows image for another reason"; }
fi

echo "a manifest list"
docker manifest create --insecure "$app:list" "${members[@]/#/$app:}" >/dev/null
docker manifest annotate "$app:list" "$app:arm64" --os linux --arch arm64
list=$(docker manifest push --insecure "$app:list" | tail -n 1)
same "$list" "$(digest_at list)" "manifest list"
same ${#members[@]} "$(jq '.manifests | length' "$SCRATCH/manifest")" "manifests in the list"

echo "pulled again into an empty daemon: by tag, by digest, by list"
docker image prune -af >/dev/null
docker images -aq | sort -u | xargs -r "$DOCKER" rmi -f >/dev/null 2>&1 || true
same "" "$(docker images -q)" "images left in the daemon"
for reference in ":amd64" "@$(digest_at amd64)" ":list" "@$list"; do
    docker pull "$app$reference" >"$SCRATCH/pull.log" 2>&1 || { cat "$SCRATCH/pull.log" && fail "pull of $reference"; }
done
container=$(docker create "$app:list")
docker cp "$container:/hello" "$SCRATCH/hello" >/dev/null
docker cp "$container:/noise" "$SCRATCH/noise" >/dev/null
same "hello from amd64" "$(cat "$SCRATCH/hello")" "the file in the pulled image"
cmp "$SCRATCH/noise" "$SCRATCH/context/noise"
