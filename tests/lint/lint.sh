# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# tests/lint/lint.sh - what the lint tests share (source tap.sh first).  Each
# lint is a function that prints its findings, one a line, as file:line: what;
# it runs on the tree, which must be clean, and on a small made-up tree that is
# not, so that a lint that sees nothing is found out.

lint_tools=${ONTIME_LINT_TOOLS:-$srcdir/build/cache/tools/bin}

# The C sources of a tree: what we wrote, not what a build left there.
c_files() {
    (cd "$1" && find host include ctl plugins tests -type f \
        \( -name '*.c' -o -name '*.h' \) 2>/dev/null | LC_ALL=C sort)
}

# All files that are committed (of a tarball: all that are there).
all_files() {
    (
        cd "$srcdir" || exit
        if [ -e .git ] && git ls-files >/dev/null 2>&1; then
            git ls-files --cached --others --exclude-standard |
                while read -r f; do [ ! -f "$f" ] || echo "$f"; done
        else
            find . -type f ! -path './autom4te.cache/*' ! -path './build*' \
                ! -path './m4/*' ! -name configure ! -name aclocal.m4 \
                ! -name Makefile.in ! -name config.h.in | sed 's|^\./||'
        fi
    ) | LC_ALL=C sort
}

# clean TEXT FUNCTION ARGUMENT...: no finding.
clean() {
    local text=$1 out
    shift
    out=$("$@")
    if [ -z "$out" ]; then
        pass "$text"
    else
        fail "$text"
        printf '%s\n' "$out" | head -n 60 | sed 's/^/# /'
    fi
}

# finds TEXT REGEX FUNCTION ARGUMENT...: a finding like that.
finds() {
    local text=$1 regex=$2 out
    shift 2
    out=$("$@")
    if printf '%s\n' "$out" | grep -Eq -- "$regex"; then
        pass "$text"
    else
        fail "$text" "no finding like: $regex"
        printf '%s\n' "$out" | head -n 10 | sed 's/^/# /'
    fi
}

# make_file PATH: a file of the made-up tree $tmp/bad, from stdin.
make_file() {
    mkdir -p "$tmp/bad/$(dirname "$1")"
    cat >"$tmp/bad/$1"
}
