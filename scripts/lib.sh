# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# scripts/lib.sh - what the scripts share; source it first.  It goes to the top
# of the tree, which is $top from then on; all that is made goes below build/.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$top"
cache=$top/build/cache
jobs=$(nproc 2>/dev/null || echo 2)
script=$(basename "$0")

say() { printf '\033[1m==> %s\033[0m\n' "$*"; }
die() {
    printf '%s: %s\n' "$script" "$1" >&2
    shift
    [ $# -eq 0 ] || printf '    %s\n' "$@" >&2
    exit 1
}

# quietly LOG COMMAND...: shows the end of the output only when it fails.
quietly() {
    local log=$1
    shift
    mkdir -p "$(dirname "$log")"
    "$@" >"$log" 2>&1 && return 0
    tail -n 60 "$log" >&2
    die "failed: $*" "the whole output: $log"
}

# Whether something that autoreconf reads is newer than what it made.
stale_configure() {
    [ -x configure ] && [ -e Makefile.in ] && [ -e config.h.in ] || return 0
    [ -n "$(find configure.ac Makefile.am -newer configure \
        2>/dev/null)" ] && return 0
    [ -n "$(find Makefile.am host ctl plugins tests \
        \( -name local.mk -o -name Makefile.am \) -newer Makefile.in)" ]
}

# configure_in DIR [switches...]: an out-of-tree build there, configured unless
# it is, with these switches.  Makefiles bring themselves up to date later.
configure_in() {
    local dir=$1 want
    shift
    if stale_configure; then
        say "preparing configure (autoreconf)"
        mkdir -p build-aux m4
        quietly "$top/build/log/autoreconf.log" autoreconf -fi
    fi
    want=$(printf '%q ' "$@" "CC=${CC:-}" "CFLAGS=${CFLAGS:-}")
    mkdir -p "$dir"
    if [ ! -e "$dir/config.status" ] ||
        [ "$(cat "$dir/.configured" 2>/dev/null)" != "$want" ]; then
        say "configuring ${dir#"$top/"} ${*:-}"
        rm -f "$dir/.configured"
        (cd "$dir" && quietly "$dir/configure.out" "$top/configure" "$@")
        echo "$want" >"$dir/.configured"
    fi
}
