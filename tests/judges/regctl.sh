#!/usr/bin/env bash
# regctl (regclient): images, an index, referrers, blobs, copy, tag and manifest deletion.
. "$(dirname "$0")/common.sh"
. "$JUDGES/images.sh"
judge_begin regctl
require regctl jq
export REGCTL_CONFIG=$SCRATCH/regctl.json DOCKER_CONFIG=$SCRATCH

layout=$SCRATCH/layout
layout_usual "$layout"
registry_start "$JUDGED" "$SCRATCH/data"
app=$HOST/team/regctl
regctl registry set --tls disabled "$HOST" 2>/dev/null

echo "an image and an index, in and out"
for tag in one many; do
    regctl image copy "ocidir://$layout:$tag" "$app:$tag" >/dev/null
    same "$(layout_digest "$layout" $tag)" "$(regctl image digest "$app:$tag")" "digest of $tag"
    regctl image copy "$app:$tag" "ocidir://$SCRATCH/back:$tag" >/dev/null
done
diff -r "$layout/blobs" "$SCRATCH/back/blobs" || fail "the blobs pulled back differ"

echo "copy between repositories (mount), by digest and at sha512"
one=$(layout_digest "$layout" one)
regctl image copy "$app@$one" "$HOST/other/regctl:copied" >/dev/null
same "$one" "$(regctl image digest "$HOST/other/regctl:copied")" "copied image"
if [ "$JUDGED" = ours ]; then
    regctl image mod "$app:one" --digest-algo sha512 --create "$app:sha512" >/dev/null
    [[ $(regctl image digest "$app:sha512") = sha512:* ]] || fail "the sha512 image has another digest"
    regctl image copy "$app:sha512" "ocidir://$SCRATCH/sha512:v1" >/dev/null
fi

echo "artifacts with a subject, listed, filtered, copied along"
for kind in sbom signature; do
    echo "the $kind" | regctl artifact put --artifact-type application/vnd.judge.$kind \
        --subject "$app:one" >/dev/null
done
types() { regctl artifact list "$@" --format '{{range .Descriptors}}{{println .ArtifactType}}{{end}}' | grep . | sort | tr '\n' ' ' | sed 's/ $//'; }
same "application/vnd.judge.sbom application/vnd.judge.signature" "$(types "$app:one")" "referrers"
same "application/vnd.judge.sbom" \
    "$(types "$app:one" --filter-artifact-type application/vnd.judge.sbom)" "referrers of one type"
regctl image copy --referrers "$app:one" "$HOST/third/regctl:one" >/dev/null
same "application/vnd.judge.sbom application/vnd.judge.signature" \
    "$(types "$HOST/third/regctl:one")" "referrers of the copy"

echo "a blob in and out"
head -c 70000 /dev/zero >"$SCRATCH/zeros"
blob=$(regctl blob put "$app" <"$SCRATCH/zeros")
same "$(digest_of "$SCRATCH/zeros")" "$blob" "blob digest"
regctl blob get "$app" "$blob" | cmp - "$SCRATCH/zeros"

echo "tags, repositories, deletion"
same "many one" "$(regctl tag ls "$app" | grep -v '^sha' | sort | tr '\n' ' ' | sed 's/ $//')" "tags"
same "other/regctl team/regctl third/regctl" \
    "$(regctl repo ls "$HOST" | tr '\n' ' ' | sed 's/ $//')" "repositories"
regctl tag rm "$app:one"
if regctl image digest "$app:one" >/dev/null 2>&1; then fail "a deleted tag is still served"; fi
same "$one" "$(regctl image digest "$app@$one")" "the manifest of a deleted tag"
regctl manifest delete "$HOST/other/regctl@$one"
if regctl image digest "$HOST/other/regctl:copied" >/dev/null 2>&1; then
    fail "a deleted manifest is still served"
fi
