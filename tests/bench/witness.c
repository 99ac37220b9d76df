/* SPDX-License-Identifier: Apache-2.0
 *
 * bench/witness.c - see witness.h.
 */
#include "config.h"

#include "bench/witness.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "bench/report.h"
#include "bench/tally.h"
#include "bench/topics.h"

#define AT_ONCE 1000
#define WAIT_MS 10000

struct witness {
    rd_kafka_t *rk; /* frozen before the thread starts, as is count */
    rd_kafka_queue_t *queue;
    int64_t count;
    pthread_t thread;
    _Atomic bool stop;
    _Atomic int64_t seen; /* how many jobs */
    int64_t *at;          /* the thread's; when, 0: not yet */
};

static void note(struct witness *w, const rd_kafka_message_t *m, int64_t now)
{
    int64_t n;

    if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    n = tally_number(m->key, m->key_len);
    if (n < 0 || n >= w->count || w->at[n] != 0)
        return;
    w->at[n] = now;
    atomic_fetch_add(&w->seen, 1);
}

static void *watch(void *arg)
{
    rd_kafka_message_t *got[AT_ONCE];
    struct witness *w = arg;

    while (!atomic_load(&w->stop)) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(w->rk, 100);
        int64_t now = clock_wall_ms();
        ssize_t n;

        if (m == NULL)
            continue;
        note(w, m, now);
        rd_kafka_message_destroy(m);
        /* What is there already came at the same time. */
        n = rd_kafka_consume_batch_queue(w->queue, 0, got, AT_ONCE);
        for (ssize_t i = 0; i < n; i++) {
            note(w, got[i], now);
            rd_kafka_message_destroy(got[i]);
        }
    }
    return NULL;
}

static int assign(struct witness *w, const char *topic, struct err *err)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(PARTITIONS);
    int r = 0;

    for (int32_t i = 0; i < PARTITIONS; i++)
        rd_kafka_topic_partition_list_add(list, topic, i)->offset =
            RD_KAFKA_OFFSET_BEGINNING;
    if (rd_kafka_assign(w->rk, list) != RD_KAFKA_RESP_ERR_NO_ERROR)
        r = err_set(err, -EIO, "the target cannot be assigned");
    rd_kafka_topic_partition_list_destroy(list);
    return r;
}

int witness_start(const struct bench *b, const char *topic, int64_t count,
                  struct witness **ret, struct err *err)
{
    static const char *const pairs[] = {"group.id",
                                        "ontime-witness",
                                        "enable.auto.commit",
                                        "false",
                                        "isolation.level",
                                        "read_committed",
                                        "fetch.wait.max.ms",
                                        "100",
                                        NULL};
    struct witness *w = calloc(1, sizeof(*w));
    int r;

    if (w == NULL || (w->at = calloc((size_t)count, sizeof(*w->at))) == NULL) {
        free(w);
        return err_set(err, -ENOMEM, "no memory");
    }
    w->count = count;
    r = topics_client(b, RD_KAFKA_CONSUMER, NULL, pairs, &w->rk, err);
    if (r < 0) {
        free(w->at);
        free(w);
        return r;
    }
    (void)rd_kafka_poll_set_consumer(w->rk);
    w->queue = rd_kafka_queue_get_consumer(w->rk);
    r = assign(w, topic, err);
    if (r == 0 && pthread_create(&w->thread, NULL, watch, w) != 0)
        r = err_set(err, -EAGAIN, "no thread");
    if (r == 0) {
        *ret = w;
        return 0;
    }
    rd_kafka_queue_destroy(w->queue);
    rd_kafka_destroy(w->rk);
    free(w->at);
    free(w);
    return r;
}

static int all_seen(void *arg, struct err *err)
{
    struct witness *w = arg;

    (void)err;
    return atomic_load(&w->seen) >= w->count;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

/* Ends the thread: then all is ours. */
static void join(struct witness *w)
{
    if (atomic_exchange(&w->stop, true))
        return;
    (void)pthread_join(w->thread, NULL);
}

int witness_report(struct witness *w, const int64_t *due, const struct bench *b,
                   const struct bench_case *c, struct err *err)
{
    size_t n = (size_t)w->count;
    int64_t *late;
    int r =
        bench_wait("the witness has seen all", WAIT_MS, 20, all_seen, w, err);

    join(w);
    if (r < 0)
        return r;
    late = calloc(n, sizeof(*late));
    if (late == NULL)
        return err_set(err, -ENOMEM, "no memory");
    for (size_t i = 0; i < n; i++)
        late[i] = w->at[i] - due[i];
    qsort(late, n, sizeof(*late), by_value);
    report_add(b->report, c, "visible_p50", (double)late[n / 2], "ms");
    report_add(b->report, c, "visible_p99", (double)late[n * 99 / 100], "ms");
    free(late);
    return 0;
}

void witness_stop(struct witness **pw)
{
    struct witness *w = *pw;

    *pw = NULL;
    if (w == NULL)
        return;
    join(w);
    rd_kafka_queue_destroy(w->queue);
    (void)rd_kafka_consumer_close(w->rk);
    rd_kafka_destroy(w->rk);
    free(w->at);
    free(w);
}
