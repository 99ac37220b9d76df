# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# tests/support/kafka.sh - a real Kafka broker for tests (source tap.sh first):
# one node, broker and controller, on free loopback ports, with all it writes
# below one directory.
#
# Most tests share one broker: kafka_shared sets $kafka (HOST:PORT) to the one
# that tests/support/with-kafka has started (ONTIME_TEST_KAFKA), or starts one
# of this test's own.  Topics of a shared broker must have names of their own:
# `topic=$(kafka_name orders)`.  A test that stops or kills its broker starts
# one with kafka_start DIR.

kafka_jars=${ONTIME_KAFKA_JARS:-$srcdir/build/cache/kafka}

kafka_topicctl() { "$builddir/tests/support/topicctl" "$@"; }

# kafka_missing: what is missing to run a broker; nothing when all is there.
kafka_missing() {
    [ -n "$(ls "$kafka_jars"/kafka_2.13-*.jar 2>/dev/null)" ] ||
        echo "the broker's jars in $kafka_jars (scripts/install-deps --check)"
    command -v java >/dev/null || echo "java"
    command -v kcat >/dev/null || echo "kcat"
}

kafka_need() {
    local missing
    missing=$(kafka_missing)
    [ -z "$missing" ] || skip_all "missing for a broker: ${missing//$'\n'/, }"
}

kafka_java() {
    local heap=$1
    shift
    exec java "-Xmx$heap" "-Xms$heap" -XX:+UseSerialGC \
        -Dorg.slf4j.simpleLogger.defaultLogLevel=warn \
        -Dlog4j2.disableJmx=true -cp "$kafka_jars/*" "$@"
}

kafka_properties() {
    local dir=$1 port=$2 control=$3
    cat <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$control
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$control
advertised.listeners=PLAINTEXT://127.0.0.1:$port
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs=$dir/logs
auto.create.topics.enable=false
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=1500
group.initial.rebalance.delay.ms=0
message.max.bytes=16777216
replica.fetch.max.bytes=16777216
default.replication.factor=1
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
log.retention.hours=-1
PROPERTIES
}

kafka_answers() { kcat -b "$1" -L -m 2 >/dev/null 2>&1; }

# kafka_start DIR [property=value...]: formats DIR and starts a broker there.
# Sets $kafka (HOST:PORT) and $kafka_pid, and writes both to DIR/address and
# DIR/pid.  A port lost to somebody else in between is drawn again.
kafka_start() {
    local dir=$1 try port control id
    shift
    for try in 1 2 3; do
        rm -rf -- "$dir"
        mkdir -p "$dir" || return 1
        port=$(free_port) && control=$(free_port) || return 1
        [ "$port" != "$control" ] || continue
        kafka_properties "$dir" "$port" "$control" >"$dir/server.properties"
        [ $# -eq 0 ] || printf '%s\n' "$@" >>"$dir/server.properties"
        id=$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=')
        # A leading dash would be read as an option.
        (kafka_java 128m kafka.tools.StorageTool format -t "a${id:1}" \
            -c "$dir/server.properties") >"$dir/format.log" 2>&1 || {
            diag_file "$dir/format.log" >&2
            return 1
        }
        kafka=127.0.0.1:$port
        echo "$kafka" >"$dir/address"
        kafka_run "$dir" && return 0
        diag "the broker did not come up (try $try)" >&2
        diag_file "$dir/broker.log" 15 >&2
    done
    return 1
}

# kafka_run DIR: starts the broker of DIR (again), on the address it had.
kafka_run() {
    local dir=$1
    kafka=$(cat "$dir/address") || return 1
    kafka_java "${ONTIME_KAFKA_HEAP:-512m}" kafka.Kafka \
        "$dir/server.properties" >>"$dir/broker.log" 2>&1 &
    kafka_pid=$!
    echo "$kafka_pid" >"$dir/pid"
    at_end kafka_kill9 "$dir"
    wait_until 60 kafka_up_or_gone "$kafka" "$kafka_pid"
    kafka_answers "$kafka"
}
kafka_up_or_gone() { gone "$2" || kafka_answers "$1"; }

kafka_end() {
    local pid
    pid=$(cat "$1/pid" 2>/dev/null) || return 0
    rm -f -- "$1/pid"
    gone "$pid" || stop_pid "$pid" "$2"
}
# kafka_stop DIR: an orderly stop.  kafka_kill9 DIR: the other one.
kafka_stop() { kafka_end "$1" TERM; }
kafka_kill9() { kafka_end "$1" KILL; }

# kafka_shared: $kafka of the run's shared broker, or of one of our own.
kafka_shared() {
    kafka_need
    if [ -n "${ONTIME_TEST_KAFKA:-}" ]; then
        kafka=$ONTIME_TEST_KAFKA
    else
        kafka_start "$tmp/kafka" || {
            echo "Bail out! no broker"
            exit 1
        }
    fi
}

# kafka_name WORD: a topic or group name that no other test uses.
kafka_name() { echo "$1.$test_name.$$.$RANDOM"; }

# kafka_create_topic NAME PARTITIONS [config=value...]
kafka_create_topic() { kafka_topicctl "$kafka" create "$@"; }

# kafka_produce TOPIC [kcat's options]: records from stdin, one a line.
kafka_produce() {
    local topic=$1
    shift
    kcat -q -b "$kafka" -P -t "$topic" "$@"
}

# kafka_read TOPIC [kcat's options]: all that is there now.
kafka_read() {
    local topic=$1
    shift
    kcat -q -b "$kafka" -C -t "$topic" -o beginning -e \
        -X check.crcs=true "$@"
}

# kafka_count TOPIC: how many records (consumers' view: committed ones only).
kafka_count() { kafka_read "$1" -f '.\n' | wc -l; }

# kafka_has TOPIC COUNT: at least so many; for wait_until.
kafka_has() { [ "$(kafka_count "$1")" -ge "$2" ]; }
