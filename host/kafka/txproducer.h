/* SPDX-License-Identifier: Apache-2.0
 *
 * kafka/txproducer.h - transactions (KIP-98): records that become visible to
 * read_committed readers together or not at all.
 *
 * A producer is known by its transactional id.  Init fences every other one of
 * that id and ends what it has left open.  Then, over and over: begin, send,
 * commit or abort.  One thread, which also gets the delivery reports, inside
 * commit, abort and poll.
 */
#ifndef ONTIME_KAFKA_TXPRODUCER_H
#define ONTIME_KAFKA_TXPRODUCER_H

#include "kafka/producer.h"

struct txproducer;

/* What became of a step. */
enum tx_result {
    TX_OK,
    TX_UNKNOWN, /* neither done nor failed: call again, nothing else is allowed */
    TX_ABORT,   /* it has failed: abort, then another transaction may begin */
    TX_FATAL    /* this producer is done: fenced by another one of its id or by
                   the coordinator's time-out.  Whether a commit has happened is
                   not known.  Close it, open another */
};

struct txproducer_settings {
    const struct kafka_settings *kafka;
    const char *name; /* for logs, metrics, client.id */
    const char *transactional_id;
    int64_t queue_records, queue_kb; /* more than one transaction holds */
    producer_report_fn *report;
    void *arg;
};

/* Settings and strings must outlive it. */
int txproducer_open(const struct txproducer_settings *set,
                    struct txproducer **ret, struct err *err);
/* What is open stays open until another one's init or the time-out. */
void txproducer_close(struct txproducer **pt);

/* 0.  err.retry: no answer yet, call again (it goes on in the background).
 * Otherwise it will never work (not allowed, a broker without transactions). */
int txproducer_init(struct txproducer *t, int timeout_ms, struct err *err);

/*
 * A topic's handle, with its number of partitions, once its metadata is here:
 * a transaction must not wait for that.  -ENOENT: there is none, -EACCES,
 * -EINVAL: not a name; -ETIMEDOUT with err.retry.  Known ones are found without
 * asking.  Handles live until the producer is closed.
 */
int txproducer_topic(struct txproducer *t, const char *name, int timeout_ms,
                     struct producer_topic **ret, int32_t *ret_partitions,
                     struct err *err);

/* OK or FATAL. */
enum tx_result txproducer_begin(struct txproducer *t, struct err *err);
/* As producer_send; -EIO: abort or commit will tell. */
int txproducer_send(struct txproducer *t, const struct producer_record *r,
                    struct err *err);
int txproducer_poll(struct txproducer *t, int timeout_ms);
/* Any of the four. */
enum tx_result txproducer_commit(struct txproducer *t, int timeout_ms,
                                 struct err *err);
/* OK, UNKNOWN or FATAL.  The reports of all records have been given after OK. */
enum tx_result txproducer_abort(struct txproducer *t, int timeout_ms,
                                struct err *err);
bool txproducer_connected(const struct txproducer *t); /* any thread */

/* Drops the records of a partition before `before`, for good. */
int txproducer_trim(struct txproducer *t, const char *topic, int32_t partition,
                    int64_t before, int timeout_ms, struct err *err);
/* The first offset whose record is not older than ms; -1: there is none. */
int txproducer_offset_at(struct txproducer *t, const char *topic,
                         int32_t partition, int64_t ms, int64_t *ret,
                         struct err *err);

#endif
