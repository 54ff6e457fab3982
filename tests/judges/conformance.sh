#!/usr/bin/env bash
# The OCI distribution-spec conformance suite (github.com/opencontainers/distribution-spec/conformance)
# at `dev`, with every API and every kind of data on. Wants no failure and no skip.
#
# usage: conformance.sh default   every reference must exist, sparse manifests off
#        conformance.sh sparse    validation.disabled, manifests may name what is not there
#        conformance.sh secure    as default, over TLS with a user and a password
#
# The suite deletes, so storage.delete.enabled is needed (registry_start has it on).
. "$(dirname "$0")/common.sh"
mode=${1:-default}
judge_begin "conformance $mode"
require oci-conformance python3

case $mode in
    default) sparse=false settings=() ;;
    sparse) sparse=true settings=(REGISTRY_VALIDATION_DISABLED=true) ;;
    secure)
        [ "$JUDGED" = ours ] || skip "the certificate and the user are made by our own program"
        secure_settings "$SCRATCH" judge secret
        sparse=false settings=("${SECURE[@]}")
        export OCI_USERNAME=judge OCI_PASSWORD=secret SSL_CERT_FILE=$CERTIFICATE
        ;;
    *) fail "the first word is default, sparse or secure, not '$mode'" ;;
esac
registry_start "$JUDGED" "$SCRATCH/data" "${settings[@]}"

# Everything on by name: what the suite has as its default may change under us.
for name in API_PING API_PULL API_PUSH API_BLOBS_ATOMIC API_BLOBS_DELETE API_BLOBS_DIGEST_HEADER \
    API_BLOBS_MOUNT_ANONYMOUS API_BLOBS_UPLOAD_CANCEL API_MANIFESTS_ATOMIC API_MANIFESTS_DELETE \
    API_MANIFESTS_DIGEST_HEADER API_MANIFESTS_TAG_PARAM API_TAGS_ATOMIC API_TAGS_DELETE \
    API_TAGS_LIST API_REFERRER \
    DATA_IMAGE DATA_INDEX DATA_INDEX_LIST DATA_ARTIFACT DATA_SUBJECT DATA_SUBJECT_MISSING \
    DATA_ARTIFACT_LIST DATA_SUBJECT_LIST DATA_DATA_FIELD DATA_NONDISTRIBUTABLE DATA_CUSTOM_FIELDS \
    DATA_NO_LAYERS DATA_EMPTY_BLOB DATA_SHA512; do
    export "OCI_$name=true"
done
export OCI_DATA_SPARSE=$sparse
export OCI_REGISTRY=$HOST OCI_VERSION=dev
[ $SCHEME = https ] && export OCI_TLS=enabled || export OCI_TLS=disabled
export OCI_REPO1=conformance/repo1 OCI_REPO2=conformance/repo2 OCI_RESULTS_DIR=$SCRATCH/results

ended=0
(cd "$SCRATCH" && timeout 300 oci-conformance) >"$SCRATCH/suite.log" 2>&1 || ended=$?
if [ ! -s "$OCI_RESULTS_DIR/junit.xml" ]; then
    tail -n 20 "$SCRATCH/suite.log"
    fail "the suite ended with status $ended and left no results"
fi

# Sparse data is off on purpose in the first run, so the tests disabled by it are no skips there.
# Counts come from the junit file, whose cases are the suite's leaves.
python3 - "$OCI_RESULTS_DIR/junit.xml" >"$SCRATCH/counts" <<'PYTHON' || true
import collections, sys, xml.etree.ElementTree as xml
counts, bad = collections.Counter(), []
for case in xml.parse(sys.argv[1]).iter("testcase"):
    status = case.get("status") or "unknown"
    counts[status] += 1
    if status not in ("passed", "disabled"):
        bad.append(f"{status}: {case.get('name')}: {(case.findtext('system-out') or '').strip()}")
print(" ".join(f"{count} {status}" for status, count in sorted(counts.items())))
print("\n".join(bad))
PYTHON
VERDICT=$(head -n 1 "$SCRATCH/counts")
echo "conformance $mode: $VERDICT; the suite ended with status $ended"
if [ "$(sed 1d "$SCRATCH/counts" | grep -c .)" -gt 0 ] || [ $ended -ne 0 ]; then
    sed 1d "$SCRATCH/counts" | cut -c 1-300
    fail "not everything passed"
fi
[[ $VERDICT = *passed* ]] || fail "the suite passed nothing"
