#!/usr/bin/env bash
# auth.token with a real token server (token_server.py) and real clients: docker, skopeo, crane, containerd
# where it is there. Login, wrong password, push, pull, mount, logout; a user who may pull alone; tokens that
# are no good. First with RS256 keys of a certificate bundle, then with ES256 and a JWK set.
. "$(dirname "$0")/common.sh"
. "$JUDGES/images.sh"
judge_begin token
require curl jq openssl python3 skopeo
. "$JUDGES/daemon.sh"
export REGISTRY_AUTH_FILE=$SCRATCH/auth.json
PASSWORD='open: sesame'
TOKENS=''

tokens_stop() {
    [ -n "$TOKENS" ] || return 0
    kill "$TOKENS" 2>/dev/null || true
    wait "$TOKENS" 2>/dev/null || true
    TOKENS=''
}
judge_cleanup() {
    tokens_stop
    daemon_stop
}

# tokens_start SETTINGS: a token server; sets REALM. Its requests are in $ASKED.
tokens_start() {
    local deadline=$((SECONDS + START_SECONDS_MAX))
    rm -f "$SCRATCH/port"
    ASKED=$1.log
    python3 "$JUDGES/token_server.py" serve "$1" "$SCRATCH/port" >"$ASKED" 2>&1 &
    TOKENS=$!
    until [ -e "$SCRATCH/port" ]; do
        kill -0 "$TOKENS" 2>/dev/null || { cat "$ASKED" && fail "the token server ended at once"; }
        [ $SECONDS -lt $deadline ] || fail "the token server does not start"
        sleep 0.05
    done
    # By its name: crane trusts no realm on a loopback address.
    REALM=http://localhost:$(cat "$SCRATCH/port")/token
}

# settings ALGORITHM KEY HEADER: anna may do everything below team/ and other/, ben may only pull.
settings() {
    jq -n --arg algorithm "$1" --arg key "$2" --arg password "$PASSWORD" --argjson header "$3" '{
        issuer: "judge", service: "registry.judge", algorithm: $algorithm, key: $key, users: {
            anna: {password: $password, rights: {"team/*": ["pull", "push", "delete"], "other/*": ["pull", "push"]}},
            ben: {password: "b", rights: {"team/*": ["pull"]}}}} + $header'
}

serve() { # NAME=VALUE: the registry that takes those tokens
    registry_start "$JUDGED" "$SCRATCH/data" REGISTRY_AUTH=token "REGISTRY_AUTH_TOKEN_REALM=$REALM" \
        REGISTRY_AUTH_TOKEN_SERVICE=registry.judge REGISTRY_AUTH_TOKEN_ISSUER=judge REGISTRY_LOG_LEVEL=debug "$@"
}

fails() { # COMMAND...: must be refused; what it said is in $SCRATCH/failed
    if "$@" >"$SCRATCH/failed" 2>&1; then fail "it should have been refused: $*"; fi
}

says() { # PATTERN: the last refusal said so
    grep -qi "$1" "$SCRATCH/failed" || { cat "$SCRATCH/failed" && fail "it should have said: $1"; }
}

asked() { # PATTERN: the token server was asked so
    grep -q "$1" "$ASKED" || { cat "$ASKED" && fail "the token server was not asked: $1"; }
}

get() { curl -sS -o "$SCRATCH/answer" -D "$SCRATCH/head" -w '%{http_code}' "$@"; }

# sign SETTINGS CLAIMS: a token of the server's own key.
sign() { python3 "$JUDGES/token_server.py" sign "$@"; }

docker_judges() { # TAG: login, push, mount, pull, logout
    local app=$HOST/team/app digest
    docker build -q -t "$app:$1" "$SCRATCH/context" >/dev/null
    fails docker push "$app:$1"
    fails docker login -u anna -p wrong "$HOST"
    says 'unauthorized: incorrect username or password'
    docker login -u anna -p "$PASSWORD" "$HOST" >/dev/null 2>&1
    docker push "$app:$1" >"$SCRATCH/push.log"
    digest=$(grep -o 'sha256:[0-9a-f]*' "$SCRATCH/push.log" | tail -n 1)
    asked "'anna'.*repository:team/app:.*push"
    docker tag "$app:$1" "$HOST/other/app:$1"
    docker push "$HOST/other/app:$1" >"$SCRATCH/mount.log"
    grep -q 'Mounted from team/app' "$SCRATCH/mount.log" || { cat "$SCRATCH/mount.log" && fail "nothing was mounted"; }
    fails docker push "$(docker tag "$app:$1" "$HOST/forbidden/app:$1" && echo "$HOST/forbidden/app:$1")"
    says denied
    docker rmi "$app:$1" "$HOST/other/app:$1" "$HOST/forbidden/app:$1" >/dev/null
    docker pull "$app:$1" >"$SCRATCH/pull.log"
    grep -q "$digest" "$SCRATCH/pull.log" || fail "docker pulled another digest than it pushed"
    docker logout "$HOST" >/dev/null
    docker login -u ben -p b "$HOST" >/dev/null 2>&1
    docker pull "$app:$1" >/dev/null
    docker tag "$app:$1" "$app:of-ben"
    fails docker push "$app:of-ben"
    says denied
    docker logout "$HOST" >/dev/null
    docker rmi "$app:$1" "$app:of-ben" >/dev/null
    fails docker pull "$app:$1"
}

skopeo_judges() { # TAG
    local app=$HOST/team/skopeo
    login() { echo "$2" | skopeo login --tls-verify=false -u "$1" --password-stdin "$HOST"; }
    push() { skopeo --insecure-policy copy -q --all --dest-tls-verify=false "oci:$SCRATCH/layout:many" "docker://$app:$1"; }
    fails push "$1"
    fails login anna wrong
    login anna "$PASSWORD" >/dev/null
    push "$1"
    # Both scopes are asked for at once: where it is, and where it goes.
    skopeo --insecure-policy copy -q --all --src-tls-verify=false --dest-tls-verify=false \
        "docker://$app:$1" "docker://$HOST/other/skopeo:$1"
    skopeo logout "$HOST" >/dev/null
    login ben b >/dev/null
    rm -rf "$SCRATCH/back"
    skopeo --insecure-policy copy -q --all --src-tls-verify=false "docker://$app:$1" "oci:$SCRATCH/back:many"
    same "$(layout_digest "$SCRATCH/layout" many)" "$(layout_digest "$SCRATCH/back" many)" "the index pulled back"
    fails push "of-ben"
    says 'denied\|unauthorized'
    skopeo logout "$HOST" >/dev/null
    fails skopeo inspect --tls-verify=false "docker://$app:$1"
}

crane_judges() { # TAG
    local app=$HOST/team/crane
    if ! command -v crane >/dev/null; then
        echo "SKIPPED crane: it is not on this machine"
        return
    fi
    crane() { DOCKER_CONFIG=$SCRATCH/crane command crane --insecure "$@"; }
    layer_tar "of crane" >"$SCRATCH/layer.tar"
    append() { crane append --oci-empty-base -f "$SCRATCH/layer.tar" -t "$app:$1"; }
    fails append "$1"
    crane auth login -u anna -p wrong "$HOST" 2>/dev/null
    fails append "$1"
    crane auth login -u anna -p "$PASSWORD" "$HOST" 2>/dev/null
    append "$1" >/dev/null 2>&1
    crane copy "$app:$1" "$HOST/other/crane:$1" >/dev/null 2>&1
    crane auth login -u ben -p b "$HOST" 2>/dev/null
    crane validate --remote "$app:$1" >/dev/null
    # Refused in one of two ways: it sends its manifest again with a body that it has read already.
    fails append of-ben
    crane auth logout "$HOST" 2>/dev/null
    fails crane digest "$app:$1"
}

containerd_judges() { # TAG: it sends its password in a form
    if ! command -v ctr >/dev/null || [ ! -S "$SCRATCH/exec/containerd/containerd.sock" ]; then
        echo "SKIPPED containerd: docker's daemon here does not bring one along"
        return
    fi
    ctr() { command ctr -a "$SCRATCH/exec/containerd/containerd.sock" -n judge "$@"; }
    fails ctr content fetch --plain-http -u ben:wrong "$HOST/team/app:$1"
    ctr content fetch --plain-http -u ben:b "$HOST/team/app:$1" >/dev/null
    asked "POST password 'ben' repository:team/app:pull"
    fails ctr images push --plain-http -u ben:b "$HOST/team/app:of-ben" "$HOST/team/app:$1"
    ctr images push --plain-http -u "anna:$PASSWORD" "$HOST/team/app:of-containerd" "$HOST/team/app:$1" >/dev/null
}

tokens_judge() { # SETTINGS: tokens by hand
    local access='"access": [{"type": "repository", "name": "team/app", "actions": ["pull"]}]' now claims
    local list=http://$HOST/v2/team/app/tags/list
    now=$(date +%s)
    bearer() { get -H "Authorization: Bearer $1" "$list"; }
    same 200 "$(bearer "$(sign "$1" "{$access}")")" "a good token"
    same 401 "$(get "$list")" "no token"
    grep -qi "www-authenticate: Bearer realm=\"$REALM\",service=\"registry.judge\",scope=\"repository:team/app:pull\"" \
        "$SCRATCH/head" || { cat "$SCRATCH/head" && fail "the challenge is not the one that docker knows"; }
    same 401 "$(get -u "anna:$PASSWORD" "$list")" "a password in place of a token"
    for claims in "\"exp\": $((now - 61))" '"aud": "another"' '"aud": ["another"]' '"iss": "another"' \
        "\"nbf\": $((now + 300))" '"access": []'; do
        same 401 "$(bearer "$(sign "$1" "{$access, $claims}")")" "a token with $claims"
    done
    same 401 "$(bearer "$(sign "$SCRATCH/stranger.json" "{$access}")")" "a token of a stranger's key"
    same 401 "$(bearer "$(sign "$1" "{$access}" | cut -d . -f 1,2).")" "a token without its signature"
}

# Whatever the clients said: nothing of what ben pushed is there.
nothing_of_ben() { # SETTINGS
    local name access
    for name in team/app team/skopeo team/crane; do
        access="[{\"type\": \"repository\", \"name\": \"$name\", \"actions\": [\"pull\"]}]"
        get -H "Authorization: Bearer $(sign "$1" "{\"access\": $access}")" "http://$HOST/v2/$name/tags/list" >/dev/null
        if grep -q of-ben "$SCRATCH/answer"; then fail "ben, who may only pull, pushed to $name"; fi
    done
    grep -q 'HTTP/1.1 \(200\|404\)' "$SCRATCH/head" || fail "the tags were not to be had"
}

judged() { # SETTINGS TAG
    docker_judges "$2"
    containerd_judges "$2"
    skopeo_judges "$2"
    crane_judges "$2"
    nothing_of_ben "$1"
    tokens_judge "$1"
}

layout_usual "$SCRATCH/layout"
mkdir "$SCRATCH/context" "$SCRATCH/crane"
printf 'FROM scratch\nCOPY hello /hello\n' >"$SCRATCH/context/Dockerfile"
cd "$SCRATCH" || exit
openssl req -x509 -newkey rsa:2048 -nodes -keyout rsa.key -out rsa.crt -days 9 -subj /CN=tokens 2>/dev/null
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ec.key
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out stranger.key
settings ES256 stranger.key '{"kid": "judge"}' >stranger.json

echo "a bundle of certificates, RS256, the key by its libtrust name"
# 240 bits of the hash of the public key in base 32, in groups of four.
kid=$(openssl pkey -in rsa.key -pubout -outform DER | openssl dgst -sha256 -binary | head -c 30 |
    base32 | tr -d '\n' | sed 's/..../&:/g; s/:$//')
settings RS256 rsa.key "{\"kid\": \"$kid\"}" >bundle.json
settings RS256 rsa.key '{"x5c": "rsa.crt"}' >chain.json
names=bundle.json
# Its release 3 knows no libtrust names.
[ "$JUDGED" != distribution-3 ] || names=chain.json
tokens_start $names
serve "REGISTRY_AUTH_TOKEN_ROOTCERTBUNDLE=$SCRATCH/rsa.crt"
head -c 100000 /dev/urandom >context/hello
judged $names rs256
echo "the same, the certificate in the header"
tokens_judge chain.json
registry_stop
logs=("$SERVER_LOG")
tokens_stop

if [ "$JUDGED" = distribution-2.8 ]; then
    # shellcheck disable=SC2034
    VERDICT="the certificates alone, which is all that distribution 2.8 takes"
    exit 0
fi
echo "a JWK set, ES256"
# An uncompressed point is the end of its SubjectPublicKeyInfo: x and y of 32 bytes each.
half() { openssl pkey -in ec.key -pubout -outform DER | tail -c 64 | "$1" -c 32 | basenc --base64url -w 0 | tr -d =; }
jq -n --arg x "$(half head)" --arg y "$(half tail)" \
    '{keys: [{kty: "EC", crv: "P-256", alg: "ES256", use: "sig", kid: "judge", x: $x, y: $y}]}' >keys.jwks
settings ES256 ec.key '{"kid": "judge"}' >jwks.json
tokens_start jwks.json
serve "REGISTRY_AUTH_TOKEN_JWKS=$SCRATCH/keys.jwks"
head -c 100000 /dev/urandom >context/hello
judged jwks.json es256
registry_stop
logs+=("$SERVER_LOG")

# Every token of ours begins with the header {"typ": "JWT"...
if [ "$JUDGED" = ours ] && grep -l 'sesame\|eyJ0eXAi' "${logs[@]}"; then fail "a password or a token is in the log"; fi
