/* SPDX-License-Identifier: Apache-2.0
 *
 * commit/batch.h - one transaction: its works, their records, the ledger's.
 * The exactly_once lane's thread.
 */
#ifndef ONTIME_COMMIT_BATCH_H
#define ONTIME_COMMIT_BATCH_H

#include "commit/ledger.h"
#include "commit/work.h"
#include "kafka/txproducer.h"

#include <stdatomic.h>

#define BATCH_LEDGER_MOST 64 /* ledger records in one transaction */
#define BATCH_BYTES (16u << 20)

struct batch_topic {               /* by topic_name.index */
    struct producer_topic *handle; /* NULL: not asked for yet */
    int32_t partitions;
    int64_t ask_ms; /* not before this time again */
    int code;       /* what the last question was answered with */
    char why[100];
};

struct batch_ledger { /* one record of the ledger */
    struct buf b;
    struct sent sent; /* sent.work is NULL: that is how a report knows it */
    int64_t offset;   /* -1: not known */
    int result;
};

struct batch {
    struct txproducer *producer; /* the lane's; NULL: none */
    const char *ledger_topic;
    struct ledger_head head; /* of the next ledger record */
    struct batch_topic *topics;
    size_t topic_count;
    struct producer_topic *ledger_handle; /* NULL: not asked for yet */

    struct list works; /* struct work.link, in order */
    size_t count, bytes;
    struct batch_ledger ledger[BATCH_LEDGER_MOST];
    size_t ledger_count;
    struct ledger_writer writer; /* of the last of them */
};

void batch_init(struct batch *b, const char *ledger_topic);
void batch_done(struct batch *b); /* frees the works */
/* For another producer, which may be NULL: forgets the topics. */
void batch_use(struct batch *b, struct txproducer *p);

/* Empty, ledger records from head->seq on; the works must have been taken. */
void batch_begin(struct batch *b);
/* Nothing came into it: its sequence numbers go to the next. */
void batch_cancel(struct batch *b);
enum batch_answer { BATCH_TAKEN, BATCH_FULL, BATCH_LATER, BATCH_REFUSED };
/*
 * Takes a work in.  FULL: not into this one.  LATER: nobody can say anything
 * about one of its topics now.  REFUSED: it can be in none, as its work_fault()
 * says (no such topic, follow-ups too large): to be condemned.
 * Blocks for a topic's metadata at its first use.
 */
enum batch_answer batch_add(struct batch *b, struct work *w);

/* begin, all records, the ledger's, and commit until it is decided or *stop.
 * TX_UNKNOWN only after *stop.  *ret_doubt: a commit was tried, so FATAL and
 * ABORT leave open whether it has happened. */
enum tx_result batch_commit(struct batch *b, const atomic_bool *stop,
                            bool *ret_doubt, struct err *err);
/* TX_UNKNOWN only after *stop. */
enum tx_result batch_abort(struct batch *b, const atomic_bool *stop,
                           struct err *err);
/* After OK: where the ledger goes on; -1: the broker did not say. */
int64_t batch_next(const struct batch *b);

/* The producer's report function; arg is the batch. */
void batch_report(void *arg, const struct producer_report *r);

#endif
