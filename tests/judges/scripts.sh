#!/usr/bin/env bash
# The scripts and the Dockerfiles, read and not run: PowerShell by its grammar and by the rules of scripts.py,
# shell by shellcheck, Dockerfiles by hadolint. PowerShell itself and Windows are not to be had here.
. "$(dirname "$0")/common.sh"
judge_begin scripts
[ "$JUDGED" = ours ] || skip "the scripts are ours"
require python3 shellcheck
export PYTHONPATH=$JUDGES_HOME/python
PATH=$PYTHONPATH/bin:$PATH
python3 -c 'import tree_sitter, tree_sitter_powershell' 2>"$SCRATCH/import" ||
    skip "the grammar of PowerShell is not on this machine: $(tail -n 1 "$SCRATCH/import")"
require hadolint

echo "PowerShell"
python3 "$JUDGES/scripts.py" "$PROJECT" || fail "a PowerShell script, or what the docs say of one, is wrong"

echo "the judge of PowerShell sees what is wrong"
mkdir -p "$SCRATCH/project/scripts"
# unlike SED WORD: one of our scripts, changed by it, must be found guilty with that word.
unlike() {
    sed "$1" "$PROJECT/scripts/run.ps1" >"$SCRATCH/project/scripts/run.ps1"
    if python3 "$JUDGES/scripts.py" "$SCRATCH/project" >"$SCRATCH/found"; then fail "it passes: $1"; fi
    grep -q -e "$2" "$SCRATCH/found" || { cat "$SCRATCH/found" && fail "another fault was found: $1"; }
}
unlike '$s/$/ }/' 'does not parse'
unlike '$s/$/; $a = $b ? 1 : 2/' 'does not parse'
unlike '$s/$/ \&\& $a/' 'PowerShell 7'
unlike 's/^\.SYNOPSIS/.Nothing/' 'no .SYNOPSIS'
unlike 's/^\.PARAMETER Port/.PARAMETER Harbour/' 'parameter port is not described'
unlike 's/run.ps1 -Data/run.ps1 -Place/' 'no parameter -Place'
unlike '$s/$/ # \xc3\xa4/' 'beyond ASCII'

echo "shell"
cd "$PROJECT"
shellcheck --external-sources --source-path=SCRIPTDIR --source-path="$JUDGES" --severity=warning \
    scripts/*.sh tests/judges/*.sh tests/data/*.sh .ci/run

echo "Dockerfiles"
hadolint --failure-threshold warning Dockerfile Dockerfile.builder Dockerfile.linux
VERDICT="$(ls scripts/*.ps1 | wc -l) PowerShell scripts, $(ls scripts/*.sh tests/judges/*.sh | wc -l) shell scripts, 3 Dockerfiles"
