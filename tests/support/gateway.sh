# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# tests/support/gateway.sh - the payment gateway for tests (source tap.sh
# first), and the directory of plugins that these tests use.
#
#     gateway_start NAME [options of gateway.py...]
#
# sets $gateway (HOST:PORT); its ledger is $tmp/NAME.ledger.  The secret is
# $gateway_secret.
gateway_secret=a-secret-of-the-tests

gateway_start() {
    local name=$1 pid
    shift
    python3 "$srcdir/tests/support/gateway.py" --ledger "$tmp/$name.ledger" \
        --secret "$gateway_secret" "$@" >"$tmp/$name.port" 2>"$tmp/$name.err" &
    pid=$!
    at_end stop_pid "$pid"
    wait_until 20 test -s "$tmp/$name.port" || {
        diag_file "$tmp/$name.err" >&2
        return 1
    }
    gateway=127.0.0.1:$(cat "$tmp/$name.port")
}

# gateway_count WHAT: a number of its statistics.
gateway_count() {
    curl -sS --max-time 20 "http://$gateway/stats" |
        sed -n "s/.*\"$1\": \([0-9]*\).*/\1/p"
}

# plugin_dir NAME...: these plugins, as they lie in the build, in one directory.
plugin_dir() {
    local p
    mkdir -p "$tmp/plugins"
    for p; do
        ln -s "$builddir/plugins/$p/.libs/$p.so" "$tmp/plugins/$p.so"
    done
    ontimed_plugins=$tmp/plugins
}
