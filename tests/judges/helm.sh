#!/usr/bin/env bash
# helm: charts in and out of the registry, with the provenance media types it uses.
. "$(dirname "$0")/common.sh"
judge_begin helm
require helm
export HELM_CACHE_HOME=$SCRATCH/cache HELM_CONFIG_HOME=$SCRATCH/config HELM_DATA_HOME=$SCRATCH/share
export DOCKER_CONFIG=$SCRATCH

registry_start "$JUDGED" "$SCRATCH/data"
cd "$SCRATCH"

for version in 0.1.0 0.2.0+build.7; do
    rm -rf hello && helm create hello >/dev/null
    helm package hello --version "$version" >/dev/null
    helm push "hello-$version.tgz" "oci://$HOST/charts" --plain-http >push.log 2>&1 || { cat push.log && fail "push of $version"; }
    mkdir "back-$version"
    helm pull "oci://$HOST/charts/hello" --version "$version" --plain-http -d "back-$version" >pull.log 2>&1 ||
        { cat pull.log && fail "pull of $version"; }
    cmp "hello-$version.tgz" "back-$version/hello-$version.tgz"
done

# A version range makes helm read the tag list.
helm show chart "oci://$HOST/charts/hello" --version '>0.0.1' --plain-http >chart.yaml 2>/dev/null
same "version: 0.2.0+build.7" "$(grep ^version: chart.yaml)" "the newest version by the tag list"
helm template test "oci://$HOST/charts/hello" --version 0.1.0 --plain-http >manifests.yaml 2>/dev/null
grep -q 'kind: Service' manifests.yaml
