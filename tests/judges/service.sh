#!/usr/bin/env bash
# registry.exe under Wine as a service of Windows: made, started, asked to stop during an upload, started
# with the system, removed. Then in a console: Ctrl-C during an upload, and what it cannot work with.
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/wine.sh"
JUDGED=registry.exe
judge_begin service
require curl python3
wine_ready

# A service does not get our variables: what Wine lacks is put beside the program.
mkdir "$SCRATCH/program"
cp "$REGISTRY_EXE" "$SCRATCH/program/registry.exe"
shim=${WINEPATH#[Zz]:}/bcryptprimitives.dll
shim=${shim//\\//}
[ ! -f "$shim" ] || cp "$shim" "$SCRATCH/program/"
home="$SCRATCH/Ünï cödé"
mkdir "$home"
cd "$SCRATCH"

registry() { timeout 120 "$WINE" program/registry.exe "$@"; }
# refused TEXT WORD...: the program must exit with 1 and say that text.
refused() {
    local text=$1 status=0
    shift
    registry "$@" >"$SCRATCH/said" 2>&1 || status=$?
    same 1 "$status" "exit code of $*: $(cat "$SCRATCH/said")"
    grep -qF -- "$text" "$SCRATCH/said" || fail "$* does not say '$text': $(cat "$SCRATCH/said")"
}
# configure FILE ADDRESS ROOT
configure() {
    printf 'version: 0.1\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "%s", draintimeout: 60s}\n' \
        "$3" "$2" >"$1"
}
# until_true WHAT COMMAND...: waits until a command succeeds.
until_true() {
    local what=$1 deadline=$((SECONDS + 60))
    shift
    until "$@"; do
        [ $SECONDS -lt $deadline ] || fail "waited in vain: $what"
        sleep 0.05
    done
}
answers() { curl -fsS -o "$SCRATCH/alive" "http://$HOST/v2/" 2>"$SCRATCH/refused"; }
is_silent() { ! answers; }
# arriving FOLDER COUNT: whether bytes of so many uploads are below a data folder.
arriving() {
    [ "$(find "$1" -path '*_uploads/*' -name data -size +0 2>/dev/null | wc -l)" -ge "$2" ]
}
# upload_begin FOLDER [COUNT]: starts an upload that stands still half-way; returns when the server is at
# it, as at the first or as at that of COUNT. It goes on when upload_end says so.
upload_begin() {
    UPLOADED=$(mktemp "$SCRATCH/uploaded.XXXXXX")
    python3 "$JUDGES/upload.py" "$HOST" blob "$UPLOADED.go" >"$UPLOADED" &
    UPLOAD=$!
    until_true "an upload on its way" arriving "$1" "${2:-1}"
}
upload_end() {
    touch "$UPLOADED.go"
    wait "$UPLOAD" || fail "the upload failed: $(cat "$UPLOADED")"
    same 201 "$(cat "$UPLOADED")" "the upload that was in flight"
}
blob_is_served() {
    curl -fsS -o pulled "http://$HOST/v2/a/blobs/$(digest_of blob)"
    cmp blob pulled
}

# sit_down: somebody who is there, since Wine's system goes down when its last user leaves.
sit_down() {
    local port
    port=$(free_port)
    printf 'version: 0.1\nstorage: inmemory\nhttp: {addr: "127.0.0.1:%s"}\n' "$port" >sitter.yml
    "$WINE" program/registry.exe serve sitter.yml >sitter.log 2>&1 &
    until_true "a first program" grep -qs 'listening on' sitter.log
}

head -c 4000000 /dev/urandom >blob
HOST=127.0.0.1:$(free_port)
configuration="$home/config file.yml"
SERVER_LOG="$home/registry.log"

sit_down
echo "a service that is not there, and configurations that are none"
refused 'there is no service registry' service status
refused 'there is no service registry' service start
refused 'cannot be read' service install "$home/nothing.yml"
configure "$configuration" x ./data
refused 'no service was installed' service install "$configuration"
refused 'there is no service registry' service status

echo "made once"
configure "$configuration" "$HOST" ./data
registry service install "$configuration" >said
refused 'the service registry already exists' service install "$configuration"
[ ! -e "$home/registry.log" ] || fail "the installation wrote a log"

echo "a port in use: the start says so and makes no data folder"
python3 - "${HOST#*:}" <<'PYTHON' &
import socket, sys, time
s = socket.socket()
s.bind(("127.0.0.1", int(sys.argv[1])))
s.listen()
open("taken", "w").close()
time.sleep(300)
PYTHON
holder=$!
until_true "the port taken" test -e taken
refused 'see its log' service start
kill "$holder"
wait "$holder" || true
grep -q "cannot listen on $HOST" "$home/registry.log" || fail "the log does not name the address"
[ ! -e "$home/data" ] || fail "there is a data folder"

echo "started, asked to stop during an upload"
registry service start
answers || fail "it does not answer after its start"
registry service status | grep -q '^registry: running, process ' || fail "it is not running"
upload_begin "$home/data"
registry service stop &
stop=$!
until_true "asked to stop" grep -q 'msg="asked to stop' "$home/registry.log"
registry service status | grep -q '^registry: stopping, ' || fail "it is not stopping"
upload_end
wait "$stop" || fail "the stop failed"
registry service status | grep -q '^registry: stopped' || fail "it is not stopped"
tail -n 3 "$home/registry.log" | tr '\n' ' ' | grep -q 'asked to stop.* 201 .*msg="stopped"' ||
    fail "the log does not tell the end"
registry service stop

echo "a configuration that was broken later"
cp "$configuration" good.yml
echo 'http: x' >>"$configuration"
refused 'see its log' service start
tail -n 1 "$home/registry.log" | grep -q 'level=error .*config file.yml:4:1' || fail "the log does not name the mistake"
cp good.yml "$configuration"

echo "it starts with the system, with what it had"
wine_end
sit_down
until_true "the start with the system" answers
blob_is_served
registry service uninstall
until_true "the end of a removed service" is_silent
refused 'there is no service registry' service status
for kept in "$home/data" "$home/registry.log" "$configuration"; do
    [ -e "$kept" ] || fail "$kept was removed"
done

# console_begin: serves in a console, in a program of another name, so that it can be found.
console_begin() {
    "$WINE" program/console.exe serve "$configuration" >console.log 2>&1 &
    console=$!
    until_true "a registry in a console" answers
}
# console_end WHAT: it must have ended by itself and in order.
console_end() {
    local status=0
    wait "$console" || status=$?
    same 0 "$status" "exit code after $1"
    for told in 'msg="asked to stop' 'msg="stopped"'; do
        grep -q "$told" console.log || fail "after $1 the log does not say $told: $(cat console.log)"
    done
}

echo "in a console: a second one on the same port, Ctrl-C during an upload"
cp program/registry.exe program/console.exe
console_begin
configure second.yml "$HOST" second
refused "cannot listen on $HOST" serve second.yml
[ ! -e second ] || fail "the second made a folder"
# Here a relative path begins where the program was started.
upload_begin data
kill -INT "$console"
until_true "asked to stop" grep -q 'msg="asked to stop' console.log
upload_end
console_end Ctrl-C

# CTRL_CLOSE_EVENT and CTRL_SHUTDOWN_EVENT of wincon.h, which Wine does not make.
events=(2 6)
compiler=x86_64-w64-mingw32-gcc
if ! command -v $compiler >/dev/null; then
    echo "SKIPPED: a closed console and a shutdown: $compiler is not on this machine"
    events=()
else
    $compiler -O2 -Wall -Werror -o program/event.exe "$JUDGES/event.c"
fi
for event in "${events[@]}"; do
    echo "console event $event during two uploads, one of which does not go on"
    rm -rf data
    console_begin
    upload_begin data
    still=$UPLOAD still_go=$UPLOADED.go
    upload_begin data 2
    "$WINE" program/event.exe console.exe "$event"
    until_true "asked to stop" grep -q 'msg="asked to stop' console.log
    upload_end
    console_end "event $event"
    grep -q 'at most 3s' console.log || fail "it takes more time than there is: $(cat console.log)"
    grep -q 'closed 1 connections still active' console.log || fail "nothing was cut: $(cat console.log)"
    touch "$still_go"
    wait "$still" || true
done

echo "folders that cannot be"
configure q.yml "$HOST" "'q:\\data'"
refused 'cannot use q:\data as storage.filesystem.rootdirectory' serve q.yml
configure q.yml "$HOST" "'z:\\sys\\data'"
refused 'cannot use z:\sys\data as storage.filesystem.rootdirectory: Access denied' serve q.yml
refused 'cannot write the log q:\registry.log' serve --log 'q:\registry.log' second.yml
[ ! -e second ] || fail "a folder was made"

# Not earlier: while the system starts, Wine may take this for the start of another service.
echo "by hand it is no service"
refused 'this is what Windows calls to run the service' service run "$configuration"
VERDICT="$("$WINE" --version); not shown by Wine: accounts and rights, the start after a failure"
