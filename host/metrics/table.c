/* SPDX-License-Identifier: Apache-2.0
 *
 * metrics/table.c - the table of families.  Constant.
 */
#include "config.h"

#include "metrics/table.h"

static const int64_t time_bounds[] = {
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 60000, 600000};

#define COUNTER(n, l1, l2, h)                                                  \
    {                                                                          \
        METRIC_COUNTER, n, NULL, {l1, l2}, h, NULL, 0                          \
    }
#define COUNTER_MS(n, s, l1, l2, h)                                            \
    {                                                                          \
        METRIC_COUNTER, n, s, {l1, l2}, h, NULL, 0                             \
    }
#define GAUGE(n, l1, l2, h)                                                    \
    {                                                                          \
        METRIC_GAUGE, n, NULL, {l1, l2}, h, NULL, 0                            \
    }
#define TIMES(n, s, l1, l2, h)                                                 \
    {                                                                          \
        METRIC_HISTOGRAM, n, s, {l1, l2}, h, time_bounds,                      \
            sizeof(time_bounds) / sizeof(time_bounds[0])                       \
    }

const struct metric_family metric_table[] = {
    GAUGE("build_info", "version", NULL, "Always 1; the label tells what runs"),
    GAUGE("config_generation", NULL, NULL,
          "Grows by one with every configuration taken into use"),
    COUNTER("reloads_total", "result", NULL, "Reloads, by result (ok, failed)"),

    /* ingest */
    COUNTER("messages_received_total", "source", NULL,
            "Messages read from the source"),
    COUNTER("messages_processed_total", "source", NULL,
            "Messages that became a job, a change or a cancellation"),
    COUNTER("messages_failed_total", "source", NULL,
            "Messages that could not be used"),
    COUNTER("messages_dead_lettered_total", "source", NULL,
            "Messages handed to the source's dead-letter topic"),
    COUNTER("messages_duplicate_total", "source", NULL,
            "Messages dropped because their idempotency key was known"),
    GAUGE("ingest_lag", "source", NULL,
          "Messages in the source that were not read yet"),
    GAUGE("ingest_paused", "source", NULL,
          "1 while the source is paused because the house is full or the "
          "store is away"),
    COUNTER("ingest_reopens_total", "source", NULL,
            "Consumers opened in place of one that had failed for good"),

    /* jobs */
    GAUGE("jobs", "state", NULL, "Jobs in the store, by state"),
    GAUGE("idempotency_keys", NULL, NULL,
          "Idempotency keys the store remembers (idempotencyCacheSize)"),
    GAUGE("window_jobs", NULL, NULL, "Jobs held in memory for their due time"),
    GAUGE("window_capacity", NULL, NULL, "Most jobs ever held in memory"),
    GAUGE("queue_depth", "app", NULL, "Jobs in the app's queue"),
    GAUGE("attempts_open", "app", NULL,
          "Attempts that the plugin has not answered yet"),
    TIMES("lateness_ms", "lateness_seconds", "app", NULL,
          "From the due time to the start of the first attempt"),
    TIMES("execute_ms", "execute_seconds", "app", NULL,
          "From the start of an attempt to its answer"),
    COUNTER("executions_total", "app", "outcome", "Attempts, by outcome"),
    COUNTER("retries_total", "app", NULL, "Attempts that will be repeated"),
    COUNTER("dead_letters_total", "app", NULL, "Jobs given up"),
    GAUGE("plugin_zombies", NULL, NULL,
          "Retired plugin instances that hang and stay mapped"),

    /* output */
    COUNTER("emitted_total", "app", NULL,
            "Records of finished jobs, acknowledged by the broker"),
    COUNTER("records_failed_total", "app", NULL,
            "Attempts with a record that the broker refused for good"),
    COUNTER("transactions_total", "result", NULL,
            "Transactions, by result (committed, aborted, failed, fenced)"),
    TIMES("transaction_ms", "transaction_seconds", NULL, NULL,
          "From the begin of a transaction to the end of its commit"),
    COUNTER("ledger_replayed_total", NULL, NULL,
            "Jobs that the ledger said were sent and the store did not know"),
    COUNTER("kafka_errors_total", "client", NULL,
            "Errors that a Kafka client reported"),

    /* store */
    COUNTER("store_batches_total", "op", NULL, "Batches done, by operation"),
    COUNTER("store_batch_rows_total", "op", NULL,
            "Rows in these batches, by operation"),
    COUNTER_MS("store_busy_ms_total", "store_busy_seconds_total", "op", NULL,
               "Time spent in the store, by operation"),
    COUNTER("store_errors_total", "op", NULL, "Failures, by operation"),

    /* several instances on one store */
    GAUGE("shards_owned", NULL, NULL, "Shards of the store that are ours"),
    GAUGE("beat_age_ms", NULL, NULL,
          "Milliseconds since the last sign of life was given to the others"),
    COUNTER("slots_lost_total", NULL, NULL,
            "Times that others took over from this living instance"),
    COUNTER("takeovers_total", NULL, NULL,
            "Dead instances whose jobs this one has freed"),

    /* the process */
    COUNTER("clock_steps_total", NULL, NULL,
            "Steps of the wall clock that were noticed"),
    COUNTER("log_lines_total", "level", NULL, "Log lines written, by level"),
    COUNTER("http_requests_total", "route", "code",
            "HTTP requests answered, by route and status"),
};

const size_t metric_table_rows = sizeof(metric_table) / sizeof(metric_table[0]);

const char *metric_type_name(enum metric_type type)
{
    switch (type) {
    case METRIC_COUNTER:
        return "counter";
    case METRIC_GAUGE:
        return "gauge";
    case METRIC_HISTOGRAM:
        return "histogram";
    }
    return "untyped";
}
