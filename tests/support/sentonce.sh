# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# tests/support/sentonce.sh - jobs fire while daemons and the broker are killed
# at random moments; then two readers who know nothing of each other give an
# account of what came out: kcat, read committed, and ontimectl audit.  Source
# tap.sh, kafka.sh, ontimed.sh, sms.sh and audit.sh first, set what differs, and
# call sent_once (SENT_ONCE_CASES cases).
#
# Every random number comes from $seed, which is printed: SEED=N repeats the
# plan (the kernel's scheduling it does not).

SENT_ONCE_CASES=9

so_delivery=${DELIVERY:-exactly_once}
so_store=${STORE:-sqlite}
so_jobs=10000
so_seconds=16         # over which they are due
so_kills=8            # of a daemon, with -9
so_broker_kills=1     # likewise
so_stops=0            # of a daemon, with SIGSTOP
so_broker_stops=0     # of the broker, likewise
so_stop_seconds=22    # beyond lease and transaction timeout
so_daemons=(a)        # instances, sharing the store
so_patience=90        # for what comes after the last of these
so_options=()         # of ontimed

# The plan: lines "ms action name", in order of time.
so_plan() {
    local i span=$((so_seconds * 1000)) name
    RANDOM=$seed
    for ((i = 0; i < so_kills; i++)); do
        name=${so_daemons[RANDOM % ${#so_daemons[@]}]}
        echo "$(((RANDOM * 32768 + RANDOM) % span)) kill $name"
    done
    # Not at the very end, where nothing would be under way any more.
    for ((i = 0; i < so_broker_kills; i++)); do
        echo "$(((RANDOM * 32768 + RANDOM) % (span * 3 / 4))) broker -"
    done
    for ((i = 0; i < so_broker_stops; i++)); do
        echo "$(((RANDOM * 32768 + RANDOM) % (span / 2))) pause -"
    done
    for ((i = 0; i < so_stops; i++)); do
        name=${so_daemons[RANDOM % ${#so_daemons[@]}]}
        echo "$(((RANDOM * 32768 + RANDOM) % (span / 2))) stop $name"
    done
}

so_store_url() {
    case $so_store in
    sqlite) echo "sqlite:$tmp/$1/ontime.db" ;;
    *) echo "$so_url" ;; # of a server that the test has started
    esac
}

so_spawn() {
    ontimed_spawn "$1" "$tmp/conf" -o "store.url=$(so_store_url "$1")" \
        -o "instance.id=$1" -o "apps.sms_retry.delivery=$so_delivery" \
        -o "ledger.topic=ledger.$test_name.$$" \
        "${so_options[@]}"
}

# In pieces, so that ingest is hit by the kills as well.  kcat gives up when the
# broker goes away: then the whole piece is sent again, and what had been there
# already is a repeat.
so_feed() {
    local f
    split -l $((so_jobs / 10)) -a 3 -d "$tmp/messages" "$tmp/part."
    for f in "$tmp"/part.*; do
        until kafka_produce "$in" <"$f" 2>>"$tmp/feed.log"; do
            [ -e "$f" ] || return
            sleep 0.2 # pace
        done
        sleep "$(awk -v s="$so_seconds" 'BEGIN { print s / 12 }')" # pace
    done
}

so_end_feeder() { gone "$1" || kill "$1"; }

so_broker_again() {
    kafka_kill9 "$tmp/kafka"
    kafka_run "$tmp/kafka" >/dev/null 2>&1
}

# so_later ACTION NAME: when the stop is over.
so_later() {
    echo "$(($(now_ms) - so_start + so_stop_seconds * 1000)) $*" >>"$tmp/plan"
    sort -n -o "$tmp/plan" "$tmp/plan"
}

so_do() {
    case $1 in
    kill)
        ontimed_kill9 "$2"
        so_spawn "$2"
        so_killed=$((so_killed + 1))
        ;;
    broker)
        so_broker_again
        so_broker_killed=$((so_broker_killed + 1))
        ;;
    stop)
        kill -STOP "$(cat "$tmp/$2/pid")" 2>/dev/null || return
        so_stopped=$((so_stopped + 1))
        so_later cont "$2"
        ;;
    cont) kill -CONT "$(cat "$tmp/$2/pid")" 2>/dev/null ;;
    pause)
        kill -STOP "$(cat "$tmp/kafka/pid")"
        so_stopped=$((so_stopped + 1))
        so_later go -
        ;;
    go) kill -CONT "$(cat "$tmp/kafka/pid")" ;;
    esac
}

# Carries out the plan; one that is stopped is not killed meanwhile.
so_carry_out() {
    local at action name rest
    so_killed=0 so_broker_killed=0 so_stopped=0
    while IFS=' ' read -r at action name <"$tmp/plan" && [ -n "$at" ]; do
        sed -i 1d "$tmp/plan"
        rest=$((so_start + at - $(now_ms)))
        [ $rest -le 0 ] ||
            sleep "$((rest / 1000)).$(printf %03d $((rest % 1000)))" # pace
        if [ "$action" = kill ] && grep -q " cont $name$" "$tmp/plan"; then
            so_do cont "$name"
            sed -i "/ cont $name\$/d" "$tmp/plan"
        fi
        so_do "$action" "$name"
    done
}

so_committed() {
    kcat -q -b "$kafka" -C -t "$sent_to" -o beginning -e \
        -X isolation.level=read_committed -f "$1"
}
so_distinct() { so_committed '%k\n' | sort -u | wc -l; }
so_all_out() { [ "$(so_distinct)" -ge "$so_jobs" ]; }

so_settled() {
    local d
    for d in "${so_daemons[@]}"; do
        ontimed_ready "$d" || return
    done
    [ "$(audit_count "${so_daemons[0]}" finished)" -ge "$so_jobs" ] &&
        [ "$(audit_said inFlight)" = 0 ]
}

so_account() {
    so_committed '%k\n' | sed 's/^task-//' | sort -n | uniq -c | awk -v n="$so_jobs" '
        { total += $1; if ($1 > 1) over += $1 - 1
          if ($2 < 1 || $2 > n) foreign++; else there++ }
        END { print n - there, over + 0, foreign + 0 }'
}

so_early() {
    awk -v due="$so_due" -v n="$so_jobs" -v span="$((so_seconds * 1000))" '
        BEGIN { for (i = 1; i <= n; i++)
            print i, due + (n > 1 ? int((i - 1) * span / (n - 1)) : 0) }' >"$tmp/due"
    so_committed '%k %T\n' | sed 's/^task-//' | awk -v file="$tmp/due" '
        BEGIN { while ((getline line < file) > 0) { split(line, x, " "); due[x[1]] = x[2] } }
        ($1 in due) && $2 < due[$1] { early++ }
        END { print early + 0 }'
}

so_verdict() {
    local missing over foreign found
    read -r missing over foreign <<<"$(so_account)"
    diag "kcat: $so_jobs jobs, $missing missing, $over records too many" \
        "of no job: $foreign"
    is "kcat, read committed: none is missing" "$missing" 0
    is "no record is of no job" "$foreign" 0
    if [ "$so_delivery" = exactly_once ]; then
        is "and every job is there once" "$over" 0
    else
        pass "(at_least_once: $over records too many are allowed)"
    fi
    is "none is early" "$(so_early)" 0
    audit "${so_daemons[0]}"
    found=$?
    is "the audit agrees with kcat" \
        "$(audit_said missing doubled unknown finishedTwice)" "$missing $over 0 0"
    is "and its status says so" $found $((missing + over > 0))
    [ $found -eq 0 ] || diag_file "$tmp/${so_daemons[0]}/audit" 5
}

so_show_logs() {
    local d
    for d in "${so_daemons[@]}"; do
        diag_file "$tmp/$d/log" 30
    done
}

sent_once() {
    local d seed=${SEED:-$((RANDOM * 32768 + RANDOM))} feeder
    sms_topics
    sms_conf "$tmp/conf"
    diag "seed $seed, store $so_store, $so_delivery"
    so_plan | sort -n >"$tmp/plan"
    cp "$tmp/plan" "$tmp/plan.whole"
    for d in "${so_daemons[@]}"; do
        so_spawn "$d"
        wait_until 60 ontimed_ready "$d" || {
            so_show_logs
            exit 1
        }
    done
    so_start=$(now_ms)
    so_due=$((so_start + 2000))
    audit_messages 1 "$so_jobs" $so_due $((so_seconds * 1000)) >"$tmp/messages"
    so_feed &
    feeder=$!
    at_end so_end_feeder "$feeder"
    so_carry_out
    is "all that was planned was done: kills, broker's, stops" \
        "$so_killed $so_broker_killed $so_stopped" \
        "$so_kills $so_broker_kills $((so_stops + so_broker_stops))"
    wait "$feeder"
    ok "every job comes out" wait_until "$so_patience" so_all_out || so_show_logs
    ok "and is finished" wait_until "$so_patience" so_settled || so_show_logs
    so_verdict
}
