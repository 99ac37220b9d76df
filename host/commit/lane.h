/* SPDX-License-Identifier: Apache-2.0
 *
 * commit/lane.h - inside the exactly_once lane: what exactly.c (the thread,
 * gathering), lane_seat.c (producer and slot) and lane_carry.c (a transaction
 * to its end) share.
 */
#ifndef ONTIME_COMMIT_LANE_H
#define ONTIME_COMMIT_LANE_H

#include "base/log.h"
#include "commit/batch.h"
#include "commit/exactly.h"
#include "store/slots.h"

#include <pthread.h>
#include <stdatomic.h>

#define LANE_NO_SLOT (-1)
#define GAP_LEAST_NS 3000000
#define GAP_MOST_NS 20000000

struct exactly {
    /* shared, under mtx */
    pthread_mutex_t mtx;
    pthread_cond_t wake;     /* the lane; CLOCK_MONOTONIC */
    pthread_cond_t changed;  /* the state did; CLOCK_MONOTONIC */
    struct list incoming[2]; /* on time, overdue */
    size_t incoming_count;
    int64_t oldest_ns; /* when the first of them came */
    size_t unstored;   /* committed and not yet in the store */
    int32_t want;      /* the slot to work for, or LANE_NO_SLOT */
    unsigned turn;     /* +1 with each change of it */
    enum exactly_state state;
    char why[200];

    atomic_bool stopping, fenced;

    struct exactly_settings set; /* frozen */
    uint64_t writer;             /* this run, in ledger records */
    pthread_t thread;

    /* the lane's own */
    int32_t slot;  /* `want`, as it was last looked at */
    unsigned seen; /* `turn`, likewise */
    bool seated;   /* producer inited, slot verified */
    struct txproducer *producer;
    char transactional_id[200];
    int64_t next_pos; /* the ledger behind the last committed transaction */
    struct batch batch;
    struct list mine[2]; /* gathered from incoming */
    size_t mine_count;
    struct list again; /* to go first: dead letters, aborted transactions' */
    struct list slow;  /* to be tried now and then */
    int64_t slow_ns;   /* when; INT64_MAX: none */
    size_t alone;      /* > 0: so many at a time, to find the culprit */
    unsigned unnamed;  /* aborts in a row that named nobody */
    int64_t last_commit_ns, gap_ns;
    int64_t trim_ms; /* when the ledger is to be trimmed next */
    struct log_complaint refusals, trouble;
};

/* exactly.c */
void lane_set_state(struct exactly *e, enum exactly_state state,
                    const char *why);
bool lane_nap(struct exactly *e, int64_t ms); /* false: the end */
void lane_end_works(struct exactly *e, struct list *works, size_t n);
void lane_condemn(struct exactly *e, struct work *w);
void lane_slow(struct exactly *e, struct work *w);
void lane_fenced(struct exactly *e, const char *why);
void lane_complain(struct exactly *e, const char *event, const struct err *err);

/* lane_seat.c: makes a producer for the slot, inits it, verifies that the slot
 * is ours.  0; negative: not now (the state says why). */
int lane_sit(struct exactly *e);
void lane_leave(struct exactly *e); /* closes the producer */
/* An owner's write: 0, -ESTALE fenced, -ECANCELED the end. */
int lane_verify(struct exactly *e, struct store_slot *ret, struct err *err);
void lane_trim(struct exactly *e); /* when it is time */

/* lane_carry.c: the gathered batch to its end. */
void lane_carry(struct exactly *e);

#endif
