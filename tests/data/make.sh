#!/usr/bin/env bash
# Makes the trees of tests/data again with the real distribution: what each holds is in README.md.
#
# usage: tests/data/make.sh 2.8 | 3
#
# Needs docker-registry (2.8) or distribution's registry (3), skopeo, oras, jq, curl: run
# tests/judges/install.sh before. Upload ids and times differ at each run, all else is the same.
. "$(dirname "$0")/../judges/common.sh"
. "$JUDGES/images.sh"
version=${1:?usage: make.sh 2.8 | 3}
tree=$PROJECT/tests/data/distribution-$version
judge_begin "data of distribution $version"
require skopeo oras jq curl
# From here on the program is distribution's own, whatever is judged.
data=$SCRATCH/data root=$SCRATCH/data/docker/registry/v2
repositories=$root/repositories
facts=$SCRATCH/facts
export DOCKER_CONFIG=$SCRATCH
layout=$SCRATCH/layout

copy() { skopeo --insecure-policy copy -q --all --dest-tls-verify=false "$@"; }
fact() { echo "$*" >>"$facts"; }
location() { # METHOD URL [CURL WORDS]: sends, prints the Location it is answered
    curl -fsS -o /dev/null -D - -X "$@" | tr -d '\r' | sed -n 's/^[Ll]ocation: //p'
}
put_manifest() { # REPOSITORY REFERENCE MEDIA_TYPE FILE
    curl -fsS -X PUT -H "Content-Type: $3" --data-binary "@$4" "http://$HOST/v2/$1/manifests/$2"
}
put_blob() { # REPOSITORY FILE DIGEST
    local url
    url=$(location POST "http://$HOST/v2/$1/blobs/uploads/")
    curl -fsS -X PUT -H 'Content-Type: application/octet-stream' --data-binary "@$2" "$url&digest=$3"
}

images() { # the same images in three repositories whose names try an eager path splitter
    local amd64 arm64
    layout_new "$layout"
    amd64=$(layout_image "$layout" linux amd64 "hello from amd64")
    arm64=$(layout_image "$layout" linux arm64 "hello from arm64")
    layout_tag "$layout" image "$amd64"
    layout_tag "$layout" index "$(layout_index "$layout" "$amd64" "$arm64")"
    layout_tag "$layout" newer "$(layout_image "$layout" linux amd64 "hello again")"
    copy "oci:$layout:image" "docker://$HOST/a:oci"
    copy "oci:$layout:index" "docker://$HOST/a:index"
    copy --format v2s2 "oci:$layout:image" "docker://$HOST/a:schema2"
    copy --format v2s2 "oci:$layout:index" "docker://$HOST/a:list"
    copy "oci:$layout:image" "docker://$HOST/a:moved"
    copy "oci:$layout:newer" "docker://$HOST/a:moved"
    copy "oci:$layout:image" "docker://$HOST/a/b:v1"
    copy "oci:$layout:newer" "docker://$HOST/a-b:v1"
    # A manifest that does not say its media type: the specification lets it, distribution guesses.
    jq -cj 'del(.mediaType)' "$layout/blobs/sha256/$(layout_digest "$layout" image | cut -d : -f 2)" \
        >"$SCRATCH/untyped"
    put_manifest a untyped $MEDIA_MANIFEST "$SCRATCH/untyped"
}

artifacts() {
    # In `a` by hand and without a tag; in `a/b` as oras does it, with the fallback tag sha256-<hex>.
    local subject
    subject=$layout/blobs/sha256/$(layout_digest "$layout" image | cut -d : -f 2)
    printf '{}' >"$SCRATCH/empty"
    put_blob a "$SCRATCH/empty" "$(digest_of "$SCRATCH/empty")"
    jq -cjn --arg empty "$(digest_of "$SCRATCH/empty")" --arg subject "$(digest_of "$subject")" \
        --argjson size "$(stat -c %s "$subject")" --arg media $MEDIA_MANIFEST '
        {mediaType: "application/vnd.oci.empty.v1+json", digest: $empty, size: 2} as $nothing |
        {schemaVersion: 2, mediaType: $media, artifactType: "application/vnd.example.note",
         config: $nothing, layers: [$nothing],
         subject: {mediaType: $media, digest: $subject, size: $size},
         annotations: {"org.example.note": "kept beside the image"}}' >"$SCRATCH/artifact"
    put_manifest a "$(digest_of "$SCRATCH/artifact")" $MEDIA_MANIFEST "$SCRATCH/artifact"
    artifact=a@$(digest_of "$SCRATCH/artifact")
    (cd "$SCRATCH" && echo "an sbom" >sbom.txt && oras attach --plain-http "$HOST/a/b:v1" \
        --artifact-type application/vnd.example.sbom \
        --annotation org.opencontainers.image.created=2026-01-01T00:00:00Z sbom.txt:text/plain >/dev/null)
    # oras gives its attachment no tag: it is reached through the fallback tag's index.
}

deletions() { # a manifest and a blob deleted: their directories stay, without links
    copy "oci:$layout:image" "docker://$HOST/deleted:soon"
    copy "oci:$layout:newer" "docker://$HOST/deleted:stays"
    skopeo delete --tls-verify=false "docker://$HOST/deleted:soon"
    echo "a blob that is deleted" >"$SCRATCH/blob"
    put_blob deleted "$SCRATCH/blob" "$(digest_of "$SCRATCH/blob")"
    curl -fsS -X DELETE "http://$HOST/v2/deleted/blobs/$(digest_of "$SCRATCH/blob")"
}

blobs() { # blobs no manifest names: a sha512 one, stored as sha256 with an alias link, and an empty one
    local digest sha256
    echo "hello by sha512" >"$SCRATCH/blob"
    digest=sha512:$(sha512sum "$SCRATCH/blob" | cut -d ' ' -f 1)
    sha256=$(digest_of "$SCRATCH/blob")
    put_blob a "$SCRATCH/blob" "$digest"
    fact "alias a $digest $sha256 $(stat -c %s "$SCRATCH/blob")"
    fact "blob a $sha256 $(stat -c %s "$SCRATCH/blob")"
    : >"$SCRATCH/blob"
    put_blob a "$SCRATCH/blob" "$(digest_of "$SCRATCH/blob")"
    fact "blob a $(digest_of "$SCRATCH/blob") 0"
}

upload() { # a session of one PATCH, never finished
    local url id
    head -c 1000 /dev/zero >"$SCRATCH/blob"
    url=$(location POST "http://$HOST/v2/a/blobs/uploads/")
    location PATCH "$url" -H 'Content-Type: application/octet-stream' --data-binary "@$SCRATCH/blob" >/dev/null
    id=${url##*/}
    fact "upload a ${id%%\?*} 1000"
}

schema1() { # signed manifests as docker 1.9 pushed them; 3.x refuses them
    copy --format v2s1 "oci:$layout:image" "docker://$HOST/old:schema1" || {
        echo "no schema1 manifest in this tree" && return
    }
    curl -fsS -D "$SCRATCH/headers" -o "$SCRATCH/manifest" "http://$HOST/v2/old/manifests/schema1"
    tr -d '\r' <"$SCRATCH/headers" >"$SCRATCH/lines"
    fact "schema1 old schema1 $(sed -n 's/^Docker-Content-Digest: //p' "$SCRATCH/lines")" \
        "$(stat -c %s "$SCRATCH/manifest")" "$(sed -n 's/^Content-Type: //p' "$SCRATCH/lines")"
}

crash() { # what a power cut leaves, made by hand on the stopped registry's folder
    local link=$repositories/crashed/_manifests/tags/cut/current/link
    : >"$link"
    fact "empty_link ${link#"$data"/}"
    link=$repositories/a/_manifests/tags/oci/current/link
    printf 'sha256:0123' >"$link.018f0000-0000-7000-8000-000000000001.tmp"
    fact "temporary ${link#"$data"/}.018f0000-0000-7000-8000-000000000001.tmp"
}

# A key of 2.8 that 3.x no longer has, and only warns about.
registry_start "distribution-$version" "$data" REGISTRY_COMPATIBILITY_SCHEMA1_ENABLED=true
images
artifacts
deletions
copy "oci:$layout:image" "docker://$HOST/crashed:cut"
copy "oci:$layout:newer" "docker://$HOST/crashed:whole"
# The tag `cut` is about to be lost; its manifest is not.
python3 "$JUDGES/inventory.py" "$HOST" "$artifact" | grep -v '^tag crashed cut ' >"$facts"
blobs
upload
[ "$version" = 3 ] || schema1
registry_stop
crash
(cd "$data" && find . -type d -empty -printf 'empty_directory %P\n' | sort) >>"$facts"
rm -rf "$tree"
mkdir -p "$tree"
cp -r "$data/docker" "$tree/"
$(program_of "distribution-$version") --version | awk '{print "program", $NF}' >>"$facts"
python3 "$PROJECT/tests/data/expected.py" <"$facts" >"$tree/expected.json"
VERDICT=$(find "$tree" -type f -printf '%s\n' | awk '{bytes += $1} END {print NR " files, " bytes " bytes"}')
