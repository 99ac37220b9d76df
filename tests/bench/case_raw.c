/* SPDX-License-Identifier: Apache-2.0
 *
 * bench/case_raw.c - the baseline: what a bare librdkafka producer reaches on
 * this machine, at this moment.
 */
#include "config.h"

#include "bench/cases.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/report.h"
#include "bench/topics.h"
#include "bench/usage.h"

#define FLUSH_MS 60000

static const char *const pairs[] = {"linger.ms",
                                    "5",
                                    "batch.size",
                                    "1000000",
                                    "batch.num.messages",
                                    "100000",
                                    "compression.codec",
                                    "none",
                                    "queue.buffering.max.messages",
                                    "500000",
                                    "delivery.report.only.error",
                                    "true",
                                    NULL};

static void refused(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    int64_t *n = opaque;

    (void)rk;
    *n += m->err != RD_KAFKA_RESP_ERR_NO_ERROR;
}

static int produce(rd_kafka_t *rk, rd_kafka_topic_t *topic, int64_t count,
                   struct err *err)
{
    int64_t end = clock_mono_ns() + FLUSH_MS * INT64_C(1000000);
    char value[100];

    memset(value, 'x', sizeof(value));
    for (int64_t i = 0; i < count;) {
        if (rd_kafka_produce(topic, (int32_t)(i % PARTITIONS),
                             RD_KAFKA_MSG_F_COPY, value, sizeof(value), NULL, 0,
                             NULL) == 0) {
            i++;
            continue;
        }
        if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            return err_set(err, -EIO, "produce: %s",
                           rd_kafka_err2str(rd_kafka_last_error()));
        if (clock_mono_ns() > end)
            return err_set(err, -ETIMEDOUT, "the broker takes no records");
        (void)rd_kafka_poll(rk, 1);
    }
    if (rd_kafka_flush(rk, FLUSH_MS) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return err_set(err, -ETIMEDOUT, "the records were not all taken");
    return 0;
}

int case_raw(struct bench *b, const struct bench_case *c, struct err *err)
{
    int64_t count = bench_jobs(b, c), failures = 0, start;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_topic_t *topic = NULL;
    rd_kafka_t *rk = NULL;
    char name[80];
    double rate;
    int r;

    (void)snprintf(name, sizeof(name), "bench-%d-%u-raw", (int)getpid(),
                   ++b->serial);
    rd_kafka_conf_set_opaque(conf, &failures);
    rd_kafka_conf_set_dr_msg_cb(conf, refused);
    r = topics_client(b, RD_KAFKA_PRODUCER, conf, pairs, &rk, err);
    if (r < 0)
        return r;
    r = topics_create(b, name, err);
    if (r < 0)
        goto out;
    topic = rd_kafka_topic_new(rk, name, NULL);
    r = produce(rk, topic, PARTITIONS, err); /* connected, topic known */
    start = clock_mono_ns();
    if (r == 0)
        r = produce(rk, topic, count, err);
    rate = (double)count * 1e9 / (double)(clock_mono_ns() - start);
    if (r == 0 && failures > 0)
        r = err_set(err, -EIO, "the broker refused %d records", (int)failures);
    if (r == 0) {
        bench_say("%-26s %14.2f 1/s", "records_per_s", rate);
        report_add_raw(b->report, rate);
    }
    rd_kafka_topic_destroy(topic);
    topics_delete(b, name);
out:
    rd_kafka_destroy(rk);
    return r;
}
