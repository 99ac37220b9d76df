/* SPDX-License-Identifier: Apache-2.0
 *
 * conf/conf.h - the configuration: libconfig files, overrides and environment
 * become one immutable snapshot.
 *
 * Order, later wins: the table's defaults (conf/table.h), the main file, the
 * files of apps.d beside it (*.cfg, by name; apps and sources only, each in
 * one file), the environment (ONTIME_<PATH>, upper case, dots as two
 * underscores; names with a dash cannot be reached so), -o path=value.
 * Every setting is a row of the table with type, range, default and text; the
 * reference (docs/settings.md, --help-config) is printed from the rows.
 * Unknown names are errors that name file, line and the nearest known name.
 *
 * A snapshot is frozen after conf_load; any thread may read it; it is
 * reference counted because instances outlive a reload.
 */
#ifndef ONTIME_CONF_CONF_H
#define ONTIME_CONF_CONF_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct conf_strings { /* a list of texts */
    char **at;
    size_t count;
};

/* One Kafka source: a topic, read in one format. */
struct conf_source {
    char *name;      /* the block's; unique */
    char *topic;     /* sources.NAME.topic */
    char *format;    /* "ingest" */
    char *dlq_topic; /* "" none, only with on_bad "drop" */
    char *on_bad;    /* "dead_letter" | "drop": counted, logged and dropped */
    char *group_id;
    char *app;        /* default app for messages without appName; "" none */
    char *time_field; /* bare form: the member that holds the time; "" none */
    char *timezone;   /* "" the global one */
    char *on_position_lost; /* "earliest" | "latest" | "fail" */
    int64_t max_poll_records, poll_timeout_ms, max_retries;
    bool enable_auto_commit; /* true is refused, with the reason */
    bool enabled;
    struct conf_strings consumer; /* librdkafka settings, "name=value" */
};

/* One of an app's `settings`, unchecked: the plugin's rows decide.  Overrides
 * and the environment have texts only, so a text that reads as what the plugin
 * wants is as good as a number. */
struct conf_plugin_setting {
    char *name;
    char *value;      /* as text; secrets still in file:/env: form */
    char kind;        /* 's' 'i' 'f' 'b' as written in the file */
    const char *file; /* or "-o", or the variable's name; then line is 0 */
    unsigned line;
};

struct conf_app {
    char *name;   /* apps.*.name, else the block's */
    char *plugin; /* the .so's name without suffix */
    char *timezone;
    char *delivery; /* "" by the plugin | "exactly_once" | "at_least_once" */
    char *misfire;  /* "fire" | "skip" | "fire_within" */
    int64_t misfire_ms;      /* fire_within */
    char *dead_letter_topic; /* "" none */
    int64_t concurrency; /* open attempts at once; 0: no limit but workers */
    double rate;         /* attempts per second; 0: no limit */
    int64_t burst;       /* bucket of the rate */
    int64_t timeout_ms;  /* of one attempt; 0: none */
    bool track_running;
    bool enabled; /* false: parked, jobs are kept */
    int64_t max_attempts, backoff_first_ms, backoff_cap_ms;
    double backoff_factor, backoff_jitter;
    int64_t backoff_table_ms[32];
    size_t backoff_table_len;
    struct conf_plugin_setting *settings;
    size_t setting_count;
    const char *file; /* where the block stands */
    unsigned line;
};

struct conf {
    /* kafka */
    char *kafka_bootstrap_servers;
    char *kafka_partitioner;    /* of keyed records: "murmur2_random" ... */
    char *kafka_missing_topics; /* "create" | "fail" | "warn" */
    /* For those we make; replication 0: the broker's default. */
    int64_t kafka_topic_partitions, kafka_topic_replication;
    struct conf_strings kafka_common, kafka_producer, kafka_consumer;
    bool kafka_embedded;         /* the in-process broker */
    int64_t kafka_embedded_port; /* reserved for later; 0 */
    /* store */
    char *store_url;
    int64_t store_cache_kb, store_idempotency_ms, store_history_ms;
    bool store_sync_full;
    /* instance, clock */
    int64_t instance_lease_ms, clock_max_skew_ms;
    /* sched */
    int64_t sched_window_jobs, sched_window_ahead_ms, sched_window_bytes,
        sched_overdue_after_ms;
    /* dispatch */
    int64_t dispatch_workers, dispatch_max_workers;
    /* commit */
    int64_t commit_batch_jobs, commit_linger_ms, commit_inflight_records,
        commit_transaction_jobs, commit_transaction_linger_ms;
    char *ledger_topic; /* "": <cluster>-ledger */
    int64_t ledger_partitions;
    /* plugins */
    char *plugins_dir;
    char *plugins_run_dir; /* private copies; "" a directory below TMPDIR */
    int64_t plugins_drain_ms, plugins_init_timeout_ms;
    /* http */
    char *http_listen;      /* "127.0.0.1:7070"; "" off */
    char *http_socket;      /* unix socket for ontimectl; "" off */
    bool http_allow_remote; /* http_listen may be reachable from outside */
    /* rest */
    char *instance_id, *cluster, *timezone;
    char *log_level, *log_format;
    int64_t stop_drain_ms;
    /* blocks */
    struct conf_source *sources;
    size_t source_count;
    struct conf_app *apps;
    size_t app_count;
    /* conf.c's own */
    struct conf_private *priv;
};

struct conf_input {
    const char *file;             /* NULL: defaults and overrides alone */
    const char *const *overrides; /* "path=value" */
    size_t override_count;
    char *const *environ; /* NULL: none */
};

/*
 * Reads and checks everything that can be checked without a plugin or a
 * network.  All errors are reported, one per line of *ret_report ("file:12:
 * kafka.bootstrap: no such setting; did you mean kafka.bootstrap_servers?");
 * err holds the first.  -EINVAL, -ENOENT (no such file), -ENOMEM.  Where a file
 * cannot be read or parsed, what follows from that is not reported.
 * *ret_report (may be NULL) is free()d by the caller, also after success
 * (warnings), NULL when there is nothing to say.
 */
int conf_load(const struct conf_input *in, struct conf **ret, char **ret_report,
              struct err *err);
struct conf *conf_ref(struct conf *c);
void conf_unref(struct conf **pc);

const struct conf_app *conf_find_app(const struct conf *c, const char *name);
const struct conf_source *conf_find_source(const struct conf *c,
                                           const char *name);

/* Whether two blocks say the same (for carrying over at reload). */
bool conf_app_same(const struct conf_app *a, const struct conf_app *b);
bool conf_source_same(const struct conf_source *a, const struct conf_source *b);
/* Path of the first setting that differs and cannot change without a restart
 * (kafka.*, store.*, cluster, instance.id, ...), or NULL. */
const char *conf_needs_restart(const struct conf *running,
                               const struct conf *wanted);

/* The whole configuration as it is in force, in libconfig syntax, with secrets
 * as "***" and, as a comment, where each value came from. */
int conf_dump(const struct conf *c, FILE *f);
/* The reference of every setting, from the rows: plain text (--help-config) or
 * Markdown (docs/settings.md). */
int conf_reference(FILE *f, bool markdown);

/* "file:/path" (one newline at its end is dropped) and "env:NAME" forms of a
 * secret resolved; other text as it is.  *ret is free()d (after wiping) by the
 * caller.  -ENOENT, -EACCES, ... , -EINVAL (empty, or with a NUL), -EFBIG. */
int conf_secret(const char *value, char **ret, struct err *err);
/* The same for the value in "name=value", as in the lists for librdkafka:
 * "name=file:/path" becomes "name=<the secret>". */
int conf_secret_pair(const char *pair, char **ret, struct err *err);

#endif
