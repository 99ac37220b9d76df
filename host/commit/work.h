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

struct work {
    struct list link;
    struct attempt *attempt;
    struct outcome outcome; /* outcome.job is the attempt's */
    struct put_item *follow_ups;
    struct attempt_record
        letter; /* DEAD: the dead letter, when there is a topic */
    struct buf letter_headers;
    char fault[160]; /* why a record was refused; outcome.error points here */
    uint32_t records, next,
        waiting;          /* all; next to send; sent and not reported */
    bool again;           /* a record has to be sent again */
    bool refused;         /* for good */
    bool refused_for_now; /* -ENOENT: the topic is not there (yet) */
    struct sent sent[];
};

/* Takes the attempt over; NULL without memory (then it does not). */
struct work *work_new(struct attempt *a);
void work_free(struct work **pw);

/* A report: 0 delivered, or a negative errno as producer_report has it. */
void work_report(struct sent *s, int result, const char *text);
/* Back to the first record that is not delivered. */
void work_rewind(struct work *w);
/*
 * After a refusal: the job dies (or is tried again, for a missing topic) with
 * the reason, unless it was its dead letter; true when that makes a dead letter,
 * which has to be sent first.
 */
bool work_condemn(struct work *w);

#endif
