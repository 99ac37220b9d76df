/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/commit_rig.h - the commit stage between real attempts, a mock
 * broker and a store in SQLite; and a receiver that notes what it is told.
 */
#ifndef ONTIME_TESTS_COMMIT_RIG_H
#define ONTIME_TESTS_COMMIT_RIG_H

#include "plug_yard.h"

#include "../fixtures/fix_hook.h"
#include "base/log.h"
#include "commit/commit.h"
#include "job/headers.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <pthread.h>
#include <stdatomic.h>

#define PRODUCE 0 /* Kafka's numbers of requests */
#define INIT_PRODUCER_ID 22
#define RIG_TOLD 8192

struct told { /* of one id, by sched's callback */
    int64_t id;
    unsigned times;
    bool again, look, gone; /* the row was gone as it was told */
    int64_t due_ms;
    uint32_t attempt;
};

struct rig {
    struct yard y;
    rd_kafka_t *broker; /* has the mock cluster, and asks it */
    rd_kafka_mock_cluster_t *mock;
    struct kafka_settings kafka;
    struct store *store;
    struct writer *writer;
    struct store_session *x;     /* the test's */
    struct store_session *their; /* the callback's */
    struct attempt_table *attempts;
    struct plugin_instance *plugin;
    struct commit *commit;
    struct attempt_decision decision; /* of the next attempts */
    struct list ended;
    size_t ended_count;

    pthread_mutex_t mtx;
    struct told told[RIG_TOLD];
    size_t told_count;
    struct list stored;
    size_t stored_count;
    atomic_int wished;
};

static void rig_attempt_ended(void *arg, struct attempt *a)
{
    struct rig *r = arg;

    a->decision = r->decision;
    list_push(&r->ended, &a->link);
    r->ended_count++;
}

static void rig_tell(struct rig *r, struct settled *s)
{
    struct told *t = NULL;
    struct job *row = NULL;

    for (size_t i = 0; i < r->told_count && t == NULL; i++)
        if (r->told[i].id == s->id)
            t = &r->told[i];
    if (t == NULL) {
        assert_true(r->told_count < RIG_TOLD);
        t = &r->told[r->told_count++];
    }
    t->id = s->id;
    t->times++;
    t->again = s->again != NULL;
    t->look = s->look;
    t->gone = store_get(r->their, s->id, &row, NULL) == -ENOENT;
    if (s->again != NULL) {
        t->due_ms = s->again->due_ms;
        t->attempt = s->again->attempt;
    }
    job_free(&row);
    job_free(&s->again);
}

static void rig_settled(void *arg, struct settled_batch *b)
{
    struct rig *r = arg;

    (void)pthread_mutex_lock(&r->mtx);
    for (size_t i = 0; i < b->count; i++)
        rig_tell(r, &b->items[i]);
    (void)pthread_mutex_unlock(&r->mtx);
    free(b);
}

static void rig_stored(void *arg, struct list *jobs, size_t n)
{
    struct rig *r = arg;

    (void)pthread_mutex_lock(&r->mtx);
    list_splice(&r->stored, jobs);
    r->stored_count += n;
    (void)pthread_mutex_unlock(&r->mtx);
}

static void rig_wished(void *arg)
{
    struct rig *r = arg;

    atomic_fetch_add(&r->wished, 1);
}

/* ---- building ------------------------------------------------------------- */

static void rig_broker(struct rig *r)
{
    rd_kafka_conf_t *rc = rd_kafka_conf_new();
    char why[200];

    (void)rd_kafka_conf_set(rc, "test.mock.num.brokers", "1", why, sizeof(why));
    rd_kafka_conf_set_log_cb(rc, NULL);
    r->broker = rd_kafka_new(RD_KAFKA_PRODUCER, rc, why, sizeof(why));
    assert_non_null(r->broker);
    r->mock = rd_kafka_handle_mock_cluster(r->broker);
    assert_non_null(r->mock);
    rd_kafka_mock_topic_create(r->mock, "out", 1, 1);
    rd_kafka_mock_topic_create(r->mock, "dead", 1, 1);
    r->kafka.bootstrap_servers = rd_kafka_mock_cluster_bootstraps(r->mock);
}

static void rig_store(struct rig *r)
{
    char url[400];
    const struct store_settings set = {.url = url,
                                       .instance_id = "i",
                                       .cluster = "c",
                                       .cache_kb = 1024,
                                       .idempotency_ms = 3600000,
                                       .history_ms = 3600000};
    struct err err = {0};

    (void)snprintf(url, sizeof(url), "sqlite:%s/jobs.db", r->y.dir);
    if (store_open(&set, &r->store, &err) < 0 ||
        store_session_open(r->store, false, &r->x, &err) < 0 ||
        store_session_open(r->store, false, &r->their, &err) < 0 ||
        writer_start(r->store, &r->writer, &err) < 0)
        fail_msg("%s", err.text);
}

YARD_UNUSED static void rig_start_commit(struct rig *r, size_t batch,
                                         size_t inflight)
{
    const struct commit_settings set = {
        .kafka = &r->kafka,
        .writer = r->writer,
        .batch_jobs = batch,
        .linger_ms = 2,
        .inflight_records = inflight,
        .settled = rig_settled,
        .stored = rig_stored,
        .wished = rig_wished,
        .arg = r,
    };
    struct err err = {0};

    if (commit_start(&set, &r->commit, &err) < 0)
        fail_msg("%s", err.text);
}

YARD_UNUSED static void rig_open(struct rig *r)
{
    struct attempt_table_settings table = {.capacity = 8192,
                                           .store_id = "s",
                                           .ended = rig_attempt_ended,
                                           .arg = r};
    struct err err = {0};

    memset(r, 0, sizeof(*r));
    log_set_fd(-1);
    yard_open(&r->y, YARD_PATIENCE_MS);
    (void)pthread_mutex_init(&r->mtx, NULL);
    list_init(&r->ended);
    list_init(&r->stored);
    rig_broker(r);
    rig_store(r);
    assert_int_equal(attempt_table_new(&table, &r->attempts, &err), 0);
    r->plugin = yard_ready(&r->y, "fix_hook", r->attempts);
}

YARD_UNUSED static void rig_close(struct rig *r)
{
    if (r->writer != NULL)
        writer_close(r->writer, clock_boot_ms());
    commit_stop(&r->commit);
    writer_stop(&r->writer, 0);
    yard_done(&r->plugin);
    assert_int_equal(attempt_table_used(r->attempts), 0);
    attempt_table_free(&r->attempts);
    store_session_close(&r->x);
    store_session_close(&r->their);
    store_close(&r->store);
    rd_kafka_destroy(r->broker);
    for (struct list *e; (e = list_pop(&r->stored)) != NULL;) {
        struct job *j = list_of(e, struct job, link);

        job_free(&j);
    }
    (void)pthread_mutex_destroy(&r->mtx);
    yard_close(&r->y);
}

/* ---- jobs ------------------------------------------------------------------ */

/* A job in the store; the caller has it as the store does. */
YARD_UNUSED static struct job *rig_put(struct rig *r, const char *key,
                                       struct fix_hook *h)
{
    const struct job_text text = {.key = {key, strlen(key)},
                                  .payload = {(const char *)&h, sizeof(h)}};
    struct job *j = job_new(app_name_s("app_1"), &text);
    struct put_item item = {.kind = PUT_JOB, .job = j};
    struct writer_request q = {.kind = WRITE_PUT,
                               .put = {.items = &item, .count = 1}};
    struct err err = {0};

    assert_non_null(j);
    j->due_ms = j->scheduled_ms = q.put.now_ms = clock_wall_ms();
    if (writer_run(r->writer, &q, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(item.result, PUT_STORED);
    return j;
}

/* Runs it; it is among the ended attempts then.  Its id. */
YARD_UNUSED static int64_t rig_run(struct rig *r, struct job *j)
{
    int64_t id = j->id;
    struct attempt *a;

    assert_int_equal(
        attempt_open(
            r->attempts, r->plugin,
            &(struct attempt_start){.job = j, .now_ms = clock_wall_ms()}, &a),
        0);
    assert_int_equal(attempt_run(a), 0);
    return id;
}

YARD_UNUSED static void rig_submit(struct rig *r)
{
    size_t n = r->ended_count;

    r->ended_count = 0;
    commit_submit(r->commit, &r->ended, n);
}

/* All of it: put, run, submit. */
YARD_UNUSED static int64_t rig_job(struct rig *r, const char *key,
                                   struct fix_hook *h)
{
    int64_t id = rig_run(r, rig_put(r, key, h));

    rig_submit(r);
    return id;
}

YARD_UNUSED static struct told rig_told(struct rig *r, int64_t id)
{
    struct told t = {0};

    (void)pthread_mutex_lock(&r->mtx);
    for (size_t i = 0; i < r->told_count; i++)
        if (r->told[i].id == id)
            t = r->told[i];
    (void)pthread_mutex_unlock(&r->mtx);
    return t;
}

YARD_UNUSED static size_t rig_stored_count(struct rig *r)
{
    size_t n;

    (void)pthread_mutex_lock(&r->mtx);
    n = r->stored_count;
    (void)pthread_mutex_unlock(&r->mtx);
    return n;
}

/* ---- what is in Kafka -------------------------------------------------------- */

YARD_UNUSED static rd_kafka_t *rig_reader(struct rig *r, const char *topic)
{
    rd_kafka_conf_t *rc = rd_kafka_conf_new();
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(1);
    rd_kafka_t *rk;
    char why[200];

    rd_kafka_conf_set(rc, "bootstrap.servers", r->kafka.bootstrap_servers, why,
                      sizeof(why));
    rd_kafka_conf_set(rc, "group.id", "reader", why, sizeof(why));
    rd_kafka_conf_set_log_cb(rc, NULL);
    rk = rd_kafka_new(RD_KAFKA_CONSUMER, rc, why, sizeof(why));
    assert_non_null(rk);
    rd_kafka_poll_set_consumer(rk);
    rd_kafka_topic_partition_list_add(l, topic, 0)->offset =
        RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_assign(rk, l);
    rd_kafka_topic_partition_list_destroy(l);
    return rk;
}

YARD_UNUSED static rd_kafka_message_t *rig_next(rd_kafka_t *rk)
{
    int64_t until = clock_boot_ms() + YARD_PATIENCE_MS;

    while (clock_boot_ms() < until) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, 100);

        if (m != NULL && m->err == 0)
            return m;
        if (m != NULL)
            rd_kafka_message_destroy(m);
    }
    fail_msg("no message");
    return NULL;
}

/* How many records the topic has. */
YARD_UNUSED static int64_t rig_records(struct rig *r, const char *topic)
{
    int64_t low = 0, high = -1;

    if (rd_kafka_query_watermark_offsets(r->broker, topic, 0, &low, &high,
                                         5000) != 0)
        return -1;
    return high - low;
}

#endif
