#!/usr/bin/env bash
# What the users of docker, skopeo, podman and crane read when something fails: every message that the
# registry sends must reach them, in the words that say what is wrong. (Without the right detail Go's
# clients show the code of an error alone.)
. "$(dirname "$0")/common.sh"
. "$JUDGES/images.sh"
judge_begin messages
[ "$JUDGED" = ours ] || skip "the messages are ours"
require skopeo podman crane jq curl mountpoint
. "$JUDGES/daemon.sh"
OTHER_SERVER=''
judge_cleanup() {
    rm -f "$SCRATCH/flood"
    [ -z "$OTHER_SERVER" ] || kill "$OTHER_SERVER"
    daemon_stop
    for disk in full fixed; do
        if mountpoint -q "$SCRATCH/$disk"; then umount -l "$SCRATCH/$disk"; fi
    done
}

# All four read users from one file of the same form.
export REGISTRY_AUTH_FILE=$DOCKER_CONFIG/config.json
mkdir -p "$SCRATCH/home/.config/containers" "$SCRATCH/run" "$SCRATCH/context"
printf '{"default":[{"type":"insecureAcceptAnything"}]}' >"$SCRATCH/home/.config/containers/policy.json"
export HOME=$SCRATCH/home XDG_RUNTIME_DIR=$SCRATCH/run
store=(--root "$SCRATCH/store" --runroot "$SCRATCH/runroot" --storage-driver vfs)
pod() { podman "${store[@]}" --cgroup-manager cgroupfs --events-backend file "$@"; }

# user [NAME [PASSWORD]]: who the clients are from here on; nobody without a name.
user() {
    local auth='{}'
    [ $# -eq 0 ] || auth=$(jq -n --arg host "$HOST" --arg auth "$(printf '%s:%s' "$1" "${2:-$1}" | base64)" \
        '{($host): {auth: $auth}}')
    jq -n --argjson auths "$auth" '{auths: $auths}' >"$REGISTRY_AUTH_FILE"
}

# reads TEXT COMMAND...: the command fails, and its user reads that text.
reads() {
    local text=$1 read
    read=$(mktemp "$SCRATCH/read.XXXXXX")
    shift
    if "$@" >"$read" 2>&1; then fail "it should have failed: $*"; fi
    grep -qF -- "$text" "$read" && return
    tail -n 5 "$read" | cut -c 1-600
    fail "'$text' is not what is read after: $*"
}

docker_pull() { docker pull "$HOST/$1"; }
docker_push() { docker tag "$image" "$HOST/$1" && docker push "$HOST/$1"; }
skopeo_pull() { skopeo inspect --tls-verify=false "docker://$HOST/$1"; }
skopeo_push() { skopeo --insecure-policy copy -q --dest-tls-verify=false "oci:$SCRATCH/layout:one" "docker://$HOST/$1"; }
podman_pull() { pod pull -q --tls-verify=false "$HOST/$1"; }
podman_push() { pod push -q --tls-verify=false "$image" "docker://$HOST/$1"; }
crane_pull() { crane --insecure manifest "$HOST/$1"; }
crane_push() { crane --insecure push "$SCRATCH/image.tar" "$HOST/$1"; }

# every pull|push NAME TEXT: each of the clients reads it.
every() {
    local client
    for client in docker skopeo podman crane; do reads "$3" "${client}_$1" "$2"; done
}

layout_usual "$SCRATCH/layout"
printf 'FROM scratch\nCOPY hello /hello\nCMD ["/hello"]\n' >"$SCRATCH/context/Dockerfile"
head -c 3000000 /dev/urandom >"$SCRATCH/context/hello"
image=localhost/built:v1
docker build -q -t $image "$SCRATCH/context" >/dev/null
docker save $image -o "$SCRATCH/image.tar"
pod load -q -i "$SCRATCH/image.tar" >/dev/null

for name in anna ben ci; do
    "$REGISTRY_PROGRAM" htpasswd --file "$SCRATCH/users" --cost 5 $name <<<$name
done
users=(REGISTRY_AUTH=htpasswd REGISTRY_AUTH_HTPASSWD_REALM=Judge "REGISTRY_AUTH_HTPASSWD_PATH=$SCRATCH/users")
all='{users: [anna], repositories: ["**"], actions: [pull, push, delete, catalog]}'
some='{users: [ben], repositories: ["team/*"], actions: [pull]}, {users: [ci], repositories: ["team/*"], actions: [pull, push-new]}'
anybody='{users: [anonymous], repositories: ["public/*"], actions: [pull]}'
registry_start ours "$SCRATCH/data" "${users[@]}" "REGISTRY_ACCESS_RULES=[$all, $some]"

echo "not logged in"
user
for what in pull push; do
    # docker's own words: it sends nothing without credentials.
    reads "no basic auth credentials" docker_$what team/app:v1
    reads "unauthorized: authentication required" skopeo_$what team/app:v1
    reads "unauthorized: authentication required" podman_$what team/app:v1
done
# A push of crane begins with a HEAD, whose answer has no body.
reads "UNAUTHORIZED: authentication required" crane_pull team/app:v1
reads "401 Unauthorized" crane_push team/app:v1

echo "a wrong password"
user anna wrong
for what in pull push; do
    for client in docker skopeo podman; do
        reads "unauthorized: authentication required" ${client}_$what team/app:v1
    done
done
reads "UNAUTHORIZED: authentication required" crane_pull team/app:v1
reads "401 Unauthorized" crane_push team/app:v1
reads "401 Unauthorized" docker login -u anna -p wrong "$HOST"
reads "invalid username/password" skopeo login --tls-verify=false -u anna -p wrong "$HOST"
reads "invalid username/password" pod login --tls-verify=false -u anna -p wrong "$HOST"

echo "what is not there"
user anna
reads "manifest unknown: manifest unknown to registry" docker_pull team/app:none
reads "manifest unknown: manifest unknown to registry" skopeo_pull team/app:none
reads "manifest unknown: manifest unknown to registry" podman_pull team/app:none
reads "MANIFEST_UNKNOWN: manifest unknown to registry; unknown tag=none" crane_pull team/app:none
crane_push team/app:v1 >/dev/null 2>&1
none=sha256:$(printf none | sha256sum | cut -d ' ' -f 1)
reads "BLOB_UNKNOWN: blob unknown to this repository; $none" crane --insecure blob "$HOST/team/app@$none"
reads "NAME_UNKNOWN: repository unknown to this registry; map[name:team/none]" crane --insecure ls "$HOST/team/none"
reads "404 (Not Found)" skopeo list-tags --tls-verify=false "docker://$HOST/team/none"

echo "a blob that a manifest names is missing"
skopeo_push team/hole:v1
one=$(layout_digest "$SCRATCH/layout" one)
hole=$(jq -r '.layers[0].digest' "$SCRATCH/layout/blobs/sha256/${one#sha256:}")
hex=${hole#sha256:}
rm "$SCRATCH/data/docker/registry/v2/blobs/sha256/${hex:0:2}/$hex/data"
reads "unknown blob" docker_pull team/hole:v1
reads "404 (Not Found)" skopeo --insecure-policy copy -q --src-tls-verify=false "docker://$HOST/team/hole:v1" "dir:$SCRATCH/back"
reads "404 (Not Found)" podman_pull team/hole:v1
reads "BLOB_UNKNOWN: blob unknown to this repository; $hole" crane --insecure pull "$HOST/team/hole:v1" "$SCRATCH/hole.tar"
crane --insecure manifest "$HOST/team/hole:v1" >"$SCRATCH/manifest.json"
status=$(curl -sS -u anna:anna -o "$SCRATCH/answer" -w '%{http_code}' -X PUT -H "Content-Type: $MEDIA_MANIFEST" \
    --data-binary "@$SCRATCH/manifest.json" "http://$HOST/v2/team/hole/manifests/v2")
same "400 MANIFEST_BLOB_UNKNOWN $hole" "$status $(jq -r '.errors[0] | "\(.code) \(.detail)"' "$SCRATCH/answer")" \
    "a manifest without its blob"

echo "not allowed"
user ben
reads "denied: requested access to the resource is denied" docker_pull secret/app:v1
reads "denied: requested access to the resource is denied" skopeo_pull secret/app:v1
reads "denied: requested access to the resource is denied" podman_pull secret/app:v1
reads "DENIED: requested access to the resource is denied" crane_pull secret/app:v1
reads "denied: requested access to the resource is denied" docker_push team/app:v2
reads "denied: requested access to the resource is denied" skopeo_push team/app:v2
reads "denied: requested access to the resource is denied" podman_push team/app:v2
reads "DENIED: requested access to the resource is denied" crane_push team/app:v2

echo "a tag that may not be moved"
user ci
crane --insecure append --oci-empty-base -f <(layer_tar kept) -t "$HOST/team/kept:v1" >/dev/null 2>&1
every push team/kept:v1 "the tag v1 exists and may not be moved"

echo "too many requests"
"$REGISTRY_PROGRAM" htpasswd --file "$SCRATCH/users" --cost 16 slow <<<slow
registry_stop
registry_start ours "$SCRATCH/data" "${users[@]}"
touch "$SCRATCH/flood"
# Four checks of a password at once at most, and 64 in the line behind them.
for number in $(seq 70); do
    (
        while [ -e "$SCRATCH/flood" ]; do
            curl -s -m 20 -o /dev/null -u "slow:$number" "http://$HOST/v2/" || true
            sleep 0.2
        done
    ) &
done
deadline=$((SECONDS + 30))
until [ "$(curl -s -o /dev/null -w '%{http_code}' -u slow:x "http://$HOST/v2/")" = 429 ]; do
    [ $SECONDS -lt $deadline ] || fail "a flood of logins is not 429"
done
user slow
# All at once, since they try again. Not podman: it asks with skopeo's library, four times as often.
waited=()
for what in docker_pull docker_push skopeo_pull crane_pull; do
    reads "too many passwords are being checked; try again later" $what team/app:v1 &
    waited+=($!)
done
for client in "${waited[@]}"; do wait "$client" || fail "not all read that the registry is busy"; done
rm "$SCRATCH/flood"
registry_stop

echo "read-only"
registry_start ours "$SCRATCH/data" REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED=true
user
every push team/app:v2 "the registry is in read-only mode (storage.maintenance.readonly)"
reads "the registry is in read-only mode" crane --insecure delete "$HOST/team/app:v1"
registry_stop

echo "guests, who may log in: a Bearer challenge"
registry_start ours "$SCRATCH/data" "${users[@]}" "REGISTRY_ACCESS_RULES=[$all, $some, $anybody]"
user
reads "denied: requested access to the resource is denied" docker_pull team/app:v1
reads "unauthorized: authentication required" skopeo_pull team/app:v1
reads "unauthorized: authentication required" podman_pull team/app:v1
reads "UNAUTHORIZED: authentication required" crane_pull team/app:v1
user anna wrong
every pull team/app:v1 "authentication required"
registry_stop

mkdir "$SCRATCH/full" "$SCRATCH/fixed"
if ! { mount -t tmpfs -o size=8m tmpfs "$SCRATCH/full" && mount -t tmpfs -o size=8m tmpfs "$SCRATCH/fixed"; } 2>/dev/null; then
    VERDICT="but for a full and a read-only disk: a file system cannot be mounted here"
    exit 0
fi
echo "a full disk, and one that cannot be written: these clients but crane show no body of a 5xx"
registry_start ours "$SCRATCH/full/data"
user
crane_push team/app:v1 >/dev/null 2>&1
head -c 8000000 /dev/zero >"$SCRATCH/full/fill" 2>/dev/null || true
OTHER_SERVER=$SERVER full=$HOST SERVER=''
registry_start ours "$SCRATCH/fixed/data"
mount -o remount,ro "$SCRATCH/fixed"
# docker tries such a push for a minute: both at once, and the others meanwhile.
docker tag $image "$full/team/app:v2"
docker push "$full/team/app:v2" >"$SCRATCH/docker-full" 2>&1 &
on_full=$!
docker tag $image "$HOST/team/app:v2"
docker push "$HOST/team/app:v2" >"$SCRATCH/docker-fixed" 2>&1 &
on_fixed=$!
reads "503 Service Unavailable" skopeo_push team/app:v3
reads "503 Service Unavailable" podman_push team/app:v3
reads "UNAVAILABLE: the registry cannot write to its storage" crane_push team/app:v3
HOST=$full
reads "507 Insufficient Storage" skopeo_push team/app:v3
reads "507 Insufficient Storage" podman_push team/app:v3
reads "UNAVAILABLE: the registry's storage is full" crane_push team/app:v3
if wait $on_full; then fail "docker pushed to a full disk"; fi
if wait $on_fixed; then fail "docker pushed to a disk that cannot be written"; fi
reads "507 Insufficient Storage" sh -c "cat '$SCRATCH/docker-full'; exit 1"
reads "503 Service Unavailable" sh -c "cat '$SCRATCH/docker-fixed'; exit 1"
