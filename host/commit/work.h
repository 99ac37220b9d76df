/* SPDX-License-Identifier: Apache-2.0
 *
 * commit/work.h - one ended attempt on its way through the commit stage: its
 * records, what became of each, the outcome for the store.  Commit's thread,
 * then the writer's.
 */
#ifndef ONTIME_COMMIT_WORK_H
#define ONTIME_COMMIT_WORK_H

#include "plug/attempt.h"
#include "store/store.h"

enum sent_state { SENT_NOT, SENT_WAITING, SENT_OK };

struct sent { /* one record; its address is the producer's opaque */
    struct work *work;
    const struct attempt_record *record;
    uint8_t state; /* enum sent_state */
};

struct grief {                    /* what only a job that fares badly needs */
    struct attempt_record letter; /* DEAD: its dead letter */
    struct buf headers;           /* of it */
    char fault[160];              /* why a record was refused */
};

struct work {
    struct list link;
    struct attempt *attempt;
    struct outcome outcome; /* outcome.job is the attempt's */
    struct put_item *follow_ups;
    struct grief *grief;  /* NULL: none yet */
    uint32_t records;     /* all */
    uint32_t next;        /* to send */
    uint32_t waiting;     /* sent and not reported */
    bool again;           /* a record has to be sent again */
    bool refused;         /* for good */
    bool refused_for_now; /* -ENOENT: the topic is not there (yet) */
    bool timed_out;       /* a record was not taken in time */
    bool dropped;         /* its tenure is over: only to be freed */
    bool exact;           /* was in a transaction that is committed */
    int64_t ledger_pos;   /* of the last of a transaction, else -1: where */
    int64_t ledger_seq;   /* a replay goes on once all of them are stored */
    struct sent sent[];
};

/* Takes the attempt over; NULL without memory (then it does not). */
struct work *work_new(struct attempt *a);
void work_free(struct work **pw);

/* Why a record was refused or has to be sent again; "" when none was. */
const char *work_fault(const struct work *w);

/* A report: 0 delivered, or a negative errno as producer_report has it. */
void work_report(struct sent *s, int result, const char *text);
/* Back to the first record that is not delivered. */
void work_rewind(struct work *w);
/* Back to the first record, whatever was delivered: the transaction that it
 * was in has been aborted. */
void work_restart(struct work *w);
/* A record to that topic would be refused; result as in a report. */
void work_refuse(struct work *w, const char *topic, int result,
                 const char *text);
/*
 * After a refusal: the job dies (or is tried again, for a missing topic) with
 * the reason, unless it was its dead letter; true when that makes a dead letter,
 * which has to be sent first.
 */
bool work_condemn(struct work *w);

#endif
