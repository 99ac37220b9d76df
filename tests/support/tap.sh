# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# tests/support/tap.sh - what every *.test sources first: TAP output, a
# directory of its own, polls with a deadline, and an orderly end.
#
#     . "${srcdir:-.}/tests/support/tap.sh"
#     plan 2
#     ok "it builds" test -x ./ontimed
#     is "it answers" "$(./ontimed --version)" "ontimed 0.1.0"
#
# $srcdir is the top of the sources (read only), $builddir of the build; both
# are absolute.  $tmp is this test's own and is removed at the end, unless
# KEEP=1 or a case failed and KEEP_FAILED=1.  What must be undone at the end is
# given to at_end; it runs in reverse order, also after a failure or a signal.
set -u

srcdir=$(cd "${srcdir:-.}" && pwd)
builddir=$(cd "${builddir:-.}" && pwd)
test_name=$(basename "$0" .test)
tmp=$(mktemp -d "${TMPDIR:-/tmp}/ontime-$test_name.XXXXXX") || exit 99
export srcdir builddir tmp

tap_count=0
tap_failed=0
tap_plan=
tap_undo=()

diag() { printf '%s\n' "$@" | sed 's/^/# /'; }

# diag_file FILE [LINES]: the end of a log, as diagnostics.
diag_file() {
    diag "--- the last ${2:-40} lines of $1"
    tail -n "${2:-40}" -- "$1" 2>&1 | cut -c1-1000 | sed 's/^/# /'
}

plan() { tap_plan=$1; echo "1..$1"; }

# The whole test cannot run here.  That is said, and counts as a failure where
# ONTIME_NO_SKIP is set (scripts/check).
skip_all() {
    if [ "${ONTIME_NO_SKIP:-}" = 1 ]; then
        echo "1..1"
        echo "not ok 1 - must not be skipped: $*"
        tap_plan=1 tap_count=1 tap_failed=1
        exit 1
    fi
    echo "1..0 # SKIP $*"
    tap_plan=0
    exit 0
}

# One case that cannot run here.
skip() {
    tap_count=$((tap_count + 1))
    if [ "${ONTIME_NO_SKIP:-}" = 1 ]; then
        echo "not ok $tap_count - must not be skipped: $*"
        tap_failed=$((tap_failed + 1))
    else
        echo "ok $tap_count # SKIP $*"
    fi
}

pass() { tap_count=$((tap_count + 1)); echo "ok $tap_count - $1"; }

fail() {
    tap_count=$((tap_count + 1))
    tap_failed=$((tap_failed + 1))
    echo "not ok $tap_count - $1"
    shift
    [ $# -eq 0 ] || diag "$@"
    return 1
}

# ok TEXT COMMAND...: passes when the command does.
ok() {
    local text=$1 out rc
    shift
    out=$("$@" 2>&1)
    rc=$?
    if [ $rc -eq 0 ]; then
        pass "$text"
    else
        fail "$text" "command: $*" "status: $rc"
        [ -z "$out" ] || printf '%s\n' "$out" | tail -n 40 | sed 's/^/#   /'
        return 1
    fi
}

# not_ok TEXT COMMAND...: passes when the command fails (but not by a signal).
not_ok() {
    local text=$1 rc
    shift
    "$@" >/dev/null 2>&1
    rc=$?
    if [ $rc -ne 0 ] && [ $rc -lt 126 ]; then
        pass "$text"
    else
        fail "$text" "command: $*" "status: $rc, expected a refusal"
    fi
}

# is TEXT GOT EXPECTED
is() {
    if [ "$2" = "$3" ]; then
        pass "$1"
    else
        fail "$1"
        diag "     got: $2"
        diag "expected: $3"
        return 1
    fi
}

# like TEXT GOT REGEX (extended)
like() {
    if [[ $2 =~ $3 ]]; then
        pass "$1"
    else
        fail "$1"
        diag "     got: $2"
        diag "expected to match: $3"
        return 1
    fi
}

# wait_until SECONDS COMMAND...: polls until the command succeeds; 1 when it
# did not within the time.  The only way in which a test waits.
wait_until() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.05
    done
}

# at_end COMMAND...: runs when the test ends, the last one given first.
at_end() { tap_undo+=("$(printf '%q ' "$@")"); }

# Each test is given the ports of its own that it asks for: free now, and below
# the range that port 0 draws from.
free_port() {
    local port try
    for try in {1..200}; do
        port=$((15000 + (RANDOM * 32768 + RANDOM) % 17000))
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            echo "$port"
            return 0
        fi
    done
    diag "no free port after $try tries" >&2
    return 1
}

# gone PID: true when it is no more (or only waits to be reaped).
gone() {
    local state
    state=$(ps -o stat= -p "$1" 2>/dev/null) || return 0
    case $state in '' | Z*) return 0 ;; esac
    return 1
}

# stop_pid PID [SIGNAL] [SECONDS]: asks it to end, and insists after a while.
# Returns the status of our own children.
stop_pid() {
    local pid=$1
    kill "-${2:-TERM}" "$pid" 2>/dev/null
    if ! wait_until "${3:-20}" gone "$pid"; then
        diag "process $pid did not end within ${3:-20} s: killed" >&2
        kill -KILL "$pid" 2>/dev/null
    fi
    wait "$pid" 2>/dev/null
}

tap_end() {
    local rc=$? i
    trap - EXIT
    for ((i = ${#tap_undo[@]} - 1; i >= 0; i--)); do
        eval "${tap_undo[i]}" >&2
    done
    if [ -z "$tap_plan" ] || [ "$tap_plan" -ne "$tap_count" ]; then
        [ -n "$tap_plan" ] || echo "Bail out! no plan"
        diag "planned ${tap_plan:-nothing}, ran $tap_count, status $rc"
        tap_failed=1
    fi
    if [ "${KEEP:-}" = 1 ] ||
        { [ $tap_failed -ne 0 ] && [ "${KEEP_FAILED:-}" = 1 ]; }; then
        diag "kept: $tmp"
    else
        rm -rf -- "$tmp"
    fi
    [ $tap_failed -eq 0 ] && [ $rc -eq 0 ] || exit 1
    exit 0
}
trap tap_end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
