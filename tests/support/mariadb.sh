# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# tests/support/mariadb.sh - a real MariaDB for tests (source tap.sh first): a
# private server, on a socket only, durable, with all it writes below one
# directory.
#
# Most tests share one server: mariadb_shared sets $mariadb (the socket's path)
# to the one that tests/support/with-mariadb has started (ONTIME_TEST_MARIADB),
# or starts one of this test's own.  Databases of a shared server must have
# names of their own: `mariadb_create; url=$mariadb_url`.  A test that stops or
# kills its server starts one with mariadb_start DIR.

PATH=$PATH:/usr/sbin:/sbin

# mariadb_missing: what is missing to run a server; nothing when all is there.
mariadb_missing() {
    local command
    for command in mariadbd mariadb-install-db mariadb; do
        command -v "$command" >/dev/null || echo "$command"
    done
}

mariadb_need() {
    local missing
    missing=$(mariadb_missing)
    [ -z "$missing" ] ||
        skip_all "missing for a database: ${missing//$'\n'/, }" \
            "(scripts/install-deps --check)"
}

mariadb_options() {
    local dir=$1
    cat <<OPTIONS
[mariadbd]
datadir=$dir/data
socket=$dir/sock
pid-file=$dir/data/pid
log-error=$dir/log
skip-networking
skip-name-resolve
skip-log-bin
user=$(id -un)
innodb_flush_log_at_trx_commit=1
innodb_buffer_pool_size=${ONTIME_MARIADB_POOL:-128M}
innodb_log_file_size=${ONTIME_MARIADB_LOG:-96M}
innodb_log_buffer_size=16M
performance_schema=off
max_connections=200
OPTIONS
}

# mariadb_start DIR [option=value...]: makes DIR anew and starts a server there.
# Sets $mariadb (the socket) and $mariadb_pid, and writes the latter to DIR/pid.
mariadb_start() {
    local dir=$1
    shift
    rm -rf -- "$dir"
    mkdir -p "$dir" || return 1
    mariadb_options "$dir" >"$dir/my.cnf"
    [ $# -eq 0 ] || printf '%s\n' "$@" >>"$dir/my.cnf"
    mariadb-install-db --defaults-file="$dir/my.cnf" --skip-test-db \
        --auth-root-authentication-method=normal \
        >"$dir/install.log" 2>&1 || {
        diag_file "$dir/install.log" >&2
        return 1
    }
    mariadb_run "$dir"
}

# mariadb_run DIR: starts the server of DIR (again).
mariadb_run() {
    local dir=$1
    mariadb=$dir/sock
    mariadbd --defaults-file="$dir/my.cnf" >>"$dir/out" 2>&1 &
    mariadb_pid=$!
    echo "$mariadb_pid" >"$dir/pid"
    at_end mariadb_kill9 "$dir"
    wait_until 60 mariadb_up_or_gone "$mariadb" "$mariadb_pid"
    mariadb_answers "$mariadb" || {
        diag_file "$dir/log" 15 >&2
        return 1
    }
}
mariadb_answers() { mariadb -S "$1" -u root -e 'DO 1' >/dev/null 2>&1; }
mariadb_up_or_gone() { gone "$2" || mariadb_answers "$1"; }

mariadb_end() {
    local pid
    pid=$(cat "$1/pid" 2>/dev/null) || return 0
    rm -f -- "$1/pid"
    gone "$pid" || stop_pid "$pid" "$2"
}
# mariadb_stop DIR: an orderly stop.  mariadb_kill9 DIR: the other one.
mariadb_stop() { mariadb_end "$1" TERM; }
mariadb_kill9() { mariadb_end "$1" KILL; }

# mariadb_shared: $mariadb of the run's shared server, or of one of our own.
mariadb_shared() {
    mariadb_need
    if [ -n "${ONTIME_TEST_MARIADB:-}" ]; then
        mariadb=$ONTIME_TEST_MARIADB
    else
        mariadb_start "$tmp/mariadb" || {
            echo "Bail out! no database"
            exit 1
        }
    fi
}

# mariadb_sql [DATABASE]: runs SQL from stdin; rows come as tab-separated text.
mariadb_sql() { mariadb -S "$mariadb" -u root -N -B --database="${1:-}"; }

# mariadb_create: a database that no other test uses: $mariadb_db, $mariadb_url.
mariadb_create() {
    mariadb_db=t_${test_name//[^A-Za-z0-9]/_}_$$_$RANDOM
    echo "CREATE DATABASE $mariadb_db" | mariadb_sql || return 1
    # Read by the tests that source this.
    # shellcheck disable=SC2034
    mariadb_url="mysql://root@/$mariadb_db?socket=$mariadb"
}
