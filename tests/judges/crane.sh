#!/usr/bin/env bash
# crane (go-containerregistry, as ko, kaniko and cosign use it): images, an index, copy, tags, catalog,
# validation, deletion.
. "$(dirname "$0")/common.sh"
. "$JUDGES/images.sh"
judge_begin crane
require crane jq
export DOCKER_CONFIG=$SCRATCH

layout=$SCRATCH/layout
layout_usual "$layout"
registry_start "$JUDGED" "$SCRATCH/data"
crane() { command crane --insecure "$@"; }
app=$HOST/team/crane

echo "an image made by the client, in layers"
layer_tar "appended" >"$SCRATCH/layer.tar"
crane append --oci-empty-base -f "$SCRATCH/layer.tar" -t "$app:appended" >/dev/null 2>&1
crane pull "$app:appended" "$SCRATCH/appended.tar"
crane push "$SCRATCH/appended.tar" "$app:again" >/dev/null 2>&1
crane validate --remote "$app:appended" >/dev/null

echo "an index, in and out"
many=$(layout_digest "$layout" many)
one=$(layout_digest "$layout" one)
pushed=$SCRATCH/pushed
cp -r "$layout" "$pushed"
jq -c --arg digest "$many" '.manifests |= map(select(.digest == $digest))' "$layout/index.json" >"$pushed/index.json"
crane push "$pushed" "$app:many" >/dev/null 2>&1
same "$many" "$(crane digest "$app:many")" "digest of the index"
crane validate --remote "$app:many" >/dev/null
crane pull --format oci "$app:many" "$SCRATCH/back"
diff -r "$layout/blobs" "$SCRATCH/back/blobs" || fail "the blobs pulled back differ"
same "$one" "$(crane digest --platform linux/amd64 "$app:many")" "the amd64 child"

echo "copy (mount), tag, list, catalog"
crane copy "$app:many" "$HOST/other/crane:copied" >/dev/null 2>&1
same "$many" "$(crane digest "$HOST/other/crane:copied")" "copied index"
crane tag "$app:many" newer 2>/dev/null
same "again appended many newer" "$(crane ls "$app" | sort | tr '\n' ' ' | sed 's/ $//')" "tags"
same "other/crane team/crane" "$(crane catalog "$HOST" | tr '\n' ' ' | sed 's/ $//')" "catalog"

echo "a blob and a manifest by digest"
blob=$(jq -r '.layers[0].digest' "$layout/blobs/sha256/${one#sha256:}")
crane blob "$app@$blob" >"$SCRATCH/blob"
same "$blob" "$(digest_of "$SCRATCH/blob")" "blob"
crane manifest "$app@$one" >"$SCRATCH/manifest"
same "$one" "$(digest_of "$SCRATCH/manifest")" "manifest"

echo "deletion"
crane delete "$HOST/other/crane@$many"
if crane digest "$HOST/other/crane:copied" >/dev/null 2>&1; then fail "a deleted index is still served"; fi
same "$many" "$(crane digest "$app:many")" "the source of the copy"
