# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# tests/support/ontimed.sh - the daemon under test (source tap.sh first).
#
#     ontimed_start NAME FILE [options of ontimed...]
#
# starts it with the configuration FILE and, unless the options say otherwise,
# with all that it writes below $tmp/NAME; waits until it is ready; and sets
# $ontimed_pid.  It is talked to over its unix socket, $tmp/NAME/http.sock:
# `api NAME GET /api/v1/status`.  NAME tells several daemons of a test apart.

ontimed_bin=${ONTIME_TEST_ONTIMED:-$builddir/ontimed}
ontimectl_bin=${ONTIME_TEST_ONTIMECTL:-$builddir/ontimectl}
# libtool leaves the plugins here before they are installed.
ontimed_plugins=${ONTIME_TEST_PLUGINS:-$builddir/plugins/sms_retry/.libs}

# api NAME METHOD PATH [curl's options]: the body on stdout; fails on >= 400.
api() {
    local name=$1 method=$2 path=$3
    shift 3
    curl -sS --fail-with-body --max-time 20 -X "$method" "$@" \
        --unix-socket "$tmp/$name/http.sock" "http://localhost$path"
}

ontimed_ready() { api "$1" GET /health/ready; }

# ontimed_spawn NAME FILE [options...]: starts it and does not wait.
ontimed_spawn() {
    local name=$1 file=$2
    shift 2
    mkdir -p "$tmp/$name/run"
    "$ontimed_bin" -c "$file" \
        -o "plugins.dir=$ontimed_plugins" \
        -o "plugins.run_dir=$tmp/$name/run" \
        -o "store.url=sqlite:$tmp/$name/ontime.db" \
        -o "http.listen=" \
        -o "ledger.topic=ledger.$test_name.$$.$name" \
        -o "ledger.partitions=2" \
        -o "http.socket=$tmp/$name/http.sock" \
        "$@" >>"$tmp/$name/log" 2>&1 &
    ontimed_pid=$!
    echo "$ontimed_pid" >"$tmp/$name/pid"
    at_end ontimed_kill9 "$name"
}

ontimed_ready_or_gone() { gone "$2" || ontimed_ready "$1"; }

ontimed_start() {
    ontimed_spawn "$@"
    wait_until 30 ontimed_ready_or_gone "$1" "$ontimed_pid"
    ontimed_ready "$1" >/dev/null 2>&1 && return 0
    diag "ontimed $1 is not ready" >&2
    diag_file "$tmp/$1/log" >&2
    return 1
}

# ontimed_stop NAME: SIGTERM and the drain; returns its exit status.
ontimed_stop() {
    local pid rc
    pid=$(cat "$tmp/$1/pid" 2>/dev/null) || return 0
    stop_pid "$pid" TERM "${2:-40}"
    rc=$?
    rm -f "$tmp/$1/pid"
    return $rc
}

ontimed_kill9() {
    local pid
    pid=$(cat "$tmp/$1/pid" 2>/dev/null) || return 0
    rm -f "$tmp/$1/pid"
    kill -KILL "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
    return 0
}

# ontimed_reload NAME: SIGHUP.
ontimed_reload() { kill -HUP "$(cat "$tmp/$1/pid")"; }

# ontimed_said NAME REGEX: whether its log has such a line.
ontimed_said() { grep -Eq -- "$2" "$tmp/$1/log"; }

# ontimed_metric NAME 'family{labels}': its value (0 when it is not there).
ontimed_metric() {
    api "$1" GET /metrics | awk -v want="$2" '
        index($0, want " ") == 1 { value = $NF; found = 1 }
        END { print found ? value : 0 }'
}
