#!/usr/bin/env bash
# The Linux image (Dockerfile.linux), with a real docker daemon: built from scratch around a static program,
# run as its user with a volume, healthy by its own HEALTHCHECK, pushed to and pulled from by docker,
# stopped before docker would kill it, replaced over the same volume. How it takes the place of registry:2
# is `replacement.sh`.
. "$(dirname "$0")/common.sh"
judge_begin image
[ "$JUDGED" = ours ] || skip "the image is of our own program"
require jq cargo
. "$JUDGES/daemon.sh"
HEALTHY_SECONDS_MAX=60

. "$JUDGES/image_build.sh"
image_program
image_build registry
bytes=$(docker image inspect -f '{{.Size}}' registry)
echo "the image has $bytes bytes, the program $(stat -c %s "$PROGRAM")"

words() { docker run --rm -i --network none registry "$@"; }
grep -q '^registry [0-9]' <<<"$(words --version)" || fail "the version is not printed"
grep -q '^anna:[$]2y[$]' <<<"$(echo secret | words htpasswd anna)" || fail "the image makes no entry of a user"

# start NAME [OPTION...]: a container on a free port of the loopback, with the volume `data`, that is healthy.
start() {
    local name=$1 status deadline=$((SECONDS + HEALTHY_SECONDS_MAX))
    shift
    docker run -d --name "$name" --network host -v data:/var/lib/registry -e "REGISTRY_HTTP_ADDR=$HOST" \
        --health-interval=1s "$@" registry >/dev/null
    until status=$(docker inspect -f '{{.State.Health.Status}}' "$name") && [ "$status" = healthy ]; do
        if [ "$(docker inspect -f '{{.State.Running}}' "$name")" = false ] || [ $SECONDS -ge $deadline ]; then
            docker logs "$name" 2>&1 | tail -n 5
            docker inspect -f '{{json .State.Health}}' "$name"
            fail "$name is $status"
        fi
        sleep 0.2
    done
}
# stop NAME: ends it. It must end by itself; docker kills it after ten seconds, and the code is 137 then.
stop() {
    docker stop "$1" >/dev/null
    same 0 "$(docker inspect -f '{{.State.ExitCode}}' "$1")" "the exit code of $1"
    grep -q 'asked to stop' <<<"$(docker logs "$1" 2>&1)" || fail "$1 was not asked to stop"
}

echo "healthy, and without rights"
HOST=127.0.0.1:$(free_port)
start first
same 65532:65532 "$(docker inspect -f '{{.Config.User}}' first)" "the user of the image"
process=$(docker inspect -f '{{.State.Pid}}' first)
same 65532 "$(awk '/^Uid:/ {print $2}' "/proc/$process/status")" "the user of the process"
same "$(docker inspect -f '{{(index .State.Health.Log 0).Output}}' first)" "http://$HOST/ answers 200 OK" "the health check"
docker exec first registry health "http://localhost:${HOST##*:}/" >/dev/null || fail "the image finds no host by its name"

echo "docker pushes to it and pulls from it"
mkdir "$SCRATCH/sample"
printf 'FROM scratch\nCOPY hello /hello\n' >"$SCRATCH/sample/Dockerfile"
head -c 2000000 /dev/urandom >"$SCRATCH/sample/hello"
docker build -q -t "$HOST/labs/hello" "$SCRATCH/sample" >/dev/null
pull() { # the digest that docker pulls
    docker rmi "$HOST/labs/hello" >/dev/null
    docker pull "$HOST/labs/hello" | grep -o 'sha256:[0-9a-f]*'
}
pushed=$(docker push "$HOST/labs/hello" | grep -o 'sha256:[0-9a-f]*' | tail -n 1)
same "$pushed" "$(pull)" "the digest"
same 65532 "$(stat -c %u "$(docker volume inspect -f '{{.Mountpoint}}' data)/docker")" "the owner of the data"

echo "stopped, and replaced over the same volume, now with TLS and users on another port"
stop first
docker rm first >/dev/null
REGISTRY_PROGRAM=$PROGRAM secure_settings "$SCRATCH/secure" anna secret
chmod 755 "$SCRATCH" "$SCRATCH/secure"
chmod 644 "$SCRATCH/secure"/*
old=$HOST HOST=127.0.0.1:$(free_port)
options=(-v "$SCRATCH/secure:$SCRATCH/secure:ro")
for setting in "${SECURE[@]}"; do options+=(-e "$setting"); done
start second "${options[@]}"
same "$(docker inspect -f '{{(index .State.Health.Log 0).Output}}' second)" "https://$HOST/ answers 200 OK" "the health check"
docker rmi "$old/labs/hello" >/dev/null
same 200 "$(curl -sS --cacert "$CERTIFICATE" -u anna:secret -o "$SCRATCH/manifest" -w '%{http_code}' \
    -H 'Accept: application/vnd.docker.distribution.manifest.v2+json' "https://$HOST/v2/labs/hello/manifests/latest")" "the manifest"
same "$pushed" "$(digest_of "$SCRATCH/manifest")" "what is there after the replacement"
stop second

VERDICT="image of $bytes bytes"
