#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# run.sh BUILDDIR [options of ontime-bench]: what with-kafka runs for make
# bench, with the address of the broker it has started.
builddir=$1
shift
[ -n "${ONTIME_TEST_KAFKA:-}" ] || {
    echo "bench: no broker (see scripts/install-deps --check)" >&2
    exit 1
}
exec "$builddir/tests/bench/ontime-bench" \
    --bootstrap "$ONTIME_TEST_KAFKA" \
    --broker-pid "${ONTIME_TEST_KAFKA_PID:-0}" \
    --ontimed "$builddir/ontimed" \
    --plugins "$builddir/plugins/sms_retry/.libs" \
    --out "$builddir/bench.json" "$@"
