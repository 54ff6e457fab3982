#!/usr/bin/env bash
# Measures this registry beside nginx, in pairs that alternate in one run, and prints medians and ratios:
# the pull of a blob against nginx's sendfile of the same file, the same over TLS 1.3 with one cipher, and
# GET /v2/ against nginx's 1 KB file.
# Then the registry's other operations, without a rival.
#
# usage: scripts/bench.sh [pairs]          needs nginx, wrk, curl, jq, python3; cargo for the load program
#   REGISTRY_PROGRAM, JUDGED               as in tests/judges/common.sh
#   ROUNDS=5 SECONDS_EACH=4 CONNECTIONS=8 BLOB_MIB=256
#
# Both servers have one processor-bound worker for each core and no access log; the load runs on the same
# machine, so figures are for comparing and not for quoting.
. "$(dirname "$0")/../tests/judges/common.sh"
ROUNDS=${ROUNDS:-5}
SECONDS_EACH=${SECONDS_EACH:-4}
CONNECTIONS=${CONNECTIONS:-8}
BLOB_MIB=${BLOB_MIB:-256}
only=${1:-all}
NGINX='' TLS_SERVER=''
judge_begin bench
require nginx wrk curl jq python3 cargo
load=$(cd "$PROJECT" && cargo bench --bench serve --no-run --message-format json 2>"$SCRATCH/build.log" |
    jq -r 'select(.target.name == "serve" and .executable) | .executable') ||
    { cat "$SCRATCH/build.log" && fail "the load program does not build"; }

judge_cleanup() {
    local server
    for server in $NGINX $TLS_SERVER; do { kill "$server" && wait "$server"; } 2>/dev/null; done
}

# nginx_start: serves $SCRATCH/www on $NGINX_HOST and over TLS on $NGINX_TLS_HOST, with sendfile on and its log off.
nginx_start() {
    NGINX_HOST=127.0.0.1:$(free_port)
    NGINX_TLS_HOST=127.0.0.1:$(free_port)
    mkdir -p "$SCRATCH/www" "$SCRATCH/nginx"
    head -c 1024 /dev/zero >"$SCRATCH/www/small"
    cat >"$SCRATCH/nginx.conf" <<CONF
daemon off;
user root;
worker_processes auto;
pid $SCRATCH/nginx/pid;
error_log $SCRATCH/nginx/error.log;
events { worker_connections 1024; }
http {
    access_log off;
    sendfile on;
    tcp_nopush on;
    tcp_nodelay on;
    keepalive_requests 100000000;
    client_body_temp_path $SCRATCH/nginx/body;
    proxy_temp_path $SCRATCH/nginx/proxy;
    fastcgi_temp_path $SCRATCH/nginx/fastcgi;
    uwsgi_temp_path $SCRATCH/nginx/uwsgi;
    scgi_temp_path $SCRATCH/nginx/scgi;
    server { listen $NGINX_HOST; root $SCRATCH/www; }
    server {
        listen $NGINX_TLS_HOST ssl;
        root $SCRATCH/www;
        ssl_certificate $SCRATCH/certs/127.0.0.1.crt;
        ssl_certificate_key $SCRATCH/certs/127.0.0.1.key;
        ssl_protocols TLSv1.3;
    }
}
CONF
    # Its workers run as root, since the scratch folder is closed to others.
    nginx -c "$SCRATCH/nginx.conf" -e "$SCRATCH/nginx/error.log" &
    NGINX=$!
    until curl -fsS -o /dev/null "http://$NGINX_HOST/small" 2>/dev/null; do
        kill -0 $NGINX 2>/dev/null || fail "nginx ended: $(tail -n 1 "$SCRATCH/nginx/error.log")"
        sleep 0.05
    done
}

# field NAME: the number after NAME= in a line of the load program.
field() { sed -n "s/.* $1=\([0-9.]*\).*/\1/p"; }

small() { # URL: requests a second, by wrk
    wrk -t 2 -c "$CONNECTIONS" -d "${SECONDS_EACH}s" "$1" >"$SCRATCH/wrk"
    if grep -q 'Non-2xx\|Socket errors' "$SCRATCH/wrk"; then cat "$SCRATCH/wrk" && fail "wrk met errors at $1"; fi
    sed -n 's/^Requests\/sec: *//p' "$SCRATCH/wrk"
}

large() { # HOST PATH: MB a second, bodies dropped by the kernel
    "$load" "$1" get path="$2" connections="$CONNECTIONS" seconds="$SECONDS_EACH" | field mb_per_second
}

large_tls() { # HOST PATH: the same over TLS, records dropped by the kernel
    "$load" "$1" get path="$2" trust="$SCRATCH/certs/127.0.0.1.crt" connections="$CONNECTIONS" \
        seconds="$SECONDS_EACH" | field mb_per_second
}

# registry_start_tls: a second process of the judged registry, on the same data, over TLS on $TLS_HOST.
registry_start_tls() {
    TLS_HOST=127.0.0.1:$(free_port)
    env -i PATH="$PATH" REGISTRY_HTTP_ADDR="$TLS_HOST" REGISTRY_LOG_LEVEL=error \
        REGISTRY_LOG_ACCESSLOG_DISABLED=true REGISTRY_HTTP_TLS_CERTIFICATE="$SCRATCH/certs/127.0.0.1.crt" \
        REGISTRY_HTTP_TLS_KEY="$SCRATCH/certs/127.0.0.1.key" \
        "$(program_of "$JUDGED")" serve "$(ls "$SCRATCH"/config.*.yml)" >"$SCRATCH/tls.log" 2>&1 &
    TLS_SERVER=$!
    until curl -fsS -o /dev/null --cacert "$SCRATCH/certs/127.0.0.1.crt" "https://$TLS_HOST/v2/" 2>/dev/null; do
        kill -0 $TLS_SERVER 2>/dev/null || fail "the registry over TLS ended: $(tail -n 1 "$SCRATCH/tls.log")"
        sleep 0.05
    done
}

median() { sort -n | awk '{value[NR] = $1} END {
    print (NR % 2) ? value[(NR + 1) / 2] : (value[NR / 2] + value[NR / 2 + 1]) / 2}'; }

# pair NAME UNIT OURS RIVAL: runs the two commands in turn, says medians and the ratio of each pair.
pair() {
    local name=$1 unit=$2 ours=$3 rival=$4 round first second
    : >"$SCRATCH/ours" && : >"$SCRATCH/rival" && : >"$SCRATCH/ratios"
    for ((round = 0; round < ROUNDS; round++)); do
        # Who goes first alternates: what one leaves in the caches helps the other no more often.
        if ((round % 2)); then
            second=$($rival) first=$($ours)
        else
            first=$($ours) second=$($rival)
        fi
        echo "$first" >>"$SCRATCH/ours"
        echo "$second" >>"$SCRATCH/rival"
        awk "BEGIN {print $first / $second}" >>"$SCRATCH/ratios"
    done
    printf '%-28s %s %.0f %s, nginx %.0f %s, ratio %.2f (pairs: %s)\n' "$name" "$JUDGED" \
        "$(median <"$SCRATCH/ours")" "$unit" "$(median <"$SCRATCH/rival")" "$unit" \
        "$(median <"$SCRATCH/ratios")" "$(xargs printf '%.2f ' <"$SCRATCH/ratios")"
}

registry_start "$JUDGED" "$SCRATCH/data" REGISTRY_LOG_LEVEL=error REGISTRY_LOG_ACCESSLOG_DISABLED=true
"$REGISTRY_PROGRAM" certificate --ip 127.0.0.1 --out "$SCRATCH/certs" >/dev/null
nginx_start
registry_start_tls

# The blob as the registry stores it is the file nginx serves: the same pages of the cache.
"$load" "$HOST" pull bytes=$((BLOB_MIB << 20)) connections=1 seconds=1 >/dev/null
blob=$(find "$SCRATCH/data/docker/registry/v2/blobs" -name data -size +$((BLOB_MIB - 1))M | head -n 1)
[ -n "$blob" ] || fail "the pushed blob is not in the data folder"
ln "$blob" "$SCRATCH/www/blob"
digest=sha256:$(basename "$(dirname "$blob")")

pair "pull of $BLOB_MIB MiB" MB/s \
    "large $HOST /v2/bench/serve/blobs/$digest" "large $NGINX_HOST /blob"
pair "pull of $BLOB_MIB MiB over TLS" MB/s \
    "large_tls $TLS_HOST /v2/bench/serve/blobs/$digest" "large_tls $NGINX_TLS_HOST /blob"
pair "GET /v2/ against 1 KB" "requests/s" "small http://$HOST/v2/" "small http://$NGINX_HOST/small"
memory() { awk '/^VmHWM/ {print $2 / 1024}' "/proc/$SERVER/status"; }
printf 'memory at its highest        %s %.1f MB\n' "$JUDGED" "$(memory)"
[ "$only" != pairs ] || exit 0

run() { printf '%-28s %s\n' "$1" "$("$load" "$HOST" "${@:2}" connections="$CONNECTIONS" seconds="$SECONDS_EACH")"; }
run "push 1 MiB, POST and PUT" push bytes=1048576
run "push 1 MiB, one PATCH" push bytes=1048576 chunk=1048576
run "push 64 MiB, 16 MiB PATCHes" push bytes=$((64 << 20)) chunk=$((16 << 20))
run "manifest GET by tag" manifest-get
run "manifest PUT by tag" manifest-put
run "tags, 100 of 2000" tags repository=bench/tags fill=2000 page=100
run "catalog, 100 of 1000" catalog repository=bench/many fill=1000 page=100
printf 'memory at its highest        %s %.1f MB\n' "$JUDGED" "$(memory)"
