# shellcheck shell=bash
# A docker daemon of the judge's own, ended with it. Sourced after judge_begin; skips the judge where
# none can run. Containers share the network of the machine (`--network host`), unless NETWORK holds the
# daemon's options for another one.
require dockerd
# The client that belongs to Debian's daemon, also where another `docker` comes first.
DOCKER=/usr/bin/docker
[ -x $DOCKER ] || DOCKER=$(command -v docker) || skip "docker's client is not on this machine"
DAEMON_SECONDS_MAX=30
[ -n "${NETWORK[*]-}" ] || NETWORK=(--bridge=none)
DAEMON=''
export DOCKER_HOST=unix://$SCRATCH/docker.sock DOCKER_CONFIG=$SCRATCH/config
export DOCKER_CLI_EXPERIMENTAL=enabled
mkdir -p "$DOCKER_CONFIG"
docker() { "$DOCKER" "$@"; }

# daemon_stop: what judge_cleanup is, for a judge that has nothing else to clean up.
daemon_stop() {
    [ -n "$DAEMON" ] || return 0
    kill "$DAEMON" 2>/dev/null
    wait "$DAEMON" 2>/dev/null
    # What the daemon mounted and did not unmount would keep the scratch folder alive.
    grep -o " ${SCRATCH}[^ ]*" /proc/mounts | sort -r | while read -r mount; do umount "$mount"; done
}
judge_cleanup() { daemon_stop; }

# daemon_start STORAGE_DRIVER: true once it answers.
daemon_start() {
    env -u DOCKER_HOST dockerd --data-root "$SCRATCH/docker" --exec-root "$SCRATCH/exec" \
        -H "$DOCKER_HOST" -p "$SCRATCH/docker.pid" "${NETWORK[@]}" --iptables=false \
        --ip6tables=false --storage-driver="$1" >"$SCRATCH/dockerd.log" 2>&1 &
    DAEMON=$!
    local deadline=$((SECONDS + DAEMON_SECONDS_MAX))
    until docker version >/dev/null 2>&1; do
        if ! kill -0 "$DAEMON" 2>/dev/null || [ $SECONDS -ge $deadline ]; then
            kill "$DAEMON" 2>/dev/null || true
            wait "$DAEMON" 2>/dev/null || true
            DAEMON=''
            return 1
        fi
        sleep 0.2
    done
}

daemon_start overlay2 || daemon_start vfs ||
    skip "a docker daemon cannot run here: $(grep -v level=info "$SCRATCH/dockerd.log" | tail -n 1 | cut -c 1-200)"
