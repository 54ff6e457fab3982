#!/usr/bin/env bash
# registry.exe, as scripts/build-windows.sh makes it.
#
# usage: windows.sh program   its size and what it imports; every integration test that starts a
#                             registry starts it, under Wine, from this Linux
#        windows.sh tests     all tests built as Windows programs, so the engine's limits, the crash
#                             and the driver tests as well, under Wine
#
# What Wine cannot show is named here, test by test, and said as SKIPPED.
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/wine.sh"
mode=${1:?usage: windows.sh program|tests}
JUDGED=registry.exe
judge_begin "windows $mode"
require cargo
wine_ready

EXE_BYTES_MAX=4500000
# What a Nano Server brings, and Windows with it. Anything else would have to be carried along.
SYSTEM_DLLS=(advapi32.dll api-ms-win-core-synch-l1-2-0.dll bcrypt.dll bcryptprimitives.dll crypt32.dll
    kernel32.dll msvcrt.dll ntdll.dll ws2_32.dll)

# Tests that cannot be here, and why.
DIFFERENCES=(
    "certificate::only_its_owner_may_read_the_key|Windows hands the rights of a file down from its folder"
    "users::a_new_file_is_private_and_an_old_one_keeps_its_mode_and_place|Windows hands the rights of a file down from its folder"
    "serve::a_unix_socket_is_served_and_removed|unix sockets are not served on Windows"
    "tls::a_unix_socket_may_speak_tls_too|unix sockets are not served on Windows"
    "health::a_unix_socket_leads_to_it_plain_and_over_tls|unix sockets are not served on Windows"
    "health::a_unix_socket_whose_owner_accepts_nothing_is_ill|unix sockets are not served on Windows"
    "health::paused::the_same_over_a_unix_socket|unix sockets are not served on Windows"
    "process::services_are_for_windows_and_elsewhere_the_unit_for_systemd_is_printed|there are services on Windows: service.sh"
    "judged::a_configuration_may_come_through_a_pipe|there are no pipes in folders on Windows"
    "judged::a_socket_that_cannot_be_made_is_told|unix sockets are not served on Windows"
    "start::data_of_another_user_is_refused_with_the_command_that_helps|users and their rights are those of unix"
    "collection::owners::a_command_notices_a_server_whose_locks_it_may_only_read|users and their rights are those of unix"
    "start::a_folder_that_cannot_be_made_is_told_how_to_make|users and their rights are those of unix"
    "start::a_file_that_another_user_keeps_is_refused_with_the_user_who_must_read_it|users and their rights are those of unix"
    "odd::entries::a_named_pipe_in_the_place_of_a_file_stops_nothing|there are no pipes in folders on Windows"
    "odd::entries::loops_of_links_hide_no_repository_and_are_logged_once|Windows makes links for administrators alone"
    "odd::entries::a_link_that_is_too_long_or_leads_in_circles_keeps_no_manifest_from_being_deleted|Windows makes links for administrators alone"
    "odd::entries::a_manifest_that_cannot_be_read_hides_no_other_referrer|Windows makes links for administrators alone"
    "odd::entries::a_pipe_as_a_file_of_users_is_refused_at_the_start|there are no pipes in folders on Windows"
    "verify::odd::special::pipes_and_loops_of_links_are_findings_and_nothing_waits_for_them|there are no pipes in folders on Windows"
    "collection::bad::what_is_behind_a_link_to_nothing_keeps_its_blobs|Windows makes links for administrators alone, and Wine shows none to nothing"
    "collection::bad::what_is_no_file_stops_nothing|there are no pipes in folders on Windows"
    "serve::idle_memory_is_small_and_idle_connections_add_little|Wine needs memory of its own for every thread"
    "tls::idle_connections_add_little_memory|Wine needs memory of its own for every thread"
    "serve::who_finds_all_files_taken_is_told_to_try_again|there is no limit of open files on Windows"
    "memory::highest::the_program_stays_below_256_mib_whatever_its_clients_do|Wine needs memory of its own for every thread"
    "uploads::shared::nothing_is_acknowledged_that_went_to_a_file_which_the_other_replaced|Wine 8 replaces no file that somebody has open; Windows does since 2016"
    "uploads::shared::what_is_still_arriving_at_one_is_not_written_into_what_the_other_published|Wine 8 replaces no file that somebody has open; Windows does since 2016"
    "driver::contract::who_was_reading_never_reads_what_was_written_later|Wine 8 replaces no file that somebody has open; Windows does since 2016"
)
if [ "$mode" = program ]; then
    # There the test collects from Linux.
    DIFFERENCES+=("collection::online::a_manifest_that_is_pushed_meanwhile_finds_all_that_it_names_or_is_refused|file locks of Wine and of Linux do not exclude each other")
fi
for difference in "${DIFFERENCES[@]}"; do
    echo "SKIPPED ${difference%%|*}: ${difference#*|}"
done

# Programs of the tests that may run at once, and threads of each: most of a test is waiting there.
AT_ONCE=2
THREADS=5
# Of one module's tests.
MODULE_SECONDS_MAX=${MODULE_SECONDS_MAX:-300}
PASSED=0
AGAIN=()

# what_runs: the programs of Wine, what each of their threads waits for, and the connections.
what_runs() (
    set +e
    for process in /proc/[0-9]*; do
        [[ $(readlink "$process/exe") == */wine* ]] || continue
        echo "${process#/proc/}: $(tr '\0' ' ' <"$process/cmdline" | cut -c 1-200)"
        grep -s . "$process"/task/*/comm "$process"/task/*/wchan | sed 's|.*/task/|    |' | sort | head -n 60
    done 2>/dev/null
    grep -hv '^ *sl' /proc/net/tcp | awk '{print "connection", $2, $3, "state", $4, "queues", $5}' | head -n 80
)

# run_module LOG PROGRAM... : the tests named in LOG.list, with LOG for what they print and LOG.status
# for how it ended. What hangs is looked at before it is ended.
run_module() {
    local log=$1 status=0 names=() watcher
    shift
    mapfile -t names <"$log.list"
    (sleep $((MODULE_SECONDS_MAX - 10)) && what_runs >"$log.running") 2>/dev/null &
    watcher=$!
    timeout --kill-after=20 "$MODULE_SECONDS_MAX" "$@" --exact --test-threads=$THREADS "${names[@]}" >"$log" 2>&1 ||
        status=$?
    pkill -P $watcher || true
    echo $status >"$log.status"
}

# tell_failure LOG: why each test failed, the tests that did not end, and the end of what was printed,
# which may be bytes of a layer.
tell_failure() (
    set +e +o pipefail
    grep -a -A 8 'panicked at' "$1" | cat -v | cut -c 1-1000 | head -n 120
    grep -a '^test .* \.\.\. ' "$1" | awk '{print $2}' | sort -u >"$1.ended"
    sort -u "$1.list" | comm -23 - "$1.ended" | sed 's/^/did not end: /'
    grep -av '^test .* ok$' "$1" | cat -v | cut -c 1-400 | tail -n 60
    [ ! -f "$1.running" ] || cat "$1.running"
)

# run_tests NAME PROGRAM...: every test of the program that can be here, each module in a process of
# its own. One that Wine ended or left hanging while no test failed is told, and gets a second try.
run_tests() {
    local started=$SECONDS logs=$SCRATCH/$1 module log status passed
    shift
    mkdir "$logs"
    "$@" --list 2>/dev/null | tr -d '\r' | sed -n 's/: test$//p' | sort >"$logs/all"
    [ -s "$logs/all" ] || fail "there are no tests in $*"
    printf '%s\n' "${DIFFERENCES[@]%%|*}" | grep -vxFf - "$logs/all" |
        awk -F:: -v logs="$logs" '{print >(logs "/" $1 ".list")}'
    for log in "$logs"/*.list; do
        while [ "$(jobs -rp | wc -l)" -ge $AT_ONCE ]; do wait -n || true; done
        run_module "${log%.list}" "$@" &
    done
    wait
    for log in "$logs"/*.list; do
        log=${log%.list}
        module=$(basename "$log")
        status=$(cat "$log.status")
        if [ "$status" -ne 0 ]; then
            echo "the tests of $module ended with status $status"
            tell_failure "$log"
            if grep -qa 'panicked at\|^test result: FAILED' "$log"; then fail "a test of $module failed"; fi
            AGAIN+=("$module")
            run_module "$log" "$@"
            status=$(cat "$log.status")
            [ "$status" -eq 0 ] || { tell_failure "$log" && fail "the tests of $module ended twice, with status $status"; }
        fi
        passed=$(sed -n 's/^test result: ok\. \([0-9]*\) passed.*/\1/p' "$log")
        [ "$passed" = "$(wc -l <"$log.list")" ] || fail "of $module not all tests ran, but $passed"
        PASSED=$((PASSED + passed))
    done
    echo "the tests took $((SECONDS - started)) s"
}

# programs COMMAND...: builds tests, and prints the path of each program.
programs() {
    "$@" test --no-run --lib --test integration >"$SCRATCH/build.log" 2>&1 ||
        { tail -n 30 "$SCRATCH/build.log" >&2 && fail "the tests do not build"; }
    sed -n 's/^ *Executable .* (\(.*\))$/\1/p' "$SCRATCH/build.log"
}

case $mode in
    program)
        require x86_64-w64-mingw32-objdump
        bytes=$(stat -c %s "$REGISTRY_EXE")
        [ "$bytes" -le $EXE_BYTES_MAX ] || fail "registry.exe has $bytes bytes; at most $EXE_BYTES_MAX are wanted"
        x86_64-w64-mingw32-objdump -p "$REGISTRY_EXE" |
            sed -n 's/^.*DLL Name: //p' | tr '[:upper:]' '[:lower:]' | sort -u >"$SCRATCH/imports"
        strange=$(grep -vxF "$(printf '%s\n' "${SYSTEM_DLLS[@]}")" "$SCRATCH/imports" || true)
        [ -s "$SCRATCH/imports" ] || fail "no import was found"
        [ -z "$strange" ] || fail "it imports what a Nano Server may not have: $strange"
        echo "registry.exe has $bytes bytes and imports" "$(tr '\n' ' ' <"$SCRATCH/imports")"
        mapfile -t built < <(programs cargo --locked)
        [ ${#built[@]} -eq 2 ] || fail "two programs of tests were expected, not ${built[*]}"
        for program in "${built[@]}"; do "$program" --list; done 2>/dev/null >"$SCRATCH/list"
        for difference in "${DIFFERENCES[@]}"; do
            grep -qxF "${difference%%|*}: test" "$SCRATCH/list" || fail "there is no test ${difference%%|*} any more"
        done
        REGISTRY_TEST_PROGRAM=$(realpath "$REGISTRY_EXE")
        export REGISTRY_TEST_PROGRAM REGISTRY_TEST_RUNNER=$WINE
        run_tests integration "${built[1]}"
        VERDICT="$bytes bytes, "
        ;;
    tests)
        # Built first, so that only the tests themselves are timed.
        mapfile -t built < <(programs "$PROJECT/scripts/build-windows.sh")
        [ ${#built[@]} -eq 2 ] || fail "two programs of tests were expected, not ${built[*]}"
        echo "the tests were built in $SECONDS s"
        run_tests library "$WINE" "${built[0]}"
        run_tests integration "$WINE" "${built[1]}"
        ;;
    *) fail "the first word is program or tests, not '$mode'" ;;
esac
VERDICT+="$PASSED tests passed, ${#DIFFERENCES[@]} not for Wine, $("$WINE" --version)"
[ ${#AGAIN[@]} -eq 0 ] || VERDICT+=", on a second try: ${AGAIN[*]}"
