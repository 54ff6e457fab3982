#!/usr/bin/env bash
# The layout both ways: what one registry wrote, the other serves, with every digest right.
#
# usage: layout.sh distribution-2.8|distribution-3 [OTHER]
#
# The rival writes and ours serves, ours adds and the rival serves again; then the same with the parts
# exchanged. Compared is everything a registry serves: repositories, tags, manifests, blobs, each
# body hashed (inventory.py). OTHER is what is judged (default $JUDGED).
. "$(dirname "$0")/common.sh"
. "$JUDGES/images.sh"
rival=${1:?usage: layout.sh distribution-2.8|distribution-3}
other=${2:-$JUDGED}
judge_begin "layout $rival"
require skopeo jq python3 curl
program_of "$rival" >/dev/null || skip "the program of $rival is not on this machine"
unset REGISTRY_AUTH_FILE

layout=$SCRATCH/layout
layout_usual "$layout"
linux=$(layout_image "$layout" linux amd64 "the second push" 2000)
layout_tag "$layout" second "$linux"
one=$(layout_digest "$layout" one)

copy() { skopeo --insecure-policy copy -q --all --src-tls-verify=false --dest-tls-verify=false "$@"; }

put_blob() { # REPOSITORY FILE: one POST and one PUT
    local location digest
    digest=$(digest_of "$2")
    location=$(curl -fsS -X POST -o /dev/null -D - "http://$HOST/v2/$1/blobs/uploads/" |
        tr -d '\r' | sed -n 's/^[Ll]ocation: //p')
    [[ $location = http* ]] || location=http://$HOST$location
    [[ $location = *\?* ]] && location="$location&digest=$digest" || location="$location?digest=$digest"
    curl -fsS -X PUT -H 'Content-Type: application/octet-stream' --data-binary "@$2" "$location"
}

# An artifact without a tag, whose subject is the image `one`; prints REPOSITORY@DIGEST.
put_artifact() { # REPOSITORY WORD
    printf '{}' >"$SCRATCH/empty"
    echo "the artifact $2" >"$SCRATCH/artifact"
    put_blob "$1" "$SCRATCH/empty"
    put_blob "$1" "$SCRATCH/artifact"
    jq -cn --arg empty "$(digest_of "$SCRATCH/empty")" --arg layer "$(digest_of "$SCRATCH/artifact")" \
        --argjson size "$(stat -c %s "$SCRATCH/artifact")" --arg subject "$one" \
        --argjson subject_size "$(stat -c %s "$layout/blobs/sha256/${one#sha256:}")" \
        --arg media $MEDIA_MANIFEST '{schemaVersion: 2, mediaType: $media,
        artifactType: "application/vnd.judge.note",
        config: {mediaType: "application/vnd.oci.empty.v1+json", digest: $empty, size: 2},
        layers: [{mediaType: "text/plain", digest: $layer, size: $size}],
        subject: {mediaType: $media, digest: $subject, size: $subject_size}}' >"$SCRATCH/artifact.json"
    curl -fsS -X PUT -H "Content-Type: $MEDIA_MANIFEST" --data-binary "@$SCRATCH/artifact.json" \
        "http://$HOST/v2/$1/manifests/$(digest_of "$SCRATCH/artifact.json")"
    echo "$1@$(digest_of "$SCRATCH/artifact.json")"
}

fill() { # the first writer: images, lists, several tags, an artifact, an overwritten and a deleted tag
    local tag
    for tag in one many; do
        copy "oci:$layout:$tag" "docker://$HOST/team/app:$tag"
        copy --format v2s2 "oci:$layout:$tag" "docker://$HOST/team/app/docker:$tag"
    done
    copy "oci:$layout:second" "docker://$HOST/team/app:moved"
    copy "oci:$layout:one" "docker://$HOST/team/app:moved"
    copy "oci:$layout:second" "docker://$HOST/gone:soon"
    skopeo delete --tls-verify=false "docker://$HOST/gone:soon"
    artifacts+=("$(put_artifact team/app first)")
}

add() { # the second writer, on the folder of the first
    copy "oci:$layout:second" "docker://$HOST/team/app:second"
    copy "oci:$layout:second" "docker://$HOST/added:second"
    copy "docker://$HOST/team/app:many" "docker://$HOST/team/app:one"
    artifacts+=("$(put_artifact team/app second)")
}

inventory() { python3 "$JUDGES/inventory.py" "$HOST" "${artifacts[@]}"; }

both() { # WRITER READER
    local writer=$1 reader=$2 data=$SCRATCH/$1-first
    artifacts=()
    echo "$writer writes, $reader serves"
    registry_start "$writer" "$data"
    fill
    inventory >"$SCRATCH/written"
    registry_stop
    registry_start "$reader" "$data"
    inventory >"$SCRATCH/served"
    diff "$SCRATCH/written" "$SCRATCH/served" || fail "$reader serves otherwise what $writer wrote"
    echo "$reader adds, $writer serves"
    add
    inventory >"$SCRATCH/added"
    [ "$(wc -l <"$SCRATCH/added")" -gt "$(wc -l <"$SCRATCH/served")" ] || fail "nothing was added"
    registry_stop
    registry_start "$writer" "$data"
    inventory >"$SCRATCH/served"
    diff "$SCRATCH/added" "$SCRATCH/served" || fail "$writer serves otherwise what $reader added"
    if [ "$writer" = ours ]; then referrers 2; fi
    registry_stop
    if [ "$reader" = ours ]; then
        registry_start ours "$data"
        referrers 2
        registry_stop
    fi
}

referrers() { # COUNT: ours lists artifacts whichever program wrote them
    same "$1" "$(curl -fsS "http://$HOST/v2/team/app/referrers/$one" | jq '.manifests | length')" "referrers"
}

both "$rival" "$other"
both "$other" "$rival"
VERDICT="$(wc -l <"$SCRATCH/served") things compared by digest each way"
