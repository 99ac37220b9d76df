#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# run.sh BUILDDIR [--mariadb] [options of ontime-bench]: what with-kafka runs for
# make bench, with the address of the broker it has started.  --mariadb: the
# cases of the store mysql, on a MariaDB server of their own (a buffer pool of
# 1 GB, commits on disk when they are answered).
builddir=$1
shift
[ -n "${ONTIME_TEST_KAFKA:-}" ] || {
    echo "bench: no broker (see scripts/install-deps --check)" >&2
    exit 1
}
store=()
if [ "${1:-}" = --mariadb ]; then
    shift
    srcdir=$(cd "$(dirname "$0")/../.." && pwd)
    . "$srcdir/tests/support/tap.sh"
    . "$srcdir/tests/support/mariadb.sh"
    plan 0
    [ -z "$(mariadb_missing)" ] || {
        echo "bench: missing: $(mariadb_missing)" >&2
        exit 1
    }
    ONTIME_MARIADB_POOL=1G ONTIME_MARIADB_LOG=1G
    export ONTIME_MARIADB_POOL ONTIME_MARIADB_LOG
    mariadb_start "$tmp/mariadb" || exit 1
    # Databases are made and dropped by it.
    printf '#!/bin/sh\nexec mariadb -uroot -S "%s" -e "$1 DATABASE $2"\n' \
        "$mariadb" >"$tmp/tool"
    chmod +x "$tmp/tool"
    store=(--store "mysql://root@/{db}?socket=$mariadb" --store-tool "$tmp/tool")
fi
"$builddir/tests/bench/ontime-bench" \
    --bootstrap "$ONTIME_TEST_KAFKA" \
    --broker-pid "${ONTIME_TEST_KAFKA_PID:-0}" \
    --ontimed "$builddir/ontimed" \
    --plugins "$builddir/plugins/sms_retry/.libs" \
    --out "$builddir/bench.json" "${store[@]}" "$@"
