/* SPDX-License-Identifier: Apache-2.0
 *
 * bench/tally.c - see tally.h.
 */
#include "config.h"

#include "bench/tally.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "bench/report.h"
#include "bench/topics.h"

#define READ_MS 60000
#define AT_ONCE 1000

int tally_open(struct tally *t, int64_t count, struct err *err)
{
    size_t n = (size_t)count;

    *t = (struct tally){.count = count};
    t->due = calloc(n, sizeof(*t->due));
    t->seen = calloc(n, sizeof(*t->seen));
    t->times = calloc(n, sizeof(*t->times));
    if (t->due != NULL && t->seen != NULL && t->times != NULL)
        return 0;
    tally_close(t);
    return err_set(err, -ENOMEM, "no memory for %" PRId64 " jobs", count);
}

void tally_close(struct tally *t)
{
    free(t->due);
    free(t->seen);
    free(t->times);
    *t = (struct tally){.count = 0};
}

int64_t tally_number(const char *key, size_t len)
{
    int64_t n = 0;

    if (len < 6 || len > 20 || memcmp(key, "task-", 5) != 0)
        return -1;
    for (size_t i = 5; i < len; i++) {
        if (key[i] < '0' || key[i] > '9')
            return -1;
        n = n * 10 + (key[i] - '0');
    }
    return n;
}

static void count(struct tally *t, const rd_kafka_message_t *m)
{
    int64_t n = tally_number(m->key, m->key_len),
            at = rd_kafka_message_timestamp(m, NULL);

    if (n < 0 || n >= t->count) {
        t->strange++;
        return;
    }
    if (t->times[n] < UINT8_MAX)
        t->times[n]++;
    if (t->seen[n] == 0 || at < t->seen[n])
        t->seen[n] = at;
}

/* Until each partition has said that it is at its end. */
static int read_all(struct tally *t, rd_kafka_queue_t *queue, struct err *err)
{
    int64_t end = clock_mono_ns() + READ_MS * INT64_C(1000000);
    rd_kafka_message_t *got[AT_ONCE];
    int at_end = 0, r = 0;

    while (at_end < PARTITIONS && r == 0) {
        ssize_t n = rd_kafka_consume_batch_queue(queue, 100, got, AT_ONCE);

        for (ssize_t i = 0; i < n; i++) {
            if (got[i]->err == RD_KAFKA_RESP_ERR_NO_ERROR)
                count(t, got[i]);
            else if (got[i]->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
                at_end++;
            else
                r = err_set(err, -EIO, "reading the target: %s",
                            rd_kafka_message_errstr(got[i]));
            rd_kafka_message_destroy(got[i]);
        }
        if (clock_mono_ns() > end)
            r = err_set(err, -ETIMEDOUT,
                        "waited %d s for the target's end, in vain",
                        READ_MS / 1000);
    }
    return r;
}

int tally_read(struct tally *t, const struct bench *b, const char *topic,
               struct err *err)
{
    static const char *const pairs[] = {"group.id",
                                        "ontime-bench",
                                        "enable.auto.commit",
                                        "false",
                                        "enable.partition.eof",
                                        "true",
                                        "fetch.wait.max.ms",
                                        "20",
                                        NULL};
    rd_kafka_topic_partition_list_t *list;
    rd_kafka_queue_t *queue;
    rd_kafka_t *rk;
    int r = topics_client(b, RD_KAFKA_CONSUMER, NULL, pairs, &rk, err);

    if (r < 0)
        return r;
    list = rd_kafka_topic_partition_list_new(PARTITIONS);
    for (int32_t i = 0; i < PARTITIONS; i++)
        rd_kafka_topic_partition_list_add(list, topic, i)->offset =
            RD_KAFKA_OFFSET_BEGINNING;
    queue = rd_kafka_queue_get_consumer(rk);
    if (rd_kafka_assign(rk, list) == RD_KAFKA_RESP_ERR_NO_ERROR)
        r = read_all(t, queue, err);
    else
        r = err_set(err, -EIO, "the target cannot be assigned");
    rd_kafka_queue_destroy(queue);
    rd_kafka_topic_partition_list_destroy(list);
    (void)rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
    return r;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static bool within(const struct tally_range *range, int64_t due)
{
    return (range->due_after == 0 || due >= range->due_after) &&
           (range->due_before == 0 || due < range->due_before);
}

int tally_look(const struct tally *t, const struct tally_range *range,
               struct tally_view *ret, struct err *err)
{
    int64_t *late =
        calloc((size_t)(range->end - range->from) + 1, sizeof(*late));
    size_t n = 0;

    *ret = (struct tally_view){.jobs = 0};
    if (late == NULL)
        return err_set(err, -ENOMEM, "no memory");
    for (int64_t i = range->from;
         i<range->end; i += range->step> 0 ? range->step : 1) {
        if (!within(range, t->due[i]))
            continue;
        ret->jobs++;
        ret->lost += t->times[i] == 0;
        ret->doubled += t->times[i] > 1;
        if (t->times[i] == 0)
            continue;
        late[n] = t->seen[i] - t->due[i];
        ret->early += late[n++] < 0;
        if (ret->first_ms == 0 || t->seen[i] < ret->first_ms)
            ret->first_ms = t->seen[i];
        if (t->seen[i] > ret->last_ms)
            ret->last_ms = t->seen[i];
    }
    qsort(late, n, sizeof(*late), by_value);
    if (n > 0) {
        ret->p50 = late[n / 2];
        ret->p99 = late[n * 99 / 100];
        ret->max = late[n - 1];
    }
    free(late);
    return 0;
}

int tally_verdict(const struct tally_view *v, const struct tally *t,
                  const struct bench *b, const struct bench_case *c,
                  bool may_double, struct err *err)
{
    report_add(b->report, c, "lost", (double)v->lost, "jobs");
    report_add(b->report, c, "doubled", (double)v->doubled, "jobs");
    report_add(b->report, c, "early", (double)v->early, "jobs");
    if (v->lost == 0 && (v->doubled == 0 || may_double) && v->early == 0 &&
        t->strange == 0)
        return 0;
    return err_set(err, -EIO,
                   "of %" PRId64 " jobs %" PRId64 " were lost, %" PRId64
                   " doubled, %" PRId64 " early; %" PRId64
                   " records are no job's",
                   v->jobs, v->lost, v->doubled, v->early, t->strange);
}

void tally_say_halves(const struct tally *t, const struct tally_range *range)
{
    static const char *const names[] = {"stored before", "ingested meanwhile"};

    for (int64_t i = 0; i < 2; i++) {
        struct tally_range half = *range;
        struct tally_view v;

        half.from += i;
        half.step = 2;
        if (tally_look(t, &half, &v, NULL) == 0)
            bench_say("late, %-18s p50 %4" PRId64 ", p99 %4" PRId64
                      ", max %4" PRId64 " ms",
                      names[i], v.p50, v.p99, v.max);
    }
}

void tally_report_lateness(const struct tally_view *v, const struct bench *b,
                           const struct bench_case *c)
{
    report_add(b->report, c, "lateness_p50", (double)v->p50, "ms");
    report_add(b->report, c, "lateness_p99", (double)v->p99, "ms");
    report_add(b->report, c, "lateness_max", (double)v->max, "ms");
}
