#!/usr/bin/env bash
# oras: artifacts, attachments and referrers (by the API, or by the spec's fallback tags on a registry
# that lacks it), copy with referrers, tags, blobs, deletion.
. "$(dirname "$0")/common.sh"
. "$JUDGES/images.sh"
judge_begin oras
require oras jq
export DOCKER_CONFIG=$SCRATCH

registry_start "$JUDGED" "$SCRATCH/data"
app=$HOST/team/oras
cd "$SCRATCH"

echo "an artifact of two files, in and out"
echo "hello" >hello.txt
head -c 300000 /dev/zero >zeros.bin
oras push --plain-http "$app:v1" --artifact-type application/vnd.judge.files \
    hello.txt:text/plain zeros.bin:application/octet-stream >/dev/null
mkdir back
oras pull --plain-http -o back "$app:v1" >/dev/null
cmp hello.txt back/hello.txt
cmp zeros.bin back/zeros.bin
oras manifest fetch --plain-http "$app:v1" >manifest
digest=$(oras manifest fetch --plain-http --descriptor "$app:v1" | jq -r .digest)
same "$(digest_of manifest)" "$digest" "manifest"

echo "attachments and their discovery"
for kind in sbom signature; do
    echo "the $kind" >$kind.txt
    oras attach --plain-http "$app:v1" --artifact-type application/vnd.judge.$kind $kind.txt:text/plain >/dev/null
done
discovered() { # REFERENCE FLAG...: the referrers' artifact types
    oras discover --plain-http --format json "$@" | jq -r '[.manifests[].artifactType] | sort | join(" ")'
}
same "application/vnd.judge.sbom application/vnd.judge.signature" "$(discovered "$app:v1")" "referrers"
same "application/vnd.judge.sbom" \
    "$(discovered --artifact-type application/vnd.judge.sbom "$app:v1")" "referrers of one type"
if [ "$JUDGED" = ours ]; then
    same "application/vnd.judge.sbom application/vnd.judge.signature" \
        "$(discovered --distribution-spec v1.1-referrers-api "$app:v1")" "referrers by the API"
    same "v1" "$(oras repo tags --plain-http "$app" | tr '\n' ' ' | sed 's/ $//')" "no fallback tags"
fi

echo "copy with referrers"
oras cp -r --from-plain-http --to-plain-http "$app:v1" "$HOST/other/oras:copied" >/dev/null
same "$digest" "$(oras resolve --plain-http "$HOST/other/oras:copied")" "copied artifact"
same "application/vnd.judge.sbom application/vnd.judge.signature" \
    "$(discovered "$HOST/other/oras:copied")" "referrers of the copy"

echo "to an image layout and back"
oras cp -r --from-plain-http --to-oci-layout "$app:v1" "layout:v1" >/dev/null
oras cp -r --from-oci-layout --to-plain-http "layout:v1" "$HOST/third/oras:v1" >/dev/null
same "$digest" "$(oras resolve --plain-http "$HOST/third/oras:v1")" "artifact by way of a layout"

echo "tags, blobs, deletion"
oras tag --plain-http "$app:v1" v2 v3 >/dev/null
same "v1 v2 v3" "$(oras repo tags --plain-http "$app" | grep -v ^sha256- | sort | tr '\n' ' ' | sed 's/ $//')" "tags"
blob=$(digest_of hello.txt)
oras blob fetch --plain-http -o blob "$app@$blob" >/dev/null
cmp hello.txt blob
oras blob delete --plain-http -f "$HOST/third/oras@$blob" >/dev/null
if oras blob fetch --plain-http -o gone "$HOST/third/oras@$blob" >/dev/null 2>&1; then
    fail "a deleted blob is still served"
fi
oras manifest delete --plain-http -f "$HOST/other/oras@$digest" >/dev/null
if oras resolve --plain-http "$HOST/other/oras:copied" >/dev/null 2>&1; then
    fail "a deleted artifact is still served"
fi
