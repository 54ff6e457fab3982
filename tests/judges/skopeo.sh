#!/usr/bin/env bash
# skopeo (containers/image, as podman, buildah and CRI-O use it): images, an index, docker's own
# formats, foreign layers that are never uploaded, tag list and deletion.
. "$(dirname "$0")/common.sh"
. "$JUDGES/images.sh"
judge_begin skopeo
require skopeo jq
export REGISTRY_AUTH_FILE=$SCRATCH/auth.json

layout=$SCRATCH/layout
layout_usual "$layout"
registry_start "$JUDGED" "$SCRATCH/data"

copy() { skopeo --insecure-policy copy -q --src-tls-verify=false --dest-tls-verify=false "$@"; }
inspect() { skopeo inspect --tls-verify=false --raw "docker://$HOST/$1"; }
remote_digest() {
    inspect "$1" >"$SCRATCH/raw"
    digest_of "$SCRATCH/raw"
}

echo "an image and an index, in and out"
for tag in one many; do
    copy --all "oci:$layout:$tag" "docker://$HOST/team/app:$tag"
    same "$(layout_digest "$layout" $tag)" "$(remote_digest "team/app:$tag")" "digest of $tag"
    copy --all "docker://$HOST/team/app:$tag" "oci:$SCRATCH/back:$tag"
    same "$(layout_digest "$layout" $tag)" "$(layout_digest "$SCRATCH/back" $tag)" "$tag pulled back"
done
diff -r "$layout/blobs" "$SCRATCH/back/blobs" || fail "the blobs pulled back differ"

echo "by digest, and a copy between two repositories (mount)"
copy "docker://$HOST/team/app@$(layout_digest "$layout" one)" "docker://$HOST/other/app:copied"
same "$(layout_digest "$layout" one)" "$(remote_digest other/app:copied)" "copied image"

echo "docker's schema2 and manifest list"
copy --format v2s2 "oci:$layout:one" "docker://$HOST/team/docker:one"
copy --all --format v2s2 "oci:$layout:many" "docker://$HOST/team/docker:many"
same application/vnd.docker.distribution.manifest.v2+json \
    "$(inspect team/docker:one | jq -r .mediaType)" "media type of schema2"
same application/vnd.docker.distribution.manifest.list.v2+json \
    "$(inspect team/docker:many | jq -r .mediaType)" "media type of the list"
copy --all "docker://$HOST/team/docker:many" "dir:$SCRATCH/list"
same "$(digest_of "$SCRATCH/list/manifest.json")" "$(remote_digest team/docker:many)" "manifest list"

echo "tags"
same "many one" "$(skopeo list-tags --tls-verify=false "docker://$HOST/team/app" |
    jq -r '.Tags | sort | join(" ")')" "tag list"

echo "deletion"
skopeo delete --tls-verify=false "docker://$HOST/other/app:copied"
if inspect other/app:copied >/dev/null 2>&1; then fail "a deleted image is still served"; fi
same "$(layout_digest "$layout" one)" "$(remote_digest team/app:one)" "the source of the copy"

# distribution refuses such a manifest by default.
if [ "$JUDGED" = ours ]; then
    echo "a Windows image with a foreign base layer that is never uploaded"
    windows=$SCRATCH/windows
    windows_image "$windows"
    copy "dir:$windows" "docker://$HOST/windows/app:ltsc2022"
    same "$(digest_of "$windows/manifest.json")" "$(remote_digest windows/app:ltsc2022)" \
        "the Windows image's digest"
    # Only a registry takes an image without its foreign layers, so the way back leads to another name.
    copy "docker://$HOST/windows/app:ltsc2022" "docker://$HOST/windows/copied:ltsc2022"
    same "$(digest_of "$windows/manifest.json")" "$(remote_digest windows/copied:ltsc2022)" \
        "the copied Windows image's digest"
fi
