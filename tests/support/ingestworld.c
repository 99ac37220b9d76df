/* SPDX-License-Identifier: Apache-2.0
 *
 * support/ingestworld.c - what a source needs around it; see ingestworld.h.
 */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "metrics/metrics.h"
#include "ingestworld.h"

/* ---- the store's refusal ------------------------------------------------------ */

atomic_int world_poison_seen, world_refusals;

int __real_store_put(struct store_session *x, struct put_batch *b,
                     struct err *err);
int __wrap_store_put(struct store_session *x, struct put_batch *b,
                     struct err *err);

int __wrap_store_put(struct store_session *x, struct put_batch *b,
                     struct err *err)
{
    int r;

    for (size_t i = 0; i < b->count; i++) {
        const struct job *j = b->items[i].job;

        if (memmem(j->payload.data, j->payload.len, "poison", 6) != NULL) {
            atomic_fetch_add(&world_poison_seen, 1);
            return err_set(err, -EINVAL, "indigestible");
        }
    }
    r = __real_store_put(x, b, err);
    if (r == -EINVAL || r == -EMSGSIZE)
        atomic_fetch_add(&world_refusals, 1);
    return r;
}

/* ---- the house ------------------------------------------------------------------ */

static const struct app_name *known(void *arg, const char *name, size_t len)
{
    (void)arg;
    return len == 9 && memcmp(name, "sms_retry", 9) == 0 ? app_name(name, len)
                                                         : NULL;
}

static void on_stored(void *arg, struct list *jobs, size_t count)
{
    struct world *w = arg;

    (void)pthread_mutex_lock(&w->mtx);
    list_splice(&w->jobs, jobs);
    w->count += count;
    (void)pthread_mutex_unlock(&w->mtx);
}

size_t world_stored(struct world *w)
{
    size_t n;

    (void)pthread_mutex_lock(&w->mtx);
    n = w->count;
    (void)pthread_mutex_unlock(&w->mtx);
    return n;
}

void world_nap(void)
{
    const struct timespec t = {0, 10000000};

    (void)nanosleep(&t, NULL);
}

int64_t world_metric(const struct world *w, const char *family)
{
    return metric_get(metric_series(family, w->name));
}

static void open_store(struct world *w)
{
    const struct store_settings set = {.url = w->url,
                                       .instance_id = "test",
                                       .cluster = "test",
                                       .cache_kb = 1024,
                                       .idempotency_ms = 86400000,
                                       .history_ms = 86400000};
    struct err err = {0};

    if (store_open(&set, &w->store, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(writer_start(w->store, &w->writer, &err), 0);
}

static void open_kafka(struct world *w)
{
    struct producer_settings ps = {.name = "test",
                                   .queue_records = 100000,
                                   .queue_kb = 100000,
                                   .message_timeout_ms = 10000,
                                   .linger_ms = 1,
                                   .kafka = &w->kafka};
    rd_kafka_conf_t *rc = rd_kafka_conf_new();
    char why[200];

    rd_kafka_conf_set(rc, "log_level", "0", why, sizeof(why));
    w->mock_rk = rd_kafka_new(RD_KAFKA_PRODUCER, rc, why, sizeof(why));
    w->mock = rd_kafka_mock_cluster_new(w->mock_rk, 1);
    assert_non_null(w->mock);
    assert_int_equal(rd_kafka_mock_topic_create(w->mock, "in", 2, 1), 0);
    assert_int_equal(rd_kafka_mock_topic_create(w->mock, "dlq", 1, 1), 0);
    w->kafka.bootstrap_servers = rd_kafka_mock_cluster_bootstraps(w->mock);
    assert_int_equal(producer_open(&ps, &w->p, NULL), 0);
}

bool world_state_is(const struct world *w, const char *state)
{
    return strcmp(source_state(w->source), state) == 0;
}

char *world_text(const char *s)
{
    return (char *)(uintptr_t)s;
}

int world_setup(void **state)
{
    static int number;
    struct world *w = calloc(1, sizeof(*w));
    const char *tmp = getenv("TMPDIR");

    assert_non_null(w);
    if (getenv("TEST_LOG") == NULL)
        log_set_fd(-1);
    list_init(&w->jobs);
    (void)pthread_mutex_init(&w->mtx, NULL);
    (void)snprintf(w->dir, sizeof(w->dir), "%s/ontime-source-XXXXXX",
                   tmp != NULL && strlen(tmp) < 30 ? tmp : "/tmp");
    assert_non_null(mkdtemp(w->dir));
    (void)snprintf(w->url, sizeof(w->url), "sqlite:%s/store.db", w->dir);
    (void)snprintf(w->name, sizeof(w->name), "source%d", number++);
    open_store(w);
    open_kafka(w);
    w->conf = (struct conf_source){
        .name = w->name,
        .topic = world_text("in"),
        .format = world_text("ingest"),
        .dlq_topic = world_text("dlq"),
        .on_bad = world_text("dead_letter"),
        .group_id = world_text("g"),
        .app = world_text(""),
        .time_field = world_text(""),
        .timezone = world_text(""),
        .on_position_lost = world_text("earliest"),
        .max_poll_records = 500,
        .poll_timeout_ms = 1000,
        .max_retries = 1,
        .enabled = true,
    };
    w->env = (struct ingest_env){.kafka = &w->kafka,
                                 .cluster_id = "cluster-1",
                                 .instance_id = "test",
                                 .store = w->store,
                                 .writer = w->writer,
                                 .known_app = known,
                                 .stored = on_stored,
                                 .arg = w};
    *state = w;
    return 0;
}

void world_start(struct world *w)
{
    struct err err = {0};

    if (source_start(&w->env, &w->conf, &w->source, &err) < 0)
        fail_msg("%s", err.text);
}

void world_stop(struct world *w)
{
    source_stop(&w->source, clock_boot_ms() + 10000);
    assert_null(w->source);
}

int world_teardown(void **state)
{
    struct world *w = *state;
    struct list *at;
    char cmd[128];

    atomic_store(&w->release, true);
    source_stop(&w->source, clock_boot_ms() + 1000);
    writer_stop(&w->writer, clock_boot_ms() + 1000);
    store_close(&w->store);
    producer_close(&w->p);
    rd_kafka_mock_cluster_destroy(w->mock);
    rd_kafka_destroy(w->mock_rk);
    while ((at = list_pop(&w->jobs)) != NULL) {
        struct job *j = list_of(at, struct job, link);

        job_free(&j);
    }
    for (size_t i = 0; i < 4; i++) {
        static const char *const ends[] = {"", "-wal", "-shm", ".lock"};

        (void)snprintf(cmd, sizeof(cmd), "%s/store.db%s", w->dir, ends[i]);
        (void)unlink(cmd);
    }
    (void)rmdir(w->dir);
    free(w);
    return 0;
}

/* ---- messages ------------------------------------------------------------------- */

void world_send(struct world *w, int32_t part, struct span key,
                struct span value, struct span headers)
{
    const struct producer_record r = {.topic = producer_topic(w->p, "in"),
                                      .partition = part,
                                      .key = key,
                                      .value = value,
                                      .headers = headers};

    assert_int_equal(producer_send(w->p, &r, NULL), 0);
    assert_int_equal(producer_flush(w->p, 10000), 0);
}

void world_send_text(struct world *w, int32_t part, const char *value)
{
    world_send(w, part, (struct span){NULL, 0},
               (struct span){value, strlen(value)}, (struct span){NULL, 0});
}

/* Jobs numbered from..to-1, spread over both partitions. */
void world_send_jobs(struct world *w, int from, int to)
{
    char(*text)[256] = malloc((size_t)(to - from) * 256);

    assert_non_null(text);
    for (int i = from; i < to; i++) {
        char *t = text[i - from];
        struct producer_record r = {.topic = producer_topic(w->p, "in"),
                                    .partition = i % 2};

        (void)snprintf(
            t, 256,
            "{\"requestId\":\"r-%d\",\"appName\":\"sms_retry\","
            "\"scheduledTime\":\"2035-01-01 00:00:00\",\"jobData\":{}}",
            i);
        r.value = (struct span){t, strlen(t)};
        assert_int_equal(producer_send(w->p, &r, NULL), 0);
    }
    assert_int_equal(producer_flush(w->p, 10000), 0);
    free(text);
}

/* The store has jobs r-0 .. r-(n-1), each once, handed over each once. */
void world_expect_jobs(struct world *w, int n)
{
    struct store_count c[4];
    struct store_session *x = NULL;
    char *seen = calloc((size_t)n, 1);

    assert_non_null(seen);
    assert_int_equal(store_session_open(w->store, false, &x, NULL), 0);
    assert_int_equal(store_counts(x, c, 4, NULL), 1);
    assert_int_equal(c[0].pending, n);
    store_session_close(&x);
    (void)pthread_mutex_lock(&w->mtx);
    assert_int_equal(w->count, n);
    for (struct list *at = w->jobs.next; at != &w->jobs; at = at->next) {
        const struct job *j = list_of(at, struct job, link);
        int k = (int)strtol((const char *)j->key.data + 2, NULL, 10);

        assert_true(j->id > 0 && j->pos > 0);
        assert_true(k >= 0 && k < n);
        assert_int_equal(seen[k]++, 0);
    }
    (void)pthread_mutex_unlock(&w->mtx);
    free(seen);
}

rd_kafka_t *world_letters(struct world *w)
{
    rd_kafka_conf_t *rc = rd_kafka_conf_new();
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(1);
    rd_kafka_t *rk;
    char why[200];

    rd_kafka_conf_set(rc, "bootstrap.servers", w->kafka.bootstrap_servers, why,
                      sizeof(why));
    rd_kafka_conf_set(rc, "group.id", "reader", why, sizeof(why));
    rd_kafka_conf_set(rc, "log_level", "0", why, sizeof(why));
    rk = rd_kafka_new(RD_KAFKA_CONSUMER, rc, why, sizeof(why));
    assert_non_null(rk);
    rd_kafka_poll_set_consumer(rk);
    rd_kafka_topic_partition_list_add(l, "dlq", 0)->offset =
        RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_assign(rk, l);
    rd_kafka_topic_partition_list_destroy(l);
    return rk;
}

rd_kafka_message_t *world_next_letter(rd_kafka_t *rk, int wait_ms)
{
    int64_t until = clock_boot_ms() + wait_ms;

    while (clock_boot_ms() < until) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, 50);

        if (m != NULL && m->err == 0)
            return m;
        if (m != NULL)
            rd_kafka_message_destroy(m);
    }
    return NULL;
}

void world_close_letters(rd_kafka_t *rk)
{
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
}

void world_header_is(const rd_kafka_message_t *m, size_t at, const char *name,
                     const char *value)
{
    rd_kafka_headers_t *h = NULL;
    const char *n;
    const void *v;
    size_t len;

    assert_int_equal(rd_kafka_message_headers(m, &h), 0);
    assert_int_equal(rd_kafka_header_get_all(h, at, &n, &v, &len), 0);
    assert_string_equal(n, name);
    if (value == NULL)
        return;
    assert_int_equal(len, strlen(value));
    assert_memory_equal(v, value, len);
}

size_t world_header_count(const rd_kafka_message_t *m)
{
    rd_kafka_headers_t *h = NULL;

    assert_int_equal(rd_kafka_message_headers(m, &h), 0);
    return rd_kafka_header_cnt(h);
}

/* ---- holding the writer up ------------------------------------------------------- */

static int plug_call(struct writer_request *r, struct store_session *x,
                     struct err *err)
{
    struct world *w = r->arg;

    (void)x;
    (void)err;
    atomic_store(&w->plugged, true);
    while (!atomic_load(&w->release))
        world_nap();
    return 0;
}

static void plug_done(struct writer_request *r, int result,
                      const struct err *err)
{
    struct world *w = r->arg;

    (void)result;
    (void)err;
    atomic_store(&w->unplugged, true);
}

void world_plug(struct world *w)
{
    w->plug = (struct writer_request){
        .kind = WRITE_CALL, .call = plug_call, .done = plug_done, .arg = w};
    atomic_store(&w->release, false);
    assert_int_equal(writer_submit(w->writer, &w->plug), 0);
    wait_for(atomic_load(&w->plugged));
}

void world_unplug(struct world *w)
{
    atomic_store(&w->release, true);
    wait_for(atomic_load(&w->unplugged));
}
