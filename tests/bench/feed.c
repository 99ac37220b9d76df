/* SPDX-License-Identifier: Apache-2.0
 *
 * bench/feed.c - see feed.h.
 */
#include "config.h"

#include "bench/feed.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "bench/topics.h"

#define ROOM_MS 30000
#define FLUSH_MS 60000
#define STEP_MS 5

struct feed {
    rd_kafka_t *rk;
    rd_kafka_topic_t *topic;
    uint64_t random;
    int refused;
};

static void refused(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    struct feed *f = opaque;

    (void)rk;
    if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        f->refused++;
}

int feed_open(const struct bench *b, const char *topic, struct feed **ret,
              struct err *err)
{
    static const char *const pairs[] = {"linger.ms",
                                        "5",
                                        "batch.size",
                                        "1000000",
                                        "batch.num.messages",
                                        "100000",
                                        "queue.buffering.max.messages",
                                        "500000",
                                        "delivery.report.only.error",
                                        "true",
                                        NULL};
    struct feed *f = calloc(1, sizeof(*f));
    rd_kafka_conf_t *conf;
    int r;

    if (f == NULL)
        return err_set(err, -ENOMEM, "no memory");
    f->random = (uint64_t)clock_wall_ms();
    conf = rd_kafka_conf_new();
    rd_kafka_conf_set_opaque(conf, f);
    rd_kafka_conf_set_dr_msg_cb(conf, refused);
    r = topics_client(b, RD_KAFKA_PRODUCER, conf, pairs, &f->rk, err);
    if (r < 0) {
        free(f);
        return r;
    }
    f->topic = rd_kafka_topic_new(f->rk, topic, NULL);
    *ret = f;
    return 0;
}

void feed_close(struct feed **pf)
{
    struct feed *f = *pf;

    *pf = NULL;
    if (f == NULL)
        return;
    rd_kafka_topic_destroy(f->topic);
    rd_kafka_destroy(f->rk);
    free(f);
}

/* "2026-01-31T10:00:00" */
static void put_time(char *out, size_t size, char middle, int64_t ms)
{
    time_t t = (time_t)(ms / 1000);
    struct tm tm;

    (void)gmtime_r(&t, &tm);
    (void)snprintf(out, size, "%04d-%02d-%02d%c%02d:%02d:%02d",
                   tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, middle,
                   tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static size_t put_job(struct feed *f, char *out, size_t size, int64_t number,
                      int64_t due_ms)
{
    char iso[72], local[72];

    put_time(iso, sizeof(iso), 'T', due_ms);
    put_time(local, sizeof(local), ' ', due_ms);
    return (size_t)snprintf(
        out, size,
        "{\"requestId\":\"%016" PRIx64 "%016" PRIx64 "\","
        "\"appName\":\"sms_retry\",\"scheduledTime\":\"%s.%03dZ\","
        "\"idempotencyKey\":\"sms-%" PRId64 "-1\",\"jobData\":{"
        "\"campaignTaskId\":%" PRId64 ",\"createdOn\":\"%s\","
        "\"retryTime\":\"%s\",\"retryAttempt\":1}}",
        bench_random(&f->random), bench_random(&f->random), iso,
        (int)(due_ms % 1000), number, number, local, local);
}

int feed_job(struct feed *f, int64_t number, int64_t due_ms, struct err *err)
{
    int64_t end = 0;
    char value[512], key[32];
    size_t len = put_job(f, value, sizeof(value), number, due_ms);
    int key_len =
        snprintf(key, sizeof(key), "customer-%" PRId64, number % 10007);

    while (rd_kafka_produce(f->topic, (int32_t)(number % PARTITIONS),
                            RD_KAFKA_MSG_F_COPY, value, len, key,
                            (size_t)key_len, NULL) != 0) {
        rd_kafka_resp_err_t e = rd_kafka_last_error();

        if (e != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            return err_set(err, -EIO, "produce: %s", rd_kafka_err2str(e));
        if (end == 0)
            end = clock_mono_ns() + ROOM_MS * INT64_C(1000000);
        if (clock_mono_ns() > end)
            return err_set(err, -ETIMEDOUT,
                           "waited %d s for the broker to take jobs, in vain",
                           ROOM_MS / 1000);
        (void)rd_kafka_poll(f->rk, 5);
    }
    return 0;
}

int feed_flush(struct feed *f, struct err *err)
{
    rd_kafka_resp_err_t e = rd_kafka_flush(f->rk, FLUSH_MS);

    if (e != RD_KAFKA_RESP_ERR_NO_ERROR)
        return err_set(err, -ETIMEDOUT, "flush: %s", rd_kafka_err2str(e));
    if (f->refused > 0)
        return err_set(err, -EIO, "the broker refused %d jobs", f->refused);
    return 0;
}

int feed_pace(struct feed *f, const struct pace *p, struct err *err)
{
    int64_t asked = 0;
    int r = 0;

    for (int64_t i = p->first; i < p->end && r >= 0;) {
        int64_t now = clock_wall_ms();

        for (; i < p->end && p->due[i] - p->ahead_ms <= now && r >= 0;
             i += p->step)
            r = feed_job(f, i, p->due[i], err);
        (void)rd_kafka_poll(f->rk, 0);
        if (r >= 0 && p->between != NULL && now - asked >= 20) {
            asked = now;
            r = p->between(p->arg, err);
        }
        bench_pause(STEP_MS);
    }
    return r < 0 ? r : feed_flush(f, err);
}
