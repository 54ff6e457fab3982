#!/usr/bin/env bash
# Our image in the place of registry:2 and registry:3, started by the lines of their guides, unchanged: it is
# called registry:2 and registry:3 here. Plain, with a folder, with users, with TLS, with a configuration
# where theirs is, by variables, as another user, with a command, and by compose. What cannot be, such as data
# of root under our user, must be refused with what helps; nothing may be open that was meant to be closed.
#
# The guides' ports are taken as they are, so the daemon, its containers and this script have a network of
# their own.
if [ -z "${OWN_NETWORK:-}" ]; then
    OWN_NETWORK=yes exec unshare --net -- bash "$0" "$@" || exit 77
fi
. "$(dirname "$0")/common.sh"
judge_begin replacement
[ "$JUDGED" = ours ] || skip "the image is of our own program"
require jq cargo openssl ip
ip link set lo up
NETWORK=(--bip 172.29.77.1/24)
. "$JUDGES/daemon.sh"
. "$JUDGES/image_build.sh"
HEALTHY_SECONDS_MAX=60
REFUSED_SECONDS_MAX=60
LINES=0

image_program
image_build registry:2 1s
docker tag registry:2 registry:3
mkdir "$SCRATCH/sample" "$SCRATCH/host"
chmod 755 "$SCRATCH" "$SCRATCH/host"
printf 'FROM scratch\nCOPY hello /hello\n' >"$SCRATCH/sample/Dockerfile"
echo hello >"$SCRATCH/sample/hello"
docker build -q -t sample "$SCRATCH/sample" >/dev/null
cd "$SCRATCH/host"

# healthy NAME: waits until the container says so itself.
healthy() {
    local deadline=$((SECONDS + HEALTHY_SECONDS_MAX)) status=''
    until status=$(docker inspect -f '{{.State.Health.Status}}' "$1") && [ "$status" = healthy ]; do
        if [ "$(docker inspect -f '{{.State.Running}}' "$1")" = false ] || [ $SECONDS -ge $deadline ]; then
            docker logs "$1" 2>&1 | tail -n 5
            docker inspect -f '{{json .State.Health}}' "$1"
            fail "$1 is $status"
        fi
        sleep 0.2
    done
}
# started NAME: it is healthy; ends what was started before by the name of the guides.
started() {
    LINES=$((LINES + 1))
    healthy "$1"
}
# push HOST: docker pushes there and the same comes back.
push() {
    local pushed pulled
    docker tag sample "$1/labs/sample"
    pushed=$(docker push "$1/labs/sample" | grep -o 'sha256:[0-9a-f]*' | tail -n 1)
    docker rmi "$1/labs/sample" >/dev/null
    pulled=$(docker pull "$1/labs/sample" | grep -o 'sha256:[0-9a-f]*' | tail -n 1)
    docker rmi "$1/labs/sample" >/dev/null
    [ -n "$pushed" ] || fail "nothing was pushed to $1"
    same "$pushed" "$pulled" "what comes back from $1"
}
status() { curl -sk -o /dev/null -w '%{http_code}' "$@"; }
gone() { docker rm -fv "$@" >/dev/null; }
# refused TEXT docker WORD...: the line ends by itself with 1 and says that; what it serves for nobody is open.
refused() {
    local text=$1 code=0
    shift
    LINES=$((LINES + 1))
    timeout "$REFUSED_SECONDS_MAX" "$DOCKER" "${@:2}" >"$SCRATCH/refused" 2>&1 || code=$?
    same 1 $code "the exit code of: $* ($(tail -n 1 "$SCRATCH/refused"))"
    grep -qF -- "$text" "$SCRATCH/refused" || fail "expected '$text' of: $*; found: $(tail -n 3 "$SCRATCH/refused")"
}

echo "== plain, restarted always, on another port"
docker run -d -p 5000:5000 --name registry registry:2 >/dev/null
started registry
push localhost:5000
grep -q 'open to everyone, configured by the built-in configuration' <<<"$(docker logs registry 2>&1)" ||
    fail "the start line does not tell what is served"
docker exec registry registry health >/dev/null || fail "docker exec finds no registry"
docker exec registry /bin/registry --version >/dev/null || fail "there is no /bin/registry"
docker stop registry >/dev/null
same 0 "$(docker inspect -f '{{.State.ExitCode}}' registry)" "the exit code"
gone registry
docker run -d -p 5000:5000 --restart=always --name registry registry:3 >/dev/null
started registry
gone registry
docker run -d -p 5001:5000 --name registry-test registry:2 >/dev/null
started registry-test
push localhost:5001
gone registry-test
docker run -d -e REGISTRY_HTTP_ADDR=0.0.0.0:5001 -p 5001:5001 --name registry-test registry:2 >/dev/null
started registry-test
push localhost:5001
gone registry-test

echo "== data in a volume and in a folder of the host"
docker run -d -p 5000:5000 --name registry -v registry-data:/var/lib/registry registry:2 >/dev/null
started registry
push localhost:5000
gone registry
docker run -d -p 5000:5000 --name registry -v registry-data:/var/lib/registry registry:2 >/dev/null
started registry
same 200 "$(status http://localhost:5000/v2/labs/sample/manifests/latest)" "what is in the volume"
gone registry
# The engine makes the folder, for root, as in the data of registry:2: refused, with the command that helps.
folder=$SCRATCH/host/mnt/registry
refused "chown -R 65532:65532 /var/lib/registry" docker run --rm -v "$folder:/var/lib/registry" registry:2
chown -R 65532:65532 "$folder"
docker run -d -p 5000:5000 --restart=always --name registry -v "$folder:/var/lib/registry" registry:2 >/dev/null
started registry
push localhost:5000
gone registry
chown -R 0:0 "$folder"
refused "user 65532 cannot write to /var/lib/registry" docker run --rm -v "$folder:/var/lib/registry" registry:2
chown 65532:65532 "$folder"
refused "user 65532 cannot write to /var/lib/registry/docker: " docker run --rm -v "$folder:/var/lib/registry" registry:2
chown 0:0 "$folder"
docker run -d -p 5000:5000 --user 0 --name registry -v "$folder:/var/lib/registry" registry:2 >/dev/null
started registry
push localhost:5000
gone registry
chown -R 1000:1000 "$folder"
docker run -d -p 5000:5000 --user 1000:1000 --name registry -v "$folder:/var/lib/registry" registry:2 >/dev/null
started registry
push localhost:5000
gone registry
docker run -d -p 5000:5000 --name registry -v "$folder:/var/lib/registry:ro" \
    -e 'REGISTRY_STORAGE_MAINTENANCE_READONLY={"enabled":true}' registry:2 >/dev/null
started registry
same 200 "$(status http://localhost:5000/v2/labs/sample/manifests/latest)" "what is read from a volume that is only read"
gone registry
docker run -d -p 5000:5000 --name registry -v "$folder:/var/lib/registry:ro" --user 1000 registry:2 >/dev/null
started registry
same 200 "$(status http://localhost:5000/v2/labs/sample/manifests/latest)" "what is read from a volume mounted to be read"
same 503 "$(status -X POST http://localhost:5000/v2/labs/sample/blobs/uploads/)" "a push to a volume mounted to be read"
grep -q 'mount it for writing' <<<"$(docker logs registry 2>&1)" || fail "the start does not say that nothing can be pushed"
gone registry

echo "== TLS and users"
mkdir certs auth
openssl req -newkey rsa:2048 -nodes -sha256 -keyout certs/domain.key -x509 -days 365 -out certs/domain.crt \
    -subj /CN=localhost -addext 'subjectAltName=DNS:localhost' 2>/dev/null
echo testpassword | "$PROGRAM" htpasswd testuser >auth/htpasswd
chmod 644 auth/htpasswd
tls=(-v "$(pwd)"/certs:/certs -e REGISTRY_HTTP_ADDR=0.0.0.0:443
    -e REGISTRY_HTTP_TLS_CERTIFICATE=/certs/domain.crt -e REGISTRY_HTTP_TLS_KEY=/certs/domain.key)
refused "user 65532 must be able to read it" docker run --rm "${tls[@]}" registry:2
chown 65532 certs/domain.key
docker run -d --restart=always --name registry "${tls[@]}" -p 443:443 registry:2 >/dev/null
started registry
push localhost:443
gone registry
docker run -d -p 5000:5000 --restart=always --name registry -v "$(pwd)"/auth:/auth -e REGISTRY_AUTH=htpasswd \
    -e "REGISTRY_AUTH_HTPASSWD_REALM=Registry Realm" -e REGISTRY_AUTH_HTPASSWD_PATH=/auth/htpasswd \
    -v "$(pwd)"/certs:/certs -e REGISTRY_HTTP_TLS_CERTIFICATE=/certs/domain.crt \
    -e REGISTRY_HTTP_TLS_KEY=/certs/domain.key registry:2 >/dev/null
started registry
same 401 "$(status https://localhost:5000/v2/)" "who has not logged in"
docker login -u testuser -p testpassword localhost:5000 >/dev/null 2>&1 || fail "docker login"
push localhost:5000
gone registry

echo "== a configuration where theirs is"
cat >config.yml <<'YAML'
version: 0.1
log:
  fields:
    service: registry
storage:
  cache:
    blobdescriptor: inmemory
  filesystem:
    rootdirectory: /var/lib/registry
auth:
  htpasswd:
    realm: basic-realm
    path: /auth/htpasswd
http:
  addr: :5000
  headers:
    X-Content-Type-Options: [nosniff]
health:
  storagedriver:
    enabled: true
    interval: 10s
    threshold: 3
YAML
closed() { # NAME: the users of the configuration count
    started "$1"
    same 401 "$(status http://localhost:5000/v2/)" "who has not logged in"
    push localhost:5000
    gone "$1"
}
docker run -d -p 5000:5000 --restart=always --name registry -v "$(pwd)/auth":/auth \
    -v "$(pwd)/config.yml":/etc/docker/registry/config.yml registry:2 >/dev/null
closed registry
docker run -d -p 5000:5000 --restart=always --name registry -v "$(pwd)/auth":/auth \
    -v "$(pwd)/config.yml":/etc/distribution/config.yml registry:3 >/dev/null
closed registry
mkdir conf
cp config.yml conf/registry.yml
for words in /conf/registry.yml 'serve /conf/registry.yml' 'registry serve /conf/registry.yml' \
    '/bin/registry serve /conf/registry.yml' '/entrypoint.sh /conf/registry.yml'; do
    # shellcheck disable=SC2086
    docker run -d -p 5000:5000 --name registry -v "$(pwd)/auth":/auth -v "$(pwd)/conf":/conf registry:2 $words >/dev/null
    closed registry
done
docker run -d -p 5000:5000 --name registry -v "$(pwd)/auth":/auth -v "$(pwd)/conf":/conf \
    --entrypoint /bin/registry registry:2 serve /conf/registry.yml >/dev/null
closed registry
docker run -d -p 5000:5000 --name registry -v "$(pwd)/auth":/auth -v "$(pwd)/conf":/conf \
    -e REGISTRY_CONFIGURATION_PATH=/conf/registry.yml registry:2 >/dev/null
closed registry
# On another port, which only the words of the container's own process tell its health check.
sed 's/addr: :5000/addr: :5443\n  tls: {certificate: \/certs\/domain.crt, key: \/certs\/domain.key}/' config.yml >conf/tls.yml
docker run -d -p 5000:5443 --name registry -v "$(pwd)/auth":/auth -v "$(pwd)/conf":/conf -v "$(pwd)/certs":/certs \
    registry:2 /conf/tls.yml >/dev/null
started registry
same 401 "$(status https://localhost:5000/v2/)" "who has not logged in"
gone registry

echo "== what is there and is wrong is never replaced by what is open"
mkdir other
echo 'version: 0.1' >other/config.yml
both=(-v "$(pwd)/other/config.yml":/etc/distribution/config.yml)
refused "differs from" docker run --rm -v "$(pwd)/config.yml":/etc/docker/registry/config.yml "${both[@]}" registry:2
refused "no storage driver is configured" docker run --rm "${both[@]}" registry:2
refused "is a directory; a container engine creates one" \
    docker run --rm -v "$(pwd)/missing.yml":/etc/docker/registry/config.yml registry:2
mkdir wrong
cp config.yml wrong/registry.yaml
refused "call it config.yml" docker run --rm -v "$(pwd)/wrong":/etc/docker/registry registry:2
chmod 600 config.yml
refused "user 65532 must be able to read it" \
    docker run --rm -v "$(pwd)/config.yml":/etc/docker/registry/config.yml registry:2
chmod 644 config.yml
refused "auth.htpasswd.path" docker run --rm -v "$(pwd)/config.yml":/etc/docker/registry/config.yml registry:2
refused "a pull-through cache is not supported yet" \
    docker run --rm -e REGISTRY_PROXY_REMOTEURL=https://registry-1.docker.io registry:2

echo "== other variables and commands of the guides"
docker run -d -p 5000:5000 --name registry -e REGISTRY_STORAGE_DELETE_ENABLED=true \
    -v collected-data:/var/lib/registry registry:2 >/dev/null
started registry
push localhost:5000
digest=$(curl -sI -H 'Accept: application/vnd.docker.distribution.manifest.v2+json' \
    http://localhost:5000/v2/labs/sample/manifests/latest | tr -d '\r' | awk 'tolower($1) == "docker-content-digest:" {print $2}')
same 202 "$(status -X DELETE "http://localhost:5000/v2/labs/sample/manifests/$digest")" "a deletion"
refused "nothing was changed; stop it" \
    docker exec registry bin/registry garbage-collect --delete-untagged /etc/docker/registry/config.yml
gone registry
docker run --rm -v collected-data:/var/lib/registry registry:2 \
    garbage-collect --delete-untagged /etc/docker/registry/config.yml >collected
grep -qF "blob eligible for deletion: $digest" collected || fail "nothing was collected: $(tail -n 2 collected)"
docker run --rm -v collected-data:/var/lib/registry registry:2 \
    garbage-collect --dry-run /etc/docker/registry/config.yml >collected
grep -qF "would be removed: 0 blobs" collected || fail "something was left: $(tail -n 2 collected)"
docker run -d -p 5000:5000 --name registry -e REGISTRY_STORAGE=inmemory \
    -e "REGISTRY_HTTP_HEADERS_Access-Control-Allow-Origin=['*']" registry:2 >/dev/null
started registry
grep -qi '^Access-Control-Allow-Origin: \*' <<<"$(curl -sI http://localhost:5000/v2/)" || fail "no header for browsers"
gone registry
docker run -d --init -p 5000:5000 --name registry -v "$(pwd)/auth":/auth -v "$(pwd)/conf":/conf registry:2 /conf/registry.yml >/dev/null
closed registry

if command -v docker-compose >/dev/null; then
    echo "== compose"
    mkdir compose
    cat >compose/docker-compose.yml <<'YAML'
version: '3'
services:
  registry:
    image: registry:2
    restart: always
    ports:
      - "5000:5000"
    environment:
      REGISTRY_AUTH: htpasswd
      REGISTRY_AUTH_HTPASSWD_REALM: Registry
      REGISTRY_AUTH_HTPASSWD_PATH: /auth/registry.password
      REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: /data
      REGISTRY_STORAGE_DELETE_ENABLED: "true"
    volumes:
      - ./auth:/auth
      - registry-data:/data
volumes:
  registry-data:
YAML
    mkdir compose/auth
    cp auth/htpasswd compose/auth/registry.password
    (cd compose && docker-compose up -d) >"$SCRATCH/compose.log" 2>&1 || { cat "$SCRATCH/compose.log" && fail "compose"; }
    closed "$(cd compose && docker-compose ps -q)"
else
    echo "SKIPPED here: docker-compose is not on this machine"
fi
VERDICT="$LINES lines of guides"
