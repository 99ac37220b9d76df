/* SPDX-License-Identifier: Apache-2.0
 *
 * kafka/consumer.c - reading a topic from positions of the caller's; see
 * consumer.h.
 *
 * One thread.  librdkafka's callbacks run inside consumer_poll and
 * consumer_close; the partitions we hold are kept in kafka/assignment.c.
 */
#include "config.h"

#include "kafka/consumer.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>

#include "base/clock.h"
#include "base/log.h"
#include "job/headers.h"
#include "kafka/assignment.h"
#include "kafka/rdconf.h"

#define BATCH_MAX 2048 /* messages of one poll */

struct consumer {
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue; /* what rk delivers: messages and events */
    struct assignment as;
    char *name;
    bool connected, fatal;
    struct err trouble; /* to be told by the next poll; code 0: none */
    rd_kafka_message_t *batch[BATCH_MAX]; /* of the poll under way */
    bool drop[BATCH_MAX];                 /* ... and which of it is not ours */
    size_t batch_cap;
};

/* ---- what librdkafka calls ------------------------------------------------ */

static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
    struct consumer *c = opaque;
    char text[256] = "";

    rdconf_count_error(c->name);
    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
        c->connected = false;
    if (code == RD_KAFKA_RESP_ERR__FATAL) {
        c->fatal = true;
        (void)rd_kafka_fatal_error(rk, text, sizeof(text));
        (void)err_set(&c->trouble, -EIO, "%s", text);
        return;
    }
    log_debug("kafka", LOG_EVENT("consumer_error"),
              LOG_STR("consumer", c->name),
              LOG_STR("code", rd_kafka_err2name((rd_kafka_resp_err_t)code)),
              LOG_STR("error", reason));
}

static int on_stats(rd_kafka_t *rk, char *json, size_t len, void *opaque)
{
    struct consumer *c = opaque;

    (void)rk;
    (void)len;
    if (strstr(json, "\"state\":\"UP\"") != NULL)
        c->connected = true;
    return 0;
}

/* Messages that the poll under way has gathered already belong to the
 * assignment that ends here: librdkafka does not take them back. */
static void drop_gathered(struct consumer *c,
                          const rd_kafka_topic_partition_list_t *list)
{
    for (size_t i = 0; i < c->batch_cap; i++) {
        rd_kafka_message_t *m = c->batch[i];

        if (m == NULL)
            break;
        for (int k = 0; k < list->cnt; k++)
            if (list->elems[k].partition == m->partition)
                c->drop[i] = true;
    }
}

static void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                         rd_kafka_topic_partition_list_t *list, void *opaque)
{
    struct consumer *c = opaque;
    struct err err = {0};
    int r = 0;

    (void)rk;
    drop_gathered(c, list);
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS)
        c->connected = true;
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS)
        r = assignment_add(&c->as, list, &err);
    else
        r = assignment_remove(&c->as, list, &err);
    if (r < 0)
        c->trouble = err;
    log_info("kafka", LOG_EVENT("rebalance"), LOG_STR("source", c->name),
             LOG_STR("change", code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS
                                   ? "assigned"
                                   : "revoked"),
             LOG_INT("partitions", list->cnt), LOG_INT("held", c->as.count));
}

/* ---- making ---------------------------------------------------------------- */

static int consumer_conf(const struct consumer_settings *set,
                         rd_kafka_conf_t **ret, struct err *err)
{
    char kb[24];
    const struct rdconf_pair defaults[] = {
        {"fetch.wait.max.ms", "50"},        {"fetch.error.backoff.ms", "100"},
        {"fetch.max.bytes", "8388608"},     {"session.timeout.ms", "10000"},
        {"queued.max.messages.kbytes", kb}, {NULL, NULL},
    };
    const struct rdconf_pair fixed[] = {
        {"group.id", set->group_id},
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"auto.offset.reset", "error"}, /* out_of_range() decides */
        {"isolation.level", "read_committed"},
        {"allow.auto.create.topics", "false"},
        {"statistics.interval.ms", "1000"},
        {set->instance_id != NULL && set->instance_id[0] != '\0'
             ? "group.instance.id"
             : NULL,
         set->instance_id},
        {NULL, NULL},
    };
    const struct rdconf_want want = {
        .set = set->kafka,
        .role = RDCONF_CONSUMER,
        .name = set->name,
        .defaults = defaults,
        .fixed = fixed,
        .passthrough = set->passthrough,
    };

    (void)snprintf(kb, sizeof(kb), "%" PRId64,
                   set->queue_kb > 0 ? set->queue_kb : 8192);
    return rdconf_make(&want, ret, err);
}

static int consumer_subscribe(struct consumer *c, const char *topic,
                              struct err *err)
{
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(1);
    rd_kafka_resp_err_t code;

    rd_kafka_topic_partition_list_add(l, topic, RD_KAFKA_PARTITION_UA);
    code = rd_kafka_subscribe(c->rk, l);
    rd_kafka_topic_partition_list_destroy(l);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return 0;
    return err_set(err, rdconf_errno(code), "topic %s: %s", topic,
                   rd_kafka_err2str(code));
}

int consumer_open(const struct consumer_settings *set, struct consumer **ret,
                  struct err *err)
{
    struct consumer *c = calloc(1, sizeof(*c));
    rd_kafka_conf_t *rc = NULL;
    int r;

    if (c == NULL)
        return err_sys(err, ENOMEM, "source %s", set->name);
    c->connected = true;
    c->name = strdup(set->name);
    r = c->name == NULL
            ? err_sys(err, ENOMEM, "consumer")
            : assignment_init(&c->as, set->topic, &set->events, set->arg, err);
    if (r == 0)
        r = consumer_conf(set, &rc, err);
    if (r < 0)
        goto out;
    rd_kafka_conf_set_opaque(rc, c);
    rd_kafka_conf_set_error_cb(rc, on_error);
    rd_kafka_conf_set_stats_cb(rc, on_stats);
    rd_kafka_conf_set_rebalance_cb(rc, on_rebalance);
    r = rdconf_new(RD_KAFKA_CONSUMER, &rc, &c->rk, err);
    if (r < 0)
        goto out;
    c->as.rk = c->rk;
    (void)rd_kafka_poll_set_consumer(c->rk);
    c->queue = rd_kafka_queue_get_consumer(c->rk);
    r = consumer_subscribe(c, set->topic, err);
out:
    if (r < 0)
        consumer_close(&c);
    else
        *ret = c;
    return r;
}

void consumer_close(struct consumer **pc)
{
    struct consumer *c = *pc;

    *pc = NULL;
    if (c == NULL)
        return;
    if (c->queue != NULL)
        rd_kafka_queue_destroy(c->queue);
    if (c->rk != NULL) {
        (void)rd_kafka_consumer_close(c->rk);
        rd_kafka_destroy(c->rk);
    }
    assignment_done(&c->as);
    free(c->name);
    free(c);
}

/* ---- polling ----------------------------------------------------------------- */

/* Errors that come as messages. */
static void take_error(struct consumer *c, const rd_kafka_message_t *m)
{
    switch ((int)m->err) {
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
        assignment_lost_place(&c->as, m->partition);
        break;
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
        break;
    case RD_KAFKA_RESP_ERR__FATAL:
        c->fatal = true;
        (void)err_set(&c->trouble, -EIO, "%s", rd_kafka_message_errstr(m));
        break;
    default:
        (void)err_again(&c->trouble, rdconf_errno(m->err), "%s",
                        rd_kafka_message_errstr(m));
    }
}

static void take_message(struct message *out, rd_kafka_message_t *m)
{
    *out = (struct message){
        .partition = m->partition,
        .offset = m->offset,
        .timestamp_ms = rd_kafka_message_timestamp(m, NULL),
        .key = {m->key, m->key_len},
        .value = {m->payload, m->len},
        .owner = (struct consumer_message *)m,
    };
}

/* consume_batch would wait until it is full, so consumer_poll waits for the
 * first message. */
static size_t gather(struct consumer *c, size_t cap, int timeout_ms)
{
    ssize_t n;

    memset(c->batch, 0, cap * sizeof(c->batch[0]));
    memset(c->drop, 0, cap * sizeof(c->drop[0]));
    c->batch_cap = cap;
    c->batch[0] = rd_kafka_consumer_poll(c->rk, timeout_ms);
    if (c->batch[0] == NULL || cap == 1)
        return c->batch[0] != NULL;
    n = rd_kafka_consume_batch_queue(c->queue, 0, c->batch + 1, cap - 1);
    return n > 0 ? (size_t)n + 1 : 1;
}

static size_t take_batch(struct consumer *c, struct message *out, size_t cap,
                         int timeout_ms)
{
    size_t n = gather(c, cap, timeout_ms), kept = 0;

    c->batch_cap = 0;
    for (size_t i = 0; i < n; i++) {
        rd_kafka_message_t *m = c->batch[i];

        if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR)
            take_error(c, m);
        else if (!c->drop[i] &&
                 assignment_take(&c->as, m->partition, m->offset)) {
            take_message(&out[kept++], m);
            continue;
        }
        rd_kafka_message_destroy(m);
    }
    if (n > 0)
        c->connected = true;
    return kept;
}

static int tell_trouble(struct consumer *c, struct err *err)
{
    int code = c->trouble.code;

    if (code != 0) {
        if (err != NULL)
            *err = c->trouble;
        if (!c->fatal)
            c->trouble.code = 0;
        return code;
    }
    if (!c->connected)
        return err_again(err, -ENOTCONN, "no Kafka broker can be reached");
    return 0;
}

int consumer_poll(struct consumer *c, struct message *out, size_t cap,
                  int timeout_ms, struct err *err)
{
    size_t n;

    assert(cap > 0);
    if (cap > BATCH_MAX)
        cap = BATCH_MAX;
    if (assignment_repair(&c->as, &c->trouble) < 0 && timeout_ms > 50)
        timeout_ms = 50;
    n = take_batch(c, out, cap, timeout_ms);
    assignment_hurry(&c->as, rd_kafka_queue_length(c->queue));
    return n > 0 ? (int)n : tell_trouble(c, err);
}

void message_free(struct message *m)
{
    if (m->owner != NULL)
        rd_kafka_message_destroy((rd_kafka_message_t *)m->owner);
    free(m->headers_mem);
    *m = (struct message){0};
}

struct span message_headers(struct message *m)
{
    rd_kafka_headers_t *h = NULL;
    struct buf b = BUF_INIT(16 << 20);
    const char *name;
    const void *value;
    size_t len;

    if (m->headers_mem != NULL)
        return m->headers;
    if (rd_kafka_message_headers((rd_kafka_message_t *)m->owner, &h) !=
        RD_KAFKA_RESP_ERR_NO_ERROR)
        return m->headers;
    for (size_t i = 0; rd_kafka_header_get_all(h, i, &name, &value, &len) ==
                       RD_KAFKA_RESP_ERR_NO_ERROR;
         i++)
        (void)headers_add(&b, (struct span){name, strlen(name)},
                          (struct span){value, value != NULL ? len : 0});
    m->headers_mem = buf_take(&b, &len);
    if (m->headers_mem != NULL)
        m->headers = (struct span){m->headers_mem, len};
    buf_done(&b);
    return m->headers;
}

/* ---- steering ------------------------------------------------------------------ */

void consumer_pause(struct consumer *c, bool pause)
{
    assignment_pause(&c->as, pause);
}

int consumer_seek(struct consumer *c, int32_t partition, int64_t next,
                  struct err *err)
{
    return assignment_seek(&c->as, partition, next, err);
}

void consumer_commit(struct consumer *c, int32_t partition, int64_t next)
{
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(1);

    rd_kafka_topic_partition_list_add(l, c->as.topic, partition)->offset = next;
    (void)rd_kafka_commit(c->rk, l, 1);
    rd_kafka_topic_partition_list_destroy(l);
}

int64_t consumer_lag(const struct consumer *c)
{
    return assignment_lag(&c->as);
}
