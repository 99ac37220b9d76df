/* SPDX-License-Identifier: Apache-2.0
 *
 * kafka/logreader.c - a partition up to its end; see logreader.h.
 *
 * Needs no group: librdkafka's simple consumer, which also asks the group's
 * coordinator for nothing.
 */
#include "config.h"

#include "kafka/logreader.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include <librdkafka/rdkafka.h>

#include "base/clock.h"
#include "kafka/rdconf.h"

struct logreader {
    rd_kafka_t *rk;
    rd_kafka_topic_t *rkt;
    rd_kafka_message_t *held; /* the last one given */
    const char *topic;
    int32_t partition;
    int64_t end;
    bool started, reached;
};

static int client_open(const struct kafka_settings *set, const char *isolation,
                       rd_kafka_t **ret, struct err *err)
{
    const struct rdconf_pair fixed[] = {
        {"isolation.level", isolation},        {"enable.partition.eof", "true"},
        {"auto.offset.reset", "error"},        {"enable.auto.commit", "false"},
        {"fetch.wait.max.ms", "10"}, /* the end is told after so long */
        {"allow.auto.create.topics", "false"}, {NULL, NULL},
    };
    const struct rdconf_want want = {
        .set = set, .role = RDCONF_CONSUMER, .name = "ledger", .fixed = fixed};
    rd_kafka_conf_t *rc = NULL;
    int r = rdconf_make(&want, &rc, err);

    return r < 0 ? r : rdconf_new(RD_KAFKA_CONSUMER, &rc, ret, err);
}

static int failed(rd_kafka_resp_err_t code, const char *topic,
                  int32_t partition, struct err *err)
{
    int r = rdconf_errno(code);

    if (r == -ENOENT || r == -EACCES)
        return err_set(err, r, "partition %d of %s: %s", (int)partition, topic,
                       rd_kafka_err2str(code));
    return err_again(err, r, "partition %d of %s: %s", (int)partition, topic,
                     rd_kafka_err2str(code));
}

/* A handle that reads only what is committed would answer with the end of
 * that; and a topic that was made a moment ago may not have a leader yet. */
int logreader_end(const struct kafka_settings *set, const char *topic,
                  int32_t partition, int timeout_ms, int64_t *ret,
                  struct err *err)
{
    rd_kafka_t *rk = NULL;
    rd_kafka_resp_err_t code;
    int64_t low;
    int r = client_open(set, "read_uncommitted", &rk, err);

    if (r < 0)
        return r;
    code = rd_kafka_query_watermark_offsets(rk, topic, partition, &low, ret,
                                            timeout_ms);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        r = failed(code, topic, partition, err);
    rd_kafka_destroy(rk);
    return r;
}

/* Asked for now, or librdkafka would only look about once a second. */
static void fetch_metadata(struct logreader *r)
{
    const struct rd_kafka_metadata *md;

    if (rd_kafka_metadata(r->rk, 0, r->rkt, &md, 1000) ==
        RD_KAFKA_RESP_ERR_NO_ERROR)
        rd_kafka_metadata_destroy(md);
}

int logreader_open(const struct kafka_settings *set, const struct logrange *of,
                   struct logreader **ret, struct err *err)
{
    const char *topic = of->topic;
    int32_t partition = of->partition;
    int64_t from = of->from, end = of->end;
    struct logreader *r = calloc(1, sizeof(*r));
    int result;

    if (r == NULL)
        return err_again(err, -ENOMEM, "read %s: no memory", topic);
    r->topic = topic;
    r->partition = partition;
    r->end = end;
    r->reached = from == end;
    result = client_open(set, "read_committed", &r->rk, err);
    if (result == 0 && from > end)
        result = err_set(
            err, -EUCLEAN, "partition %d of %s ends at %lld, before %lld",
            (int)partition, topic, (long long)end, (long long)from);
    if (result < 0)
        goto out;
    r->rkt = rd_kafka_topic_new(r->rk, topic, NULL);
    if (r->rkt == NULL) {
        result = err_set(err, -EINVAL, "topic %s: not a name", topic);
        goto out;
    }
    fetch_metadata(r);
    if (rd_kafka_consume_start(r->rkt, partition, from) != 0)
        result = failed(rd_kafka_last_error(), topic, partition, err);
    else
        r->started = true;
out:
    if (result < 0)
        logreader_close(&r);
    else
        *ret = r;
    return result;
}

static void drop_held(struct logreader *r)
{
    if (r->held != NULL)
        rd_kafka_message_destroy(r->held);
    r->held = NULL;
}

void logreader_close(struct logreader **pr)
{
    struct logreader *r = *pr;

    *pr = NULL;
    if (r == NULL)
        return;
    drop_held(r);
    if (r->started)
        (void)rd_kafka_consume_stop(r->rkt, r->partition);
    if (r->rkt != NULL)
        rd_kafka_topic_destroy(r->rkt);
    if (r->rk != NULL)
        rd_kafka_destroy(r->rk);
    free(r);
}

/* What came: 1 a record, 0 the end, 2 neither (go on), or negative. */
static int look(struct logreader *r, rd_kafka_message_t *m, struct err *err)
{
    if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR)
        return m->offset < r->end ? 1 : 0;
    if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
        return m->offset >= r->end ? 0 : 2; /* an open transaction: wait */
    if (m->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
        m->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE)
        return err_set(err, -EUCLEAN,
                       "partition %d of %s no longer has what we have not read",
                       (int)r->partition, r->topic);
    if (rdconf_errno(m->err) == -EACCES || rdconf_errno(m->err) == -ENOENT)
        return failed(m->err, r->topic, r->partition, err);
    return 2; /* brokers that go and come */
}

static void give(struct logreader *r, rd_kafka_message_t *m,
                 struct logrecord *ret)
{
    rd_kafka_timestamp_type_t type;

    r->held = m;
    *ret =
        (struct logrecord){.offset = m->offset,
                           .timestamp_ms = rd_kafka_message_timestamp(m, &type),
                           .value = {m->payload, m->len}};
}

int logreader_next(struct logreader *r, int timeout_ms, struct logrecord *ret,
                   struct err *err)
{
    int64_t until = clock_boot_ms() + timeout_ms;

    drop_held(r);
    while (!r->reached) {
        int64_t left = until - clock_boot_ms();
        rd_kafka_message_t *m;
        int what;

        if (left <= 0)
            return err_again(err, -ETIMEDOUT,
                             "partition %d of %s: its end was not reached "
                             "within %d ms",
                             (int)r->partition, r->topic, timeout_ms);
        m = rd_kafka_consume(r->rkt, r->partition, (int)left);
        if (m == NULL)
            continue;
        what = look(r, m, err);
        if (what == 1) {
            give(r, m, ret);
            return 1;
        }
        rd_kafka_message_destroy(m);
        if (what < 0)
            return what;
        r->reached = what == 0;
    }
    return 0;
}
