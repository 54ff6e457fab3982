#!/usr/bin/env bash
# registry.exe under Wine as a service of Windows: made, started, asked to stop during an upload, started
# with the system, removed. Then in a console: Ctrl-C during an upload, and what it cannot work with.
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/wine.sh"
# Wine reads names in the letters of the locale.
export LC_ALL=C.UTF-8
JUDGED=registry.exe
judge_begin service
require curl python3
judge_cleanup() { wine_end; }
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
# arriving FOLDER: whether bytes of an upload are below a data folder.
arriving() { [ -n "$(find "$1" -path '*_uploads/*' -name data -size +0 2>/dev/null)" ]; }
# upload_begin FOLDER: starts an upload that takes about three seconds; returns when it is on its way.
upload_begin() {
    local location
    location=$(curl -sS -o "$SCRATCH/answer" -w '%header{location}' -X POST "http://$HOST/v2/a/blobs/uploads/")
    curl -sS -o "$SCRATCH/answer" -w '%{http_code}' -H 'Expect:' -T blob --limit-rate 700k \
        "http://$HOST$location?digest=$(digest_of blob)" >uploaded &
    UPLOAD=$!
    until_true "an upload on its way" arriving "$1"
}
upload_end() {
    wait "$UPLOAD"
    same 201 "$(cat uploaded)" "the upload that was in flight"
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

head -c 2000000 /dev/urandom >blob
HOST=127.0.0.1:$(free_port)
configuration="$home/config file.yml"
SERVER_LOG="$home/registry.log"

sit_down
echo "a service that is not there, and configurations that are none"
refused 'there is no service registry' service status
refused 'there is no service registry' service start
refused 'cannot be read' service install "$home/nothing.yml"
configure "$configuration" x ./data
refused 'no service was made' service install "$configuration"
refused 'there is no service registry' service status

echo "made once"
configure "$configuration" "$HOST" ./data
registry service install "$configuration" >said
refused 'there is a service registry already' service install "$configuration"
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
refused 'its log says why' service start
kill "$holder"
wait "$holder" || true
grep -q "cannot listen on $HOST" "$home/registry.log" || fail "the log does not name the address"
[ ! -e "$home/data" ] || fail "there is a data folder"

echo "started, asked to stop during an upload"
registry service start
answers || fail "it does not answer after its start"
registry service status | grep -q '^registry: running, process ' || fail "it is not running"
upload_begin "$home/data"
registry service stop
upload_end
registry service status | grep -q '^registry: stopped' || fail "it is not stopped"
tail -n 3 "$home/registry.log" | tr '\n' ' ' | grep -q 'asked to stop.* 201 .*msg="stopped"' ||
    fail "the log does not tell the end"
registry service stop

echo "a configuration that was broken later"
cp "$configuration" good.yml
echo 'http: x' >>"$configuration"
refused 'its log says why' service start
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

echo "in a console: a second one on the same port, Ctrl-C during an upload"
"$WINE" program/registry.exe serve "$configuration" >"$SCRATCH/console.log" 2>&1 &
console=$!
until_true "a registry in a console" answers
configure second.yml "$HOST" second
refused "cannot listen on $HOST" serve second.yml
[ ! -e second ] || fail "the second made a folder"
# Here a relative path begins where the program was started.
upload_begin data
kill -INT "$console"
upload_end
status=0
wait "$console" || status=$?
same 0 "$status" "exit code after Ctrl-C"
for told in 'msg="asked to stop' 'msg="stopped"'; do
    grep -q "$told" console.log || fail "the log does not say $told: $(cat console.log)"
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
VERDICT="$("$WINE" --version); not shown by Wine: accounts and rights, the start after a failure, the closing of a console"
