/* SPDX-License-Identifier: Apache-2.0
 *
 * kafka/producer.c - sending with reports; see producer.h.
 *
 * send may come from any thread; reports are made by the thread that polls.
 */
#include "config.h"

#include "kafka/producer.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>

#include "base/clock.h"
#include "base/log.h"
#include "job/headers.h"
#include "kafka/rdconf.h"

struct producer_topic {
    struct producer_topic *next;
    rd_kafka_topic_t *rkt;
    char name[];
};

struct producer {
    /* shared */
    atomic_int_least64_t outstanding;
    atomic_bool connected;
    atomic_bool fatal;
    pthread_mutex_t mtx; /* topics */
    struct producer_topic *topics;
    /* frozen */
    rd_kafka_t *rk;
    producer_report_fn *report;
    void *arg;
    char *name;
    /* the polling thread's */
    int served; /* reports of this poll */
    bool discarding;
};

/* ---- what librdkafka calls, inside rd_kafka_poll ------------------------- */

static void on_report(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    struct producer *p = opaque;
    struct producer_report rep = {
        .opaque = m->_private,
        .result = rdconf_errno(m->err),
        .partition = m->partition,
        .offset = m->offset,
    };

    (void)rk;
    atomic_fetch_sub(&p->outstanding, 1);
    p->served++;
    if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR)
        atomic_store(&p->connected, true);
    else
        rep.text = rd_kafka_err2str(m->err);
    if (!p->discarding && p->report != NULL)
        p->report(p->arg, &rep);
}

static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
    struct producer *p = opaque;
    char text[256] = "";

    rdconf_count_error(p->name);
    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
        atomic_store(&p->connected, false);
    if (code == RD_KAFKA_RESP_ERR__FATAL) {
        atomic_store(&p->fatal, true);
        (void)rd_kafka_fatal_error(rk, text, sizeof(text));
        log_error("kafka", LOG_EVENT("producer_fatal"),
                  LOG_STR("producer", p->name), LOG_STR("error", text));
        return;
    }
    log_debug("kafka", LOG_EVENT("producer_error"),
              LOG_STR("producer", p->name),
              LOG_STR("code", rd_kafka_err2name((rd_kafka_resp_err_t)code)),
              LOG_STR("error", reason));
}

/* The only sign, without traffic, that a broker is back. */
static int on_stats(rd_kafka_t *rk, char *json, size_t len, void *opaque)
{
    struct producer *p = opaque;

    (void)rk;
    (void)len;
    if (strstr(json, "\"state\":\"UP\"") != NULL)
        atomic_store(&p->connected, true);
    return 0; /* librdkafka frees json */
}

/* ---- making --------------------------------------------------------------- */

static int producer_conf(const struct producer_settings *set,
                         rd_kafka_conf_t **ret, struct err *err)
{
    static const struct rdconf_pair defaults[] = {
        {"batch.num.messages", "10000"},
        {"batch.size", "1000000"},
        {"message.max.bytes", "33554432"},
        {"retry.backoff.ms", "50"},
        {NULL, NULL},
    };
    const char *part = set->kafka->partitioner;
    char linger[32], records[24], kb[24], timeout[24], txn_timeout[24];
    bool txn = set->transactional_id != NULL;
    const struct rdconf_pair first[] = {{"linger.ms", linger}, {NULL, NULL}};
    const struct rdconf_pair fixed[] = {
        {"enable.idempotence", "true"},
        {"acks", "all"},
        {"partitioner",
         part != NULL && part[0] != '\0' ? part : "murmur2_random"},
        {"queue.buffering.max.messages", records},
        {"queue.buffering.max.kbytes", kb},
        {"message.timeout.ms", timeout},
        {"statistics.interval.ms", "1000"},
        {txn ? "transactional.id" : NULL, set->transactional_id},
        {"transaction.timeout.ms", txn_timeout},
        {"retry.backoff.ms", "10"}, /* a step of a transaction waits so long */
        {NULL, NULL},
    };
    struct rdconf_pair both[sizeof(defaults) / sizeof(defaults[0]) + 1];
    const struct rdconf_want want = {.set = set->kafka,
                                     .role = RDCONF_PRODUCER,
                                     .name = set->name,
                                     .defaults = both,
                                     .fixed = fixed};

    both[0] = first[0];
    memcpy(&both[1], defaults, sizeof(defaults));
    (void)snprintf(linger, sizeof(linger), "%.3f", set->linger_ms);
    (void)snprintf(records, sizeof(records), "%" PRId64, set->queue_records);
    (void)snprintf(kb, sizeof(kb), "%" PRId64, set->queue_kb);
    (void)snprintf(timeout, sizeof(timeout), "%" PRId64,
                   set->message_timeout_ms);
    (void)snprintf(txn_timeout, sizeof(txn_timeout), "%" PRId64,
                   set->transaction_timeout_ms);
    return rdconf_make(&want, ret, err);
}

int producer_open(const struct producer_settings *set, struct producer **ret,
                  struct err *err)
{
    struct producer *p = calloc(1, sizeof(*p));
    rd_kafka_conf_t *rc = NULL;
    int r;

    if (p == NULL)
        return err_sys(err, ENOMEM, "producer %s", set->name);
    (void)pthread_mutex_init(&p->mtx, NULL);
    atomic_init(&p->connected, true);
    p->report = set->report;
    p->arg = set->arg;
    p->name = strdup(set->name);
    r = p->name == NULL ? err_sys(err, ENOMEM, "producer")
                        : producer_conf(set, &rc, err);
    if (r < 0)
        goto out;
    rd_kafka_conf_set_opaque(rc, p);
    rd_kafka_conf_set_dr_msg_cb(rc, on_report);
    rd_kafka_conf_set_error_cb(rc, on_error);
    rd_kafka_conf_set_stats_cb(rc, on_stats);
    r = rdconf_new(RD_KAFKA_PRODUCER, &rc, &p->rk, err);
out:
    if (r < 0) {
        (void)err_wrap(err, "producer %s", set->name);
        producer_close(&p);
    } else {
        *ret = p;
    }
    return r;
}

void producer_close(struct producer **pp)
{
    struct producer *p = *pp;
    struct producer_topic *t;

    *pp = NULL;
    if (p == NULL)
        return;
    if (p->rk != NULL) {
        p->discarding = true;
        (void)rd_kafka_purge(p->rk, RD_KAFKA_PURGE_F_QUEUE |
                                        RD_KAFKA_PURGE_F_INFLIGHT);
        while (rd_kafka_poll(p->rk, 0) > 0)
            ;
    }
    while ((t = p->topics) != NULL) {
        p->topics = t->next;
        rd_kafka_topic_destroy(t->rkt);
        free(t);
    }
    if (p->rk != NULL)
        rd_kafka_destroy(p->rk);
    (void)pthread_mutex_destroy(&p->mtx);
    free(p->name);
    free(p);
}

static struct producer_topic *topic_make(struct producer *p, const char *name)
{
    size_t len = strlen(name);
    struct producer_topic *t = malloc(sizeof(*t) + len + 1);

    if (t == NULL)
        return NULL;
    memcpy(t->name, name, len + 1);
    t->rkt = rd_kafka_topic_new(p->rk, name, NULL);
    if (t->rkt == NULL) {
        free(t);
        return NULL;
    }
    t->next = p->topics;
    p->topics = t;
    return t;
}

struct producer_topic *producer_topic(struct producer *p, const char *name)
{
    struct producer_topic *t;

    (void)pthread_mutex_lock(&p->mtx);
    for (t = p->topics; t != NULL && strcmp(t->name, name) != 0; t = t->next)
        ;
    if (t == NULL && name[0] != '\0')
        t = topic_make(p, name);
    (void)pthread_mutex_unlock(&p->mtx);
    return t;
}

/* ---- sending --------------------------------------------------------------- */

/* A pointer that librdkafka's older signatures want without const; it does not
 * write through it (no F_FREE, no F_COPY). */
static void *unconst(const void *p)
{
    return (void *)(uintptr_t)p;
}

static int make_headers(struct span encoded, rd_kafka_headers_t **ret,
                        struct err *err)
{
    rd_kafka_headers_t *h = rd_kafka_headers_new(8);
    struct headers_iter it;
    struct span name, value;
    int r;

    headers_begin(&it, encoded);
    while ((r = headers_next(&it, &name, &value)) == 1)
        (void)rd_kafka_header_add(h, name.data, (ssize_t)name.len, value.data,
                                  value.data != NULL ? (ssize_t)value.len : 0);
    if (r < 0) {
        rd_kafka_headers_destroy(h);
        return err_set(err, -EINVAL, "damaged headers");
    }
    *ret = h;
    return 0;
}

static rd_kafka_resp_err_t send_plain(const struct producer_record *r)
{
    int n = rd_kafka_produce(
        r->topic->rkt, r->partition < 0 ? RD_KAFKA_PARTITION_UA : r->partition,
        0, unconst(r->value.data), r->value.len, r->key.data, r->key.len,
        r->opaque);

    return n == 0 ? RD_KAFKA_RESP_ERR_NO_ERROR : rd_kafka_last_error();
}

static rd_kafka_resp_err_t send_full(struct producer *p,
                                     const struct producer_record *r,
                                     rd_kafka_headers_t *headers)
{
    rd_kafka_vu_t v[7];
    size_t n = 0;
    rd_kafka_error_t *e;
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;

    v[n].vtype = RD_KAFKA_VTYPE_RKT;
    v[n++].u.rkt = r->topic->rkt;
    v[n].vtype = RD_KAFKA_VTYPE_PARTITION;
    v[n++].u.i32 = r->partition < 0 ? RD_KAFKA_PARTITION_UA : r->partition;
    v[n].vtype = RD_KAFKA_VTYPE_VALUE;
    v[n].u.mem.ptr = unconst(r->value.data);
    v[n++].u.mem.size = r->value.len;
    v[n].vtype = RD_KAFKA_VTYPE_KEY;
    v[n].u.mem.ptr = unconst(r->key.data);
    v[n++].u.mem.size = r->key.len;
    v[n].vtype = RD_KAFKA_VTYPE_OPAQUE;
    v[n++].u.ptr = r->opaque;
    if (r->timestamp_ms > 0) {
        v[n].vtype = RD_KAFKA_VTYPE_TIMESTAMP;
        v[n++].u.i64 = r->timestamp_ms;
    }
    if (headers != NULL) {
        v[n].vtype = RD_KAFKA_VTYPE_HEADERS;
        v[n++].u.headers = headers; /* librdkafka's on success */
    }
    e = rd_kafka_produceva(p->rk, v, n);
    if (e != NULL) {
        code = rd_kafka_error_code(e);
        rd_kafka_error_destroy(e);
        if (headers != NULL)
            rd_kafka_headers_destroy(headers);
    }
    return code;
}

static int refused(struct producer *p, const struct producer_record *r,
                   rd_kafka_resp_err_t code, struct err *err)
{
    int e = rdconf_errno(code);

    if (e == -EAGAIN)
        return err_again(err, -EAGAIN, "the producer's queue is full");
    if (code == RD_KAFKA_RESP_ERR__FATAL || atomic_load(&p->fatal))
        return err_set(err, -EIO, "the producer %s has failed for good",
                       p->name);
    if (e != -EMSGSIZE && e != -ENOENT && e != -EACCES)
        e = -EINVAL;
    return err_set(err, e, "topic %s: %s", r->topic->name,
                   rd_kafka_err2str(code));
}

int producer_send(struct producer *p, const struct producer_record *r,
                  struct err *err)
{
    rd_kafka_headers_t *headers = NULL;
    rd_kafka_resp_err_t code;

    assert(r->topic != NULL);
    if (r->headers.len > 0 && make_headers(r->headers, &headers, err) < 0)
        return -EINVAL;
    /* Before the send: the report may be there before it returns. */
    atomic_fetch_add(&p->outstanding, 1);
    code = headers == NULL && r->timestamp_ms <= 0 ? send_plain(r)
                                                   : send_full(p, r, headers);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return 0;
    atomic_fetch_sub(&p->outstanding, 1);
    return refused(p, r, code, err);
}

int producer_poll(struct producer *p, int timeout_ms)
{
    p->served = 0;
    (void)rd_kafka_poll(p->rk, timeout_ms);
    return p->served;
}

int64_t producer_outstanding(const struct producer *p)
{
    return atomic_load(&p->outstanding);
}

int producer_flush(struct producer *p, int timeout_ms)
{
    int64_t until = clock_boot_ms() + timeout_ms;

    while (atomic_load(&p->outstanding) > 0) {
        int64_t left = until - clock_boot_ms();

        if (left <= 0)
            return -ETIMEDOUT;
        (void)rd_kafka_poll(p->rk, left > 100 ? 100 : (int)left);
    }
    return 0;
}

bool producer_connected(const struct producer *p)
{
    return atomic_load(&p->connected) && !atomic_load(&p->fatal);
}

struct rd_kafka_s *producer_client(const struct producer *p)
{
    return p->rk;
}

struct rd_kafka_topic_s *producer_topic_handle(const struct producer_topic *t)
{
    return t->rkt;
}
