#!/usr/bin/env bash
# HTTPS and users, by our program alone: its own certificate and its own file of users, with curl,
# skopeo and docker: login, wrong password, push, pull, logout; then rules with anonymous pull.
. "$(dirname "$0")/common.sh"
. "$JUDGES/images.sh"
judge_begin login
[ "$JUDGED" = ours ] || skip "the certificate and the user are made by our own program"
require curl skopeo jq
. "$JUDGES/daemon.sh"
export REGISTRY_AUTH_FILE=$SCRATCH/auth.json

secure_settings "$SCRATCH" anna 'open: sesame'
registry_start ours "$SCRATCH/data" "${SECURE[@]}"
app=$HOST/team/app
layout_usual "$SCRATCH/layout"
mkdir "$SCRATCH/trusted" "$SCRATCH/context"
cp "$CERTIFICATE" "$SCRATCH/trusted/ca.crt"
printf 'FROM scratch\nCOPY hello /hello\n' >"$SCRATCH/context/Dockerfile"
head -c 100000 /dev/urandom >"$SCRATCH/context/hello"
docker build -q -t "$app:docker" "$SCRATCH/context" >/dev/null

echo "curl trusts the certificate, and is let in with the right password only"
get() { curl -sS --cacert "$CERTIFICATE" -o "$SCRATCH/answer" -D "$SCRATCH/head" -w '%{http_code}' "$@"; }
same 200 "$(get -u 'anna:open: sesame' "https://$HOST/v2/")" "the right password"
same 401 "$(get -u 'anna:wrong' "https://$HOST/v2/")" "a wrong password"
same 401 "$(get "https://$HOST/v2/team/app/tags/list")" "no password"
grep -qi 'www-authenticate: Basic realm="Judge"' "$SCRATCH/head" || fail "the challenge is not Basic"
if curl -sS -o /dev/null "https://$HOST/v2/" 2>/dev/null; then fail "a stranger's certificate was trusted"; fi

fails() { # COMMAND...: must fail, and not because of the certificate
    if "$@" >"$SCRATCH/failed" 2>&1; then fail "it should have been refused: $*"; fi
    if grep -qi x509 "$SCRATCH/failed"; then cat "$SCRATCH/failed" && fail "the certificate was refused"; fi
}

echo "skopeo: login, push, pull, logout"
copy() { skopeo --insecure-policy copy -q --all --src-cert-dir "$SCRATCH/trusted" --dest-cert-dir "$SCRATCH/trusted" "$@"; }
login() { echo "$1" | skopeo login --cert-dir "$SCRATCH/trusted" -u anna --password-stdin "$HOST"; }
push_many() { skopeo --insecure-policy copy -q --all --dest-cert-dir "$SCRATCH/trusted" "oci:$SCRATCH/layout:many" "docker://$app:many"; }
fails push_many
fails login wrong
login 'open: sesame' >/dev/null
push_many
skopeo --insecure-policy copy -q --all --src-cert-dir "$SCRATCH/trusted" "docker://$app:many" "oci:$SCRATCH/back:many"
same "$(layout_digest "$SCRATCH/layout" many)" "$(layout_digest "$SCRATCH/back" many)" "the index pulled back"
skopeo logout "$HOST" >/dev/null
fails push_many

echo "docker: login, push, pull, logout"
fails docker push "$app:docker"
fails docker login -u anna -p wrong "$HOST"
docker login -u anna -p 'open: sesame' "$HOST" >/dev/null 2>&1
docker push "$app:docker" >"$SCRATCH/push.log"
digest=$(grep -o 'sha256:[0-9a-f]*' "$SCRATCH/push.log" | tail -n 1)
docker rmi "$app:docker" >/dev/null
docker pull "$app:docker" >"$SCRATCH/pull.log"
grep -q "$digest" "$SCRATCH/pull.log" || fail "docker pulled another digest than it pushed"
docker logout "$HOST" >/dev/null
docker rmi "$app:docker" >/dev/null
fails docker pull "$app:docker"

echo "rules: anybody pulls, anna pushes"
registry_stop
rules='[{users: [anna], repositories: ["**"], actions: [pull, push]}, {users: [anonymous], repositories: ["team/**"], actions: [pull]}]'
registry_start ours "$SCRATCH/data" "${SECURE[@]}" "REGISTRY_ACCESS_RULES=$rules"
public=$HOST/team/app
docker pull "$public:docker" >/dev/null
docker tag "$public:docker" "$public:pushed"
fails docker push "$public:pushed"
fails docker login -u anna -p wrong "$HOST"
docker login -u anna -p 'open: sesame' "$HOST" >/dev/null 2>&1
docker push "$public:pushed" >/dev/null
docker logout "$HOST" >/dev/null
skopeo inspect --cert-dir "$SCRATCH/trusted" "docker://$public:pushed" >/dev/null
same 401 "$(get "https://$HOST/v2/private/app/tags/list")" "a repository that no rule opens"

if grep -q 'sesame' "$SERVER_LOG"; then fail "the password is in the log"; fi
