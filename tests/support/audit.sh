# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# tests/support/audit.sh - "ontimectl audit" in tests (source tap.sh, kafka.sh,
# ontimed.sh and sms.sh first).
#
#     audit_messages FROM TO DUE_MS [SPREAD_MS]   as sms_messages; the job's key
#                           is its campaignTaskId, as the audit expects it
#     audit NAME [options]  of $topic (default $sent_to); the answer is in
#                           $tmp/NAME/audit, the status is the audit's
#     audit_said MEMBER...  of that answer, on a line
#     audit_count NAME MEMBER   one member of a new audit

audit_messages() { sms_messages "$@" | sed 's/"requestId":"r/"requestId":"/'; }

audit() {
    audit_name=$1
    shift
    "$ontimectl_bin" -s "$tmp/$audit_name/http.sock" --json audit \
        "${topic:-$sent_to}" --app sms_retry "$@" >"$tmp/$audit_name/audit"
}

audit_said() {
    local m out=()
    for m in "$@"; do
        out+=("$(jq -r ".$m" "$tmp/${audit_name:-a}/audit")")
    done
    echo "${out[*]}"
}

audit_count() {
    audit "$1"
    audit_name=$1 audit_said "$2"
}
