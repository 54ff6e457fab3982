#!/usr/bin/env bash
# Runs the image for Linux with its data in a folder of the host. A container of the same name is replaced;
# the data stays.
#
# usage: scripts/run.sh [OPTION...]
#   --data FOLDER        the data; made when it is missing          (/var/lib/registry)
#   --port PORT          the port on the host                       (5000)
#   --certificate FILE   HTTPS with it; its key is beside it, the same name with .key
#   --htpasswd FILE      only the users of this file may pull and push
#   --realm TEXT         what clients show when they ask for a password   (Registry Realm)
#   --name NAME          the container                              (registry)
#   --tag NAME           the image                                  (registry)
#
# The program runs as the owner of the data folder, so an old folder needs no change; a new one is the
# image's own user's, 65532, when root makes it. Key and file of users must be readable for that user.
set -euo pipefail
script=$(realpath "$0")
usage() { sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$script"; }

USER_OF_IMAGE=65532
data=/var/lib/registry port=5000 certificate='' htpasswd='' realm='Registry Realm' name=registry tag=registry
while [ $# -gt 0 ]; do
    case $1 in
        --data | --port | --certificate | --htpasswd | --realm | --name | --tag)
            printf -v "${1#--}" %s "${2:?$1 needs a value}"
            shift 2
            ;;
        --help)
            usage
            exit
            ;;
        *)
            usage >&2
            exit 2
            ;;
    esac
done

if [ ! -d "$data" ]; then
    mkdir -p "$data"
    [ "$(id -u)" != 0 ] || chown $USER_OF_IMAGE:$USER_OF_IMAGE "$data"
fi
data=$(realpath "$data")
options=(-p "$port:5000" --restart unless-stopped -v "$data:/var/lib/registry" --user "$(stat -c %u:%g "$data")")
scheme=http
if [ -n "$certificate" ]; then
    certificate=$(realpath -e "$certificate")
    key=$(realpath -e "${certificate%.*}.key")
    options+=(-v "$(dirname "$certificate"):/certs:ro"
        -e "REGISTRY_HTTP_TLS_CERTIFICATE=/certs/$(basename "$certificate")"
        -e "REGISTRY_HTTP_TLS_KEY=/certs/$(basename "$key")")
    scheme=https
fi
if [ -n "$htpasswd" ]; then
    htpasswd=$(realpath -e "$htpasswd")
    # The folder and not the file: a file that is replaced would stay the old one in the container.
    options+=(-v "$(dirname "$htpasswd"):/auth:ro" -e REGISTRY_AUTH=htpasswd
        -e "REGISTRY_AUTH_HTPASSWD_REALM=$realm"
        -e "REGISTRY_AUTH_HTPASSWD_PATH=/auth/$(basename "$htpasswd")")
fi

[ -z "$(docker ps -aq --filter "name=^$name$")" ] || docker rm -f "$name" >/dev/null
docker run -d --name "$name" "${options[@]}" "$tag" >/dev/null
echo "The registry answers at $scheme://localhost:$port/ and keeps its data in $data."
if [ -n "$certificate" ]; then
    echo "Let docker trust it: cp $certificate /etc/docker/certs.d/HOST:$port/ca.crt"
else
    echo "Other hosts need, in daemon.json of the engine: { \"insecure-registries\": [\"$(uname -n):$port\"] }"
fi
[ -z "$htpasswd" ] || echo "Log in with: docker login localhost:$port"
