/* SPDX-License-Identifier: Apache-2.0
 *
 * kafka/scan.c - a topic read to its end; see scan.h.
 */
#include "config.h"

#include "kafka/scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>

#include "base/clock.h"
#include "kafka/rdconf.h"

#define ASK_MS 15000
#define STALL_MS 30000
#define AT_ONCE 1000

struct scan {
    rd_kafka_t *rk;
    char *topic;
    int32_t partitions;
    int64_t *from; /* where each begins */
    bool *done;    /* in a run */
};

static int trouble(const struct scan *s, const char *what,
                   rd_kafka_resp_err_t code, struct err *err)
{
    return err_again(err, rdconf_errno(code), "%s of topic %s: %s", what,
                     s->topic, rd_kafka_err2str(code));
}

/* ---- where ----------------------------------------------------------------- */

static int look_up(struct scan *s, struct err *err)
{
    const struct rd_kafka_metadata *md = NULL;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(s->rk, s->topic, NULL);
    rd_kafka_resp_err_t code;
    int r = 0;

    if (topic == NULL)
        return err_set(err, -EINVAL, "no topic can be called %s", s->topic);
    code = rd_kafka_metadata(s->rk, 0, topic, &md, ASK_MS);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR && md->topic_cnt == 1)
        code = md->topics[0].err;
    if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        r = err_set(err, -ENOENT, "there is no topic %s", s->topic);
    else if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        r = trouble(s, "partitions", code, err);
    else
        s->partitions = md->topics[0].partition_cnt;
    if (md != NULL)
        rd_kafka_metadata_destroy(md);
    rd_kafka_topic_destroy(topic);
    return r;
}

/* First and last stable offset of one partition. */
static int marks(struct scan *s, int32_t partition, int64_t *low, int64_t *end,
                 struct err *err)
{
    rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(
        s->rk, s->topic, partition, low, end, ASK_MS);

    return code == RD_KAFKA_RESP_ERR_NO_ERROR
               ? 0
               : trouble(s, "the end", code, err);
}

static int begin_at_first(struct scan *s, struct err *err)
{
    int64_t end;
    int r = 0;

    for (int32_t p = 0; p < s->partitions && r == 0; p++)
        r = marks(s, p, &s->from[p], &end, err);
    return r;
}

/* A partition with nothing as new as that begins at its end. */
static int begin_at_time(struct scan *s, int64_t from_ms, struct err *err)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(s->partitions);
    rd_kafka_resp_err_t code;
    int64_t low;
    int r = 0;

    for (int32_t p = 0; p < s->partitions; p++)
        rd_kafka_topic_partition_list_add(list, s->topic, p)->offset = from_ms;
    code = rd_kafka_offsets_for_times(s->rk, list, ASK_MS);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        r = trouble(s, "the beginning", code, err);
    for (int32_t p = 0; p < s->partitions && r == 0; p++) {
        s->from[p] = list->elems[p].offset;
        if (s->from[p] < 0)
            r = marks(s, p, &low, &s->from[p], err);
    }
    rd_kafka_topic_partition_list_destroy(list);
    return r;
}

int scan_open(const struct kafka_settings *set, const char *topic,
              int64_t from_ms, struct scan **ret, struct err *err)
{
    static const struct rdconf_pair fixed[] = {
        {"group.id", "ontime-scan"}, /* asked for, joined by nobody */
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"enable.partition.eof", "true"},
        {"isolation.level", "read_committed"},
        {"auto.offset.reset", "earliest"},
        {"fetch.wait.max.ms", "50"},
        {"queued.max.messages.kbytes", "32768"},
        {NULL, NULL},
    };
    const struct rdconf_want want = {
        .set = set, .role = RDCONF_CONSUMER, .name = "scan", .fixed = fixed};
    struct scan *s = calloc(1, sizeof(*s));
    rd_kafka_conf_t *rc = NULL;
    int r;

    if (s == NULL || (s->topic = strdup(topic)) == NULL) {
        free(s);
        return err_sys(err, ENOMEM, "scan");
    }
    r = rdconf_make(&want, &rc, err);
    if (r == 0)
        r = rdconf_new(RD_KAFKA_CONSUMER, &rc, &s->rk, err);
    if (r == 0)
        r = look_up(s, err);
    if (r == 0) {
        s->from = calloc((size_t)s->partitions + 1, sizeof(*s->from));
        s->done = calloc((size_t)s->partitions + 1, sizeof(*s->done));
        if (s->from == NULL || s->done == NULL)
            r = err_sys(err, ENOMEM, "scan");
    }
    if (r == 0)
        r = from_ms > 0 ? begin_at_time(s, from_ms, err)
                        : begin_at_first(s, err);
    if (r < 0)
        scan_close(&s);
    else
        *ret = s;
    return r;
}

void scan_close(struct scan **ps)
{
    struct scan *s = *ps;

    *ps = NULL;
    if (s == NULL)
        return;
    if (s->rk != NULL) {
        (void)rd_kafka_consumer_close(s->rk);
        rd_kafka_destroy(s->rk);
    }
    free(s->from);
    free(s->done);
    free(s->topic);
    free(s);
}

int32_t scan_partitions(const struct scan *s)
{
    return s->partitions;
}

int scan_ends(struct scan *s, int64_t *ends, struct err *err)
{
    int64_t low;
    int r = 0;

    for (int32_t p = 0; p < s->partitions && r == 0; p++)
        r = marks(s, p, &low, &ends[p], err);
    return r;
}

int64_t scan_size(const struct scan *s, const int64_t *ends)
{
    int64_t n = 0;

    for (int32_t p = 0; p < s->partitions; p++)
        n += ends[p] > s->from[p] ? ends[p] - s->from[p] : 0;
    return n;
}

/* ---- reading --------------------------------------------------------------- */

/* Assigns what has anything to read; returns how many. */
static int assign(struct scan *s, const int64_t *ends, struct err *err)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(s->partitions);
    rd_kafka_resp_err_t code;
    int n = 0;

    for (int32_t p = 0; p < s->partitions; p++) {
        s->done[p] = s->from[p] >= ends[p];
        if (s->done[p])
            continue;
        rd_kafka_topic_partition_list_add(list, s->topic, p)->offset =
            s->from[p];
        n++;
    }
    code = rd_kafka_assign(s->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ? n
                                              : trouble(s, "read", code, err);
}

/* 1: its partition is read to its end by this; 0: not yet; negative. */
static int take(struct scan *s, const rd_kafka_message_t *m,
                const int64_t *ends, scan_fn *fn, void *arg, struct err *err)
{
    int32_t p = m->partition;
    struct scan_record rec = {.partition = p, .offset = m->offset};
    int r = 0;

    if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR &&
        m->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
        return rd_kafka_fatal_error(s->rk, NULL, 0) != 0 ||
                       rdconf_errno(m->err) == -EACCES ||
                       rdconf_errno(m->err) == -ENOENT
                   ? trouble(s, "reading", m->err, err)
                   : 0; /* a broker away, say: librdkafka tries again */
    if (s->done[p])
        return 0;
    if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR && m->offset < ends[p]) {
        rec.timestamp_ms = rd_kafka_message_timestamp(m, NULL);
        rec.key = (struct span){m->key, m->key_len};
        rec.value = (struct span){m->payload, m->len};
        rec.message = m;
        r = fn(arg, &rec);
        if (r < 0)
            return err_set(err, r, "the reader of topic %s gave up", s->topic);
    }
    s->done[p] = m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF
                     ? m->offset >= ends[p]
                     : m->offset >= ends[p] - 1;
    return s->done[p];
}

static int run(struct scan *s, rd_kafka_queue_t *queue, const int64_t *ends,
               scan_fn *fn, void *arg, struct err *err)
{
    int64_t last_ms = clock_boot_ms();
    rd_kafka_message_t *got[AT_ONCE];
    int left = assign(s, ends, err), r = left < 0 ? left : 0;

    while (left > 0 && r >= 0) {
        ssize_t n = rd_kafka_consume_batch_queue(queue, 100, got, AT_ONCE);

        for (ssize_t i = 0; i < n; i++) {
            if (got[i]->err == RD_KAFKA_RESP_ERR_NO_ERROR)
                last_ms = clock_boot_ms();
            if (r >= 0 && got[i]->partition < s->partitions) {
                r = take(s, got[i], ends, fn, arg, err);
                left -= r > 0;
            }
            rd_kafka_message_destroy(got[i]);
        }
        if (r >= 0 && left > 0 && clock_boot_ms() - last_ms > STALL_MS)
            r = err_again(err, -ETIMEDOUT,
                          "topic %s: nothing has come for %d s, %d partitions "
                          "are not read to their end",
                          s->topic, STALL_MS / 1000, left);
    }
    return r < 0 ? r : 0;
}

int scan_run(struct scan *s, const int64_t *ends, scan_fn *fn, void *arg,
             struct err *err)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(s->rk);
    int r = run(s, queue, ends, fn, arg, err);

    (void)rd_kafka_assign(s->rk, NULL);
    rd_kafka_queue_destroy(queue);
    return r;
}

bool scan_header(const struct scan_record *r, const char *name,
                 struct span *ret)
{
    rd_kafka_headers_t *headers;
    const void *value;
    size_t len;

    if (rd_kafka_message_headers(r->message, &headers) !=
            RD_KAFKA_RESP_ERR_NO_ERROR ||
        rd_kafka_header_get_last(headers, name, &value, &len) !=
            RD_KAFKA_RESP_ERR_NO_ERROR)
        return false;
    *ret = (struct span){value, len};
    return true;
}
