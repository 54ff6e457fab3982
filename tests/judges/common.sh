# shellcheck shell=bash
# What is set here is used by those who source it.
# shellcheck disable=SC2034
# The ground every judge stands on: a scratch folder, a registry program on a free port with a
# fresh data folder, and one verdict at the end. Sourced, never run.
#
# A judge is a real client or a real rival that says whether our registry does what it should. Its
# last line is `PASSED name`, `FAILED name` or `SKIPPED name: why`, its exit status 0, 1 or 77.
#
#   JUDGED            which registry is judged: ours (default), distribution-2.8, distribution-3
#   REGISTRY_PROGRAM  the program of `ours` (default: target/release/registry); one that ends in .exe
#                     is run by Wine
#   JUDGES_HOME       where install.sh keeps the programs it builds

set -euo pipefail
export LC_ALL=C

PROJECT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
JUDGES=$PROJECT/tests/judges
JUDGED=${JUDGED:-ours}
JUDGES_HOME=${JUDGES_HOME:-$HOME/.cache/registry-judges}
REGISTRY_PROGRAM=${REGISTRY_PROGRAM:-${CARGO_TARGET_DIR:-$PROJECT/target}/release/registry}
START_SECONDS_MAX=20
export PATH=$JUDGES_HOME/bin:$PATH

SCHEME=http
JUDGE='' VERDICT='' HOST='' SERVER='' SERVER_LOG='' SCRATCH=''

# judge_begin NAME: opens the case; from here on every way out ends in a verdict.
judge_begin() {
    JUDGE=$1
    SCRATCH=$(mktemp -d "${TMPDIR:-/tmp}/judge.XXXXXX")
    trap judge_end EXIT
    trap 'exit 1' HUP INT PIPE TERM
    if [ "$JUDGED" = ours ] && [ ! -x "$REGISTRY_PROGRAM" ]; then
        echo "no program at $REGISTRY_PROGRAM; build it by: cargo build --release"
        exit 1
    fi
    if [ "$JUDGED" = ours ] && [[ $REGISTRY_PROGRAM = *.exe ]]; then
        REGISTRY_EXE=$REGISTRY_PROGRAM
        . "$JUDGES/wine.sh"
        wine_ready
        REGISTRY_PROGRAM=$SCRATCH/registry
        wine_program "$REGISTRY_PROGRAM"
    fi
}

# judge_end: stops what was started, says the verdict. A judge may define judge_cleanup.
judge_end() {
    local status=$?
    trap - EXIT
    # From here on nothing keeps the end from coming, not even a reader that has gone away.
    trap '' HUP INT PIPE TERM
    set +e
    registry_stop
    if declare -F wine_end >/dev/null; then wine_end; fi
    if [ $status -ne 0 ] && [ $status -ne 77 ] && [ -n "$SERVER_LOG" ]; then
        echo "--- the registry's log, last 40 lines ($SERVER_LOG) ---"
        tail -n 40 "$SERVER_LOG" | cut -c 1-400
        echo "---"
    fi
    if declare -F judge_cleanup >/dev/null; then judge_cleanup; fi
    [ -n "${JUDGE_KEEP:-}" ] || rm -rf "$SCRATCH"
    case $status in
        0) echo "PASSED $JUDGE${VERDICT:+: $VERDICT}" ;;
        77) echo "SKIPPED $JUDGE: $VERDICT" ;;
        *) echo "FAILED $JUDGE" && status=1 ;;
    esac
    exit $status
}

# skip WHY: this machine cannot hold the trial.
skip() {
    VERDICT=$*
    exit 77
}

# fail WHAT: the registry did not do what it should.
fail() {
    echo "$JUDGE: $*" >&2
    exit 1
}

# same EXPECTED FOUND WHAT: two words must be equal.
same() {
    [ "$1" = "$2" ] || fail "$3: expected '$1', found '$2'"
}

# secure_settings DIR USER PASSWORD: a certificate of our own for 127.0.0.1 and a file of users in DIR;
# sets SECURE to the variables that make the registry use them, CERTIFICATE, and SCHEME.
secure_settings() {
    "$REGISTRY_PROGRAM" certificate --host registry.test --ip 127.0.0.1 --out "$1" >/dev/null
    echo "$3" | "$REGISTRY_PROGRAM" htpasswd --file "$1/users" --cost 5 "$2"
    CERTIFICATE=$1/registry.test.crt
    SCHEME=https
    SECURE=(REGISTRY_AUTH=htpasswd REGISTRY_AUTH_HTPASSWD_REALM=Judge
        "REGISTRY_AUTH_HTPASSWD_PATH=$1/users"
        "REGISTRY_HTTP_TLS_CERTIFICATE=$CERTIFICATE"
        "REGISTRY_HTTP_TLS_KEY=$1/registry.test.key")
}

# digest_of FILE: the file's sha256 as a digest.
digest_of() {
    echo "sha256:$(sha256sum "$1" | cut -d ' ' -f 1)"
}

# require PROGRAM...: skips the judge where a program is not to be had.
require() {
    local program
    for program in "$@"; do
        command -v "$program" >/dev/null || skip "$program is not on this machine"
    done
}

# program_of KIND: the program that serves that kind of registry, or nothing.
program_of() {
    case $1 in
        ours) echo "$REGISTRY_PROGRAM" ;;
        distribution-2.8) command -v docker-registry ;;
        distribution-3) ls "$JUDGES_HOME/distribution-3/registry" 2>/dev/null ;;
        *) echo "unknown kind of registry: $1" >&2 && return 1 ;;
    esac
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# registry_start KIND DATA [NAME=VALUE...]: serves the folder DATA on a free port with deletion on,
# waits for an answer, sets HOST. Further words are environment (REGISTRY_...).
registry_start() {
    local kind=$1 data=$2 program config deadline
    shift 2
    program=$(program_of "$kind") || skip "the program of $kind is not on this machine"
    HOST=127.0.0.1:$(free_port)
    config=$(mktemp "$SCRATCH/config.XXXXXX.yml")
    SERVER_LOG=$config.log
    cat >"$config" <<YAML
version: 0.1
storage:
  filesystem:
    rootdirectory: $data
  delete:
    enabled: true
http:
  addr: $HOST
YAML
    mkdir -p "$data"
    # A clean environment: REGISTRY_AUTH_FILE, which skopeo and podman read, would be read as a key.
    start() {
        env -i PATH="$PATH" HOME="$SCRATCH" OTEL_TRACES_EXPORTER=none "$@" \
            "$program" serve "$config" >"$SERVER_LOG" 2>&1 &
        SERVER=$!
    }
    start "$@"
    deadline=$((SECONDS + START_SECONDS_MAX))
    # `/` is open also where users have to log in.
    until curl -fsSk -o "$SCRATCH/alive" "$SCHEME://$HOST/" 2>/dev/null; do
        if ! kill -0 "$SERVER" 2>/dev/null; then
            wait "$SERVER" || local status=$?
            # Wine 8 fails to start a program now and then, and says nothing; ours says why it ends.
            [ -n "${WINE:-}" ] && [ ! -s "$SERVER_LOG" ] || fail "$kind ended at once (${status:-0}): $*"
            echo "Wine ended with ${status:-0} before the program began; once more"
            start "$@"
        fi
        [ $SECONDS -lt $deadline ] || fail "$kind does not answer on $HOST"
        sleep 0.05
    done
}

# registry_stop: ends the registry that registry_start started, and waits for it.
registry_stop() {
    [ -n "$SERVER" ] || return 0
    kill "$SERVER" 2>/dev/null || true
    wait "$SERVER" 2>/dev/null || true
    SERVER=''
}
