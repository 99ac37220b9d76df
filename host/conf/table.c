/* SPDX-License-Identifier: Apache-2.0
 *
 * conf/table.c - the rows.  Order here is the order of the reference and of
 * --dump-config; rows of one group stand together.  Constant, any thread.
 */
#include "config.h"

#include "conf/table.h"

#include "conf/conf.h"
#include "conf/forms.h"

#ifndef ONTIME_PLUGINDIR
#define ONTIME_PLUGINDIR "/usr/local/lib/ontime"
#endif
#ifndef ONTIME_LOCALSTATEDIR
#define ONTIME_LOCALSTATEDIR "/var/lib/ontime"
#endif
#ifndef ONTIME_RUNSTATEDIR
#define ONTIME_RUNSTATEDIR "/run/ontime"
#endif

#define HOST(p, t, m)                                                          \
    .path = (p), .type = CONF_##t, .in = CONF_IN_CONF,                         \
    .offset = offsetof(struct conf, m)
#define SOURCE(p, t, m)                                                        \
    .path = "sources.*." p, .type = CONF_##t, .in = CONF_IN_SOURCE,            \
    .offset = offsetof(struct conf_source, m), .on_reload = true
#define APP(p, t, m)                                                           \
    .path = "apps.*." p, .type = CONF_##t, .in = CONF_IN_APP,                  \
    .offset = offsetof(struct conf_app, m), .on_reload = true
#define RANGE(lo, hi) .min = (lo), .max = (hi)
#define MINUTE 60e3
#define HOUR 3600e3
#define DAY 86400e3
#define YEAR (365 * DAY)
#define PASSED                                                                 \
    "Refused are those that ontime keeps to itself. Values may be "            \
    "file:/path or env:NAME."

const struct conf_row conf_rows[] = {
    {HOST("cluster", TEXT, cluster), .fallback = "ontime",
     .bad = conf_form_name,
     .text = "Name of the cluster; instances of one cluster share one store."},
    {HOST("timezone", TEXT, timezone), .fallback = "UTC", .bad = conf_form_text,
     .text = "IANA time zone of local times without an offset, unless the "
             "source or app names another."},

    {HOST("instance.id", TEXT, instance_id), .fallback = "",
     .shown = "the host's name", .bad = conf_form_name,
     .text = "Name of this instance, unlike all others of its cluster."},
    {HOST("instance.lease", DURATION, instance_lease_ms), RANGE(1000, 60000),
     .fallback = "5s",
     .text = "How soon the others take over when this instance dies without "
             "a word; the same for all of a cluster. Only with a store that "
             "instances share."},
    {HOST("clock.max_skew", DURATION, clock_max_skew_ms), RANGE(100, 3600000),
     .fallback = "2s",
     .text = "By how much the clock may differ from the store's; beyond it "
             "this instance fires nothing. Only with a store that instances "
             "share."},

    {HOST("kafka.bootstrap_servers", TEXT, kafka_bootstrap_servers),
     .fallback = "localhost:9092", .bad = conf_form_text,
     .text = "Brokers to start from: host:port, comma-separated."},
    {HOST("kafka.partitioner", CHOICE, kafka_partitioner),
     .fallback = "murmur2_random",
     .choices = "murmur2_random|murmur2|consistent_random|consistent|"
                "fnv1a_random|fnv1a|random",
     .text = "Which partition a keyed record goes to. murmur2_random agrees "
             "with Java's producers, consistent_random with librdkafka's."},
    {HOST("kafka.missing_topics", CHOICE, kafka_missing_topics),
     .fallback = "create", .choices = "create|fail|warn",
     .text = "What to do at start with topics that do not exist: create them, "
             "refuse to start (the command that makes them is printed), or "
             "only warn."},
    {HOST("kafka.topic_partitions", INT, kafka_topic_partitions),
     RANGE(1, 10000), .unit = "partitions", .fallback = "6",
     .text = "Partitions of topics that are created."},
    {HOST("kafka.topic_replication", INT, kafka_topic_replication),
     RANGE(0, 100), .unit = "replicas", .fallback = "0",
     .text = "Replicas of topics that are created; 0: the broker's default."},
    {HOST("kafka.common", TEXTS, kafka_common), .fallback = "",
     .bad = conf_form_kafka,
     .text =
         "librdkafka settings of all clients, each \"name=value\". " PASSED},
    {HOST("kafka.producer", TEXTS, kafka_producer), .fallback = "",
     .bad = conf_form_kafka,
     .text = "librdkafka settings of producers; they win over kafka.common."},
    {HOST("kafka.consumer", TEXTS, kafka_consumer), .fallback = "",
     .bad = conf_form_kafka,
     .text = "librdkafka settings of consumers; they win over kafka.common."},
    {HOST("kafka.embedded", BOOL, kafka_embedded), .fallback = "false",
     .text = "Use a broker inside the process in place of "
             "kafka.bootstrap_servers: for trying out; its records are lost "
             "at the end."},
    {HOST("kafka.embedded_port", INT, kafka_embedded_port), RANGE(0, 65535),
     .fallback = "0", .text = "Reserved; 0: any free port."},

    {HOST("store.url", TEXT, store_url),
     .fallback = "sqlite:" ONTIME_LOCALSTATEDIR "/ontime.db",
     .shown = "sqlite:LOCALSTATEDIR/lib/ontime/ontime.db",
     .bad = conf_form_store_url,
     .text = "Where jobs are kept: sqlite:PATH (a relative path starts at the "
             "directory ontimed was started in), or a database that "
             "instances share: mysql://USER@HOST:PORT/DATABASE?OPTIONS, see "
             "docs/mysql.md."},
    {HOST("store.cache_kb", INT, store_cache_kb), RANGE(64, 16777216),
     .unit = "KB", .fallback = "16384", .text = "Page cache of the writer."},
    {HOST("store.idempotency", DURATION, store_idempotency_ms), RANGE(0, YEAR),
     .fallback = "24h",
     .text = "How long a repeated idempotencyKey (else requestId) of an app "
             "is dropped as a duplicate; 0: never."},
    {HOST("store.history", DURATION, store_history_ms), RANGE(0, 100 * YEAR),
     .fallback = "30d", .text = "How long ended executions are kept; 0: not."},
    {HOST("store.sync_full", BOOL, store_sync_full), .fallback = "false",
     .text = "Sync every write to the disk, not only what HTTP answered. "
             "Without it a power cut can repeat attempts of at_least_once "
             "apps, but loses no job."},

    {HOST("sched.window_jobs", INT, sched_window_jobs), RANGE(100, 10000000),
     .unit = "jobs", .fallback = "100000",
     .text = "Jobs in memory at most; the others wait in the store."},
    {HOST("sched.window_ahead", DURATION, sched_window_ahead_ms),
     RANGE(1000, DAY), .fallback = "60s",
     .text = "How far ahead of their due time jobs are loaded."},
    {HOST("sched.window_bytes", SIZE, sched_window_bytes),
     RANGE(1048576, 1099511627776), .fallback = "64MB",
     .text = "Memory for loaded jobs at most."},
    {HOST("sched.overdue_after", DURATION, sched_overdue_after_ms),
     RANGE(0, HOUR), .fallback = "1s",
     .text = "Jobs later than this when they are loaded use the overdue lane "
             "and do not delay those that are on time."},

    {HOST("dispatch.workers", INT, dispatch_workers), RANGE(0, 1024),
     .unit = "threads", .fallback = "0",
     .text = "Threads that run plugins; 0: one for each CPU."},
    {HOST("dispatch.max_workers", INT, dispatch_max_workers), RANGE(1, 1024),
     .unit = "threads", .fallback = "64",
     .text = "Up to how many when plugins block."},

    {HOST("commit.batch_jobs", INT, commit_batch_jobs), RANGE(1, 100000),
     .unit = "jobs", .fallback = "8192",
     .text = "Outcomes written to the store together at most."},
    {HOST("commit.linger", DURATION, commit_linger_ms), RANGE(0, 1000),
     .fallback = "20ms", .text = "How long a batch waits for more outcomes."},
    {HOST("commit.inflight_records", INT, commit_inflight_records),
     RANGE(1, 10000000), .unit = "records", .fallback = "20000",
     .text = "Records on their way to Kafka at most."},

    {HOST("commit.transaction_jobs", INT, commit_transaction_jobs),
     RANGE(1, 50000), .unit = "jobs", .fallback = "4000",
     .text = "Outcomes in one transaction at most (exactly_once)."},
    {HOST("commit.transaction_linger", DURATION, commit_transaction_linger_ms),
     RANGE(0, 1000), .fallback = "1ms",
     .text = "How long a transaction waits for more outcomes."},
    {HOST("ledger.topic", TEXT, ledger_topic), .fallback = "",
     .shown = "the cluster's name and -ledger", .bad = conf_form_topic_or_none,
     .text = "Topic of the ledger: which jobs the transactions of exactly_once "
             "apps have ended. Of one installation alone; never to be "
             "compacted or deleted from by others."},
    {HOST("ledger.partitions", INT, ledger_partitions), RANGE(1, 64),
     .unit = "partitions", .fallback = "64",
     .text = "Its partitions when it is created: one for each slot, which is "
             "how many instances there can be at once."},

    {HOST("plugins.dir", TEXT, plugins_dir), .fallback = ONTIME_PLUGINDIR,
     .shown = "LIBDIR/ontime/plugins", .bad = conf_form_text,
     .text = "Directory of the plugins' .so files. A relative path starts at "
             "the directory ontimed was started in."},
    {HOST("plugins.run_dir", TEXT, plugins_run_dir), .fallback = "",
     .text = "Directory for the private copies that are loaded; \"\": one "
             "below TMPDIR."},
    {HOST("plugins.drain", DURATION, plugins_drain_ms), RANGE(0, DAY),
     .fallback = "30s", .on_reload = true,
     .text = "How long a replaced plugin may finish its open attempts; then "
             "they are ended and tried again."},
    {HOST("plugins.init_timeout", DURATION, plugins_init_timeout_ms),
     RANGE(100, HOUR), .fallback = "10s", .on_reload = true,
     .text = "How long a plugin's init may take."},

    {HOST("http.listen", TEXT, http_listen), .fallback = "127.0.0.1:7070",
     .bad = conf_form_listen,
     .text = "Address and port of the HTTP API; port 0: any free one; \"\": "
             "off."},
    {HOST("http.allow_remote", BOOL, http_allow_remote), .fallback = "false",
     .text = "Allow an http.listen that other machines can reach. The API "
             "has no authentication: whoever reaches it can do everything."},
    {HOST("http.socket", TEXT, http_socket),
     .fallback = ONTIME_RUNSTATEDIR "/ontime.sock",
     .shown = "RUNSTATEDIR/ontime/ontime.sock", .bad = conf_form_socket,
     .text = "Unix socket of the HTTP API, for ontimectl; \"\": off."},

    {HOST("log.level", TEXT, log_level), .fallback = "info",
     .bad = conf_form_log_levels, .on_reload = true,
     .text = "debug, info, warn, error or off; exceptions by module follow: "
             "\"info,store=debug\"."},
    {HOST("log.format", CHOICE, log_format), .fallback = "kv",
     .choices = "kv|json", .on_reload = true,
     .text = "Lines as key=value or as JSON."},

    {HOST("stop.drain", DURATION, stop_drain_ms), RANGE(0, DAY),
     .fallback = "30s", .on_reload = true,
     .text = "How long open attempts may take to finish at the end; the "
             "others run again at the next start."},

    {SOURCE("topic", TEXT, topic), .fallback = "scheduler.jobs.ingest",
     .bad = conf_form_topic, .text = "Topic to read."},
    {SOURCE("format", CHOICE, format), .fallback = "ingest",
     .choices = "ingest", .text = "What its messages look like."},
    {SOURCE("dlq_topic", TEXT, dlq_topic), .fallback = "scheduler.jobs.dlq",
     .bad = conf_form_topic_or_none,
     .text = "Topic for messages that cannot be scheduled; \"\": none, which "
             "needs on_bad = \"drop\"."},
    {SOURCE("on_bad", CHOICE, on_bad), .fallback = "dead_letter",
     .choices = "dead_letter|drop",
     .text = "What becomes of such messages: kept in dlq_topic, or counted, "
             "logged and dropped."},
    {SOURCE("group_id", TEXT, group_id),
     .fallback = "infinite-scheduler-ingest", .bad = conf_form_group,
     .text = "Consumer group."},
    {SOURCE("app", TEXT, app), .fallback = "", .bad = conf_form_name_or_none,
     .text = "App of messages without appName; \"\": they are bad messages."},
    {SOURCE("time_field", TEXT, time_field), .fallback = "",
     .text = "Member that holds the due time of bare messages (those without "
             "jobData), which then are the app's data as a whole; \"\": no "
             "bare messages."},
    {SOURCE("timezone", TEXT, timezone), .fallback = "",
     .text = "Time zone of its local times; \"\": the global one."},
    {SOURCE("on_position_lost", CHOICE, on_position_lost),
     .fallback = "earliest", .choices = "earliest|latest|fail",
     .text = "Where to go on when the topic no longer has the stored "
             "position."},
    {SOURCE("max_poll_records", INT, max_poll_records), RANGE(1, 100000),
     .unit = "messages", .fallback = "500",
     .text = "Messages taken together at most."},
    {SOURCE("poll_timeout_ms", DURATION, poll_timeout_ms), RANGE(1, MINUTE),
     .fallback = "1000", .text = "How long to wait for the first of them."},
    {SOURCE("max_retries", INT, max_retries), RANGE(0, 100), .unit = "retries",
     .fallback = "3",
     .text = "Tries after the first, 200, 400, 800 ms apart and so on, when "
             "a message cannot be stored."},
    {SOURCE("enable_auto_commit", BOOL, enable_auto_commit),
     .fallback = "false",
     .text = "Only false: positions are stored together with the jobs; "
             "committed apart, a crash would lose jobs."},
    {SOURCE("enabled", BOOL, enabled), .fallback = "true",
     .text = "Read it at all."},
    {SOURCE("consumer", TEXTS, consumer), .fallback = "",
     .bad = conf_form_kafka,
     .text = "librdkafka settings of its consumer; they win over "
             "kafka.consumer."},

    {APP("name", TEXT, name), .fallback = "", .shown = "the block's name",
     .bad = conf_form_name,
     .text = "The appName in jobs, where a block cannot be named so (dots, a "
             "digit first)."},
    {APP("plugin", TEXT, plugin), .bad = conf_form_plugin,
     .text = "Plugin that runs its jobs: a file in plugins.dir without .so."},
    {APP("enabled", BOOL, enabled), .fallback = "true",
     .text = "false: its jobs are taken and kept, but none is run."},
    {APP("timezone", TEXT, timezone), .fallback = "",
     .text = "Time zone of its plugin; \"\": the global one."},
    {APP("delivery", CHOICE, delivery), .fallback = "",
     .choices = "|exactly_once|at_least_once",
     .text = "How what it emits is delivered; \"\": exactly_once when the "
             "plugin declares that emitted records are all it does, else "
             "at_least_once. With kafka.embedded always at_least_once."},
    {APP("misfire", CHOICE, misfire), .fallback = "fire",
     .choices = "fire|skip|fire_within",
     .text = "Jobs found overdue at start or after an outage: run them all, "
             "skip them, or run those not later than misfire_within."},
    {APP("misfire_within", DURATION, misfire_ms), RANGE(0, YEAR),
     .fallback = "10min", .text = "For misfire = \"fire_within\"."},
    {APP("dead_letter_topic", TEXT, dead_letter_topic), .fallback = "",
     .bad = conf_form_topic_or_none,
     .text = "Topic for jobs that failed for good; \"\": they are only kept "
             "in the history."},
    {APP("concurrency", INT, concurrency), RANGE(0, 1000000),
     .unit = "attempts", .fallback = "0",
     .text = "Attempts open at once at most; 0: as many as there are "
             "workers."},
    {APP("rate", FLOAT, rate), RANGE(0, 1e7), .unit = "attempts per second",
     .fallback = "0", .text = "0: no limit."},
    {APP("burst", INT, burst), RANGE(0, 10000000), .unit = "attempts",
     .fallback = "0", .shown = "the rate of one second",
     .text = "How many may start at once after a pause, with a rate."},
    {APP("timeout", DURATION, timeout_ms), RANGE(0, 30 * DAY),
     .fallback = "30s",
     .text = "An attempt that takes longer is ended and tried again; 0: "
             "none."},
    {APP("track_running", BOOL, track_running), .fallback = "false",
     .text = "Write down that an attempt begins, so that after a crash the "
             "next one is told (redelivered). For effects outside Kafka."},
    {APP("retry.max_attempts", INT, max_attempts), RANGE(1, 1000),
     .unit = "attempts", .fallback = "5", .shown = "5, or one more than delays",
     .text = "Attempts in all, the first included; then the job has failed."},
    {APP("retry.first", DURATION, backoff_first_ms), RANGE(0, 30 * DAY),
     .fallback = "1s", .text = "Delay after the first failed attempt."},
    {APP("retry.factor", FLOAT, backoff_factor), RANGE(1, 100), .fallback = "2",
     .text = "Each further delay is so much longer."},
    {APP("retry.cap", DURATION, backoff_cap_ms), RANGE(0, 365 * DAY),
     .fallback = "1h",
     .shown = "1h, or first or the longest of delays if longer",
     .text = "No delay is longer, also when the plugin asks for it."},
    {APP("retry.jitter", FLOAT, backoff_jitter), RANGE(0, 1), .fallback = "0.2",
     .shown = "0.2, or 0 with delays",
     .text = "Up to this part of a delay is taken off at random."},
    {APP("retry.delays", DURATIONS, backoff_table_ms),
     .offset2 = offsetof(struct conf_app, backoff_table_len),
     RANGE(0, 30 * DAY), .fallback = "",
     .text = "These delays in place of first and factor; the last one is "
             "repeated."},
    {APP("settings", FREE, settings), .fallback = "",
     .text = "The plugin's own settings; see its documentation. Texts may be "
             "file:/path or env:NAME where the plugin takes a secret."},
};

const size_t conf_row_count = sizeof(conf_rows) / sizeof(conf_rows[0]);
