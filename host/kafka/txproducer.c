/* SPDX-License-Identifier: Apache-2.0
 *
 * kafka/txproducer.c - transactions; see txproducer.h.  One thread.
 */
#include "config.h"

#include "kafka/txproducer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>

#include "base/clock.h"
#include "kafka/rdconf.h"

/*
 * Below the transaction's, so that a record that cannot be delivered ends in an
 * abort (which names it) and not in the coordinator's time-out (which fences).
 */
#define TRANSACTION_TIMEOUT_MS 15000
#define MESSAGE_TIMEOUT_MS 10000
#define ASK_MS 1000 /* for an offset */

/*
 * A former producer's open transaction makes the coordinator answer "not yet",
 * and librdkafka asks again after half a second; a new client asks at once.
 */
#define FIRST_INIT_MS 60

struct txproducer {
    struct txproducer_settings set;
    struct producer *p;
    bool tried; /* the first, short try is over */
};

static int open_inner(struct txproducer *t, struct err *err)
{
    const struct producer_settings set = {
        .kafka = t->set.kafka,
        .name = t->set.name,
        .queue_records = t->set.queue_records,
        .queue_kb = t->set.queue_kb,
        .message_timeout_ms = MESSAGE_TIMEOUT_MS,
        .linger_ms = 0,
        .transactional_id = t->set.transactional_id,
        .transaction_timeout_ms = TRANSACTION_TIMEOUT_MS,
        .report = t->set.report,
        .arg = t->set.arg,
    };

    return producer_open(&set, &t->p, err);
}

int txproducer_open(const struct txproducer_settings *set,
                    struct txproducer **ret, struct err *err)
{
    struct txproducer *t = calloc(1, sizeof(*t));
    int r;

    if (t == NULL)
        return err_sys(err, ENOMEM, "producer %s", set->name);
    t->set = *set;
    r = open_inner(t, err);
    if (r < 0)
        txproducer_close(&t);
    else
        *ret = t;
    return r;
}

void txproducer_close(struct txproducer **pt)
{
    struct txproducer *t = *pt;

    *pt = NULL;
    if (t == NULL)
        return;
    producer_close(&t->p);
    free(t);
}

/* ---- what librdkafka answers ------------------------------------------------ */

/* Takes e.  What it calls neither fatal nor abortable nor retriable (_STATE and
 * its like) is a state that we do not understand: begin with a new producer,
 * where the ledger tells what has happened. */
static enum tx_result classify(rd_kafka_error_t *e, const char *step,
                               struct err *err)
{
    enum tx_result r = TX_FATAL;
    int code;

    if (e == NULL)
        return TX_OK;
    code = rdconf_errno(rd_kafka_error_code(e));
    if (rd_kafka_error_is_fatal(e))
        r = TX_FATAL;
    else if (rd_kafka_error_txn_requires_abort(e))
        r = TX_ABORT;
    else if (rd_kafka_error_is_retriable(e))
        r = TX_UNKNOWN;
    if (r == TX_UNKNOWN)
        (void)err_again(err, code, "%s: %s", step, rd_kafka_error_string(e));
    else
        (void)err_set(err, code, "%s: %s (%s)", step, rd_kafka_error_string(e),
                      rd_kafka_error_name(e));
    rd_kafka_error_destroy(e);
    return r;
}

/* ---- init -------------------------------------------------------------------- */

static enum tx_result init_once(struct txproducer *t, int timeout_ms,
                                struct err *err)
{
    return classify(
        rd_kafka_init_transactions(producer_client(t->p), timeout_ms),
        "init_transactions", err);
}

int txproducer_init(struct txproducer *t, int timeout_ms, struct err *err)
{
    int64_t end = clock_boot_ms() + timeout_ms;
    enum tx_result r = TX_UNKNOWN;
    struct err own = {0};
    int result;

    if (!t->tried) {
        t->tried = true;
        r = init_once(t, FIRST_INIT_MS, &own);
        if (r != TX_OK) {
            producer_close(&t->p);
            result = open_inner(t, err);
            if (result < 0)
                return result;
        }
    }
    while (r == TX_UNKNOWN && clock_boot_ms() < end)
        r = init_once(t, (int)(end - clock_boot_ms()), &own);
    if (r == TX_OK)
        return 0;
    if (err != NULL)
        *err = own;
    return own.code < 0 ? own.code : -ETIMEDOUT;
}

/* ---- topics ------------------------------------------------------------------- */

static int topic_result(const struct rd_kafka_metadata *md,
                        int32_t *ret_partitions, const char *name,
                        struct err *err)
{
    const struct rd_kafka_metadata_topic *topic = &md->topics[0];
    int r = md->topic_cnt == 1 ? rdconf_errno(topic->err) : -ENOENT;

    *ret_partitions = md->topic_cnt == 1 ? topic->partition_cnt : 0;
    if (r == 0 && *ret_partitions > 0)
        return 0;
    if (r == -ENOENT || r == -EACCES || r == -EINVAL)
        return err_set(err, r, "topic %s: %s", name,
                       md->topic_cnt == 1 ? rd_kafka_err2str(topic->err)
                                          : "unknown");
    return err_again(err, -ETIMEDOUT, "topic %s has no leader yet", name);
}

int txproducer_topic(struct txproducer *t, const char *name, int timeout_ms,
                     struct producer_topic **ret, int32_t *ret_partitions,
                     struct err *err)
{
    const struct rd_kafka_metadata *md;
    rd_kafka_resp_err_t code;
    int r;

    *ret = producer_topic(t->p, name);
    if (*ret == NULL)
        return err_set(err, -EINVAL, "topic %s: not a name", name);
    code = rd_kafka_metadata(producer_client(t->p), 0,
                             producer_topic_handle(*ret), &md, timeout_ms);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        r = rdconf_errno(code);
        if (r == -ENOENT || r == -EACCES)
            return err_set(err, r, "topic %s: %s", name,
                           rd_kafka_err2str(code));
        return err_again(err, -ETIMEDOUT, "topic %s: %s", name,
                         rd_kafka_err2str(code));
    }
    r = topic_result(md, ret_partitions, name, err);
    rd_kafka_metadata_destroy(md);
    return r;
}

/* ---- transactions ------------------------------------------------------------- */

enum tx_result txproducer_begin(struct txproducer *t, struct err *err)
{
    rd_kafka_t *rk = producer_client(t->p);
    enum tx_result r;
    char text[256];

    /* begin can hang on a producer that has failed (librdkafka 4420). */
    if (rd_kafka_fatal_error(rk, text, sizeof(text)) !=
        RD_KAFKA_RESP_ERR_NO_ERROR) {
        (void)err_set(err, -EIO, "begin_transaction: %s", text);
        return TX_FATAL;
    }
    r = classify(rd_kafka_begin_transaction(rk), "begin_transaction", err);
    return r == TX_OK ? TX_OK : TX_FATAL;
}

int txproducer_send(struct txproducer *t, const struct producer_record *r,
                    struct err *err)
{
    return producer_send(t->p, r, err);
}

int txproducer_poll(struct txproducer *t, int timeout_ms)
{
    return producer_poll(t->p, timeout_ms);
}

enum tx_result txproducer_commit(struct txproducer *t, int timeout_ms,
                                 struct err *err)
{
    return classify(
        rd_kafka_commit_transaction(producer_client(t->p), timeout_ms),
        "commit_transaction", err);
}

enum tx_result txproducer_abort(struct txproducer *t, int timeout_ms,
                                struct err *err)
{
    enum tx_result r =
        classify(rd_kafka_abort_transaction(producer_client(t->p), timeout_ms),
                 "abort_transaction", err);

    while (r == TX_OK && producer_poll(t->p, 0) > 0)
        ; /* reports of what was purged */
    return r == TX_ABORT ? TX_FATAL : r;
}

bool txproducer_connected(const struct txproducer *t)
{
    return producer_connected(t->p);
}

/* ---- housekeeping of a partition ------------------------------------------------ */

static int trimmed(rd_kafka_event_t *ev, struct err *err)
{
    const rd_kafka_topic_partition_list_t *list;
    rd_kafka_resp_err_t code;

    if (ev == NULL)
        return err_again(err, -ETIMEDOUT, "delete_records: no answer");
    code = rd_kafka_event_error(ev);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        list = rd_kafka_DeleteRecords_result_offsets(
            rd_kafka_event_DeleteRecords_result(ev));
        if (list->cnt > 0)
            code = list->elems[0].err;
    }
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return 0;
    return err_again(err, rdconf_errno(code), "delete_records: %s",
                     rd_kafka_err2str(code));
}

int txproducer_trim(struct txproducer *t, const char *topic, int32_t partition,
                    int64_t before, int timeout_ms, struct err *err)
{
    rd_kafka_t *rk = producer_client(t->p);
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(1);
    rd_kafka_DeleteRecords_t *what;
    rd_kafka_queue_t *q = rd_kafka_queue_new(rk);
    rd_kafka_event_t *ev;
    int r;

    rd_kafka_topic_partition_list_add(list, topic, partition)->offset = before;
    what = rd_kafka_DeleteRecords_new(list);
    rd_kafka_DeleteRecords(rk, &what, 1, NULL, q);
    ev = rd_kafka_queue_poll(q, timeout_ms);
    r = trimmed(ev, err);
    if (ev != NULL)
        rd_kafka_event_destroy(ev);
    rd_kafka_DeleteRecords_destroy(what);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_queue_destroy(q);
    return r;
}

int txproducer_offset_at(struct txproducer *t, const char *topic,
                         int32_t partition, int64_t ms, int64_t *ret,
                         struct err *err)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(1);
    rd_kafka_resp_err_t code;
    int r = 0;

    rd_kafka_topic_partition_list_add(list, topic, partition)->offset = ms;
    code = rd_kafka_offsets_for_times(producer_client(t->p), list, ASK_MS);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        code = list->elems[0].err;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        r = err_again(err, rdconf_errno(code), "offsets of %s: %s", topic,
                      rd_kafka_err2str(code));
    else
        *ret = list->elems[0].offset >= 0 ? list->elems[0].offset : -1;
    rd_kafka_topic_partition_list_destroy(list);
    return r;
}
