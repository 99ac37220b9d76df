# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# tests/support/sms.sh - the main job for tests (source tap.sh, kafka.sh and
# ontimed.sh first): a configuration with topics of its own, messages, and the
# accounts of what came out.
#
#     sms_topics            sets $in, $sent_to, $dlq and makes the topics
#     sms_conf FILE         a configuration for them
#     sms_message N DUE_MS  one message in the envelope form, a line
#     sms_ids TOPIC         the ids that came out, one a line

sms_topics() {
    in=$(kafka_name in) sent_to=$(kafka_name out) dlq=$(kafka_name dlq)
    kafka_create_topic "$in" "${1:-4}"
    kafka_create_topic "$sent_to" 4 message.timestamp.type=LogAppendTime
    kafka_create_topic "$dlq" 2
}

sms_conf() {
    cat >"$1" <<CONF
kafka: { bootstrap_servers = "$kafka"; topic_partitions = 4; };
log: { level = "info"; };
cluster = "$test_name";
sources: {
    sms: {
        topic = "$in"; dlq_topic = "$dlq"; group_id = "$in.group";
        app = "sms_retry"; time_field = "retryTime"; poll_timeout_ms = 100;
    };
};
apps: {
    sms_retry: { plugin = "sms_retry"; settings: { topic = "$sent_to"; }; };
};
CONF
}

now_ms() { date +%s%3N; }

# utc MS: as ISO text with milliseconds.
utc() { date -u -d "@$(($1 / 1000)).$(printf %03d $(($1 % 1000)))" +%Y-%m-%dT%H:%M:%S.%3NZ; }

sms_message() {
    printf '{"appName":"sms_retry","scheduledTime":"%s","jobData":{"campaignTaskId":%s,"createdOn":"2025-11-13 15:00:00","retryAttempt":1}}\n' \
        "$(utc "$2")" "$1"
}

# sms_messages FROM TO DUE_MS [SPREAD_MS]: many, due from DUE_MS on, evenly
# spread; the request's id makes a repeat a repeat.
sms_messages() {
    awk -v a="$1" -v b="$2" -v due="$3" -v spread="${4:-0}" 'BEGIN {
        for (i = a; i <= b; i++) {
            ms = due + (b > a ? int((i - a) * spread / (b - a)) : 0)
            printf "{\"requestId\":\"r%d\",\"appName\":\"sms_retry\",\"scheduledTime\":\"%s.%03dZ\",\"jobData\":{\"campaignTaskId\":%d}}\n", \
                i, strftime("%Y-%m-%dT%H:%M:%S", int(ms / 1000), 1), ms % 1000, i
        }
    }'
}

sms_ids() { kafka_read "$1" -f '%k\n' | sed 's/^task-//'; }

# sms_early: how many of $sent_to were appended before their due time, from lines
# "id due_ms" in FILE.
sms_early() {
    kafka_read "$sent_to" -f '%k %T\n' | sed 's/^task-//' | awk -v file="$1" '
        BEGIN { while ((getline line < file) > 0) { split(line, x, " "); due[x[1]] = x[2] } }
        ($1 in due) && $2 < due[$1] { early++ }
        END { print early + 0 }'
}
