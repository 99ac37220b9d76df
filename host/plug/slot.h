/* SPDX-License-Identifier: Apache-2.0
 *
 * plug/slot.h - the memory behind attempts and tokens; for plug's own files.
 *
 * A slot is never freed while its table lives, only used again, so that any
 * token, however old, may be looked up.  References: one for the outcome's
 * holder, one for the call of execute; the last one puts the slot back.
 */
#ifndef ONTIME_PLUG_SLOT_H
#define ONTIME_PLUG_SLOT_H

#include "plug/arena.h"
#include "plug/attempt.h"

#include <pthread.h>
#include <stdatomic.h>

#define SLOT_INDEX_BITS 20
#define SLOT_BLOCK 128u
#define SLOT_STORE_ID_MAX 64
/* "<store id>-<id>-<version>" */
#define SLOT_KEY_MAX (SLOT_STORE_ID_MAX + 1 + 20 + 1 + 10 + 1)

struct slot {
    struct attempt a; /* first: callers see this */

    /* under mtx while open, then the holder's */
    pthread_mutex_t mtx;
    bool open;
    int refused;             /* -errno of the first refused record; 0: none */
    const char *refused_why; /* static text */
    struct attempt_record **records_end;
    struct attempt_followup **followups_end;
    struct arena arena;

    atomic_uint refs;
    uint64_t generation; /* of the use now or last; under mtx */
    struct slot *next;   /* in the free list; under the table's mtx */

    /* frozen */
    struct attempt_table *table;
    uint32_t index;

    char idempotency_key[SLOT_KEY_MAX]; /* the call's */
};

struct attempt_table {
    /* shared: under mtx */
    pthread_mutex_t mtx;
    struct slot *free;
    atomic_uint used; /* changed under mtx, read by any */

    /* shared: any thread */
    _Atomic(struct slot *) *blocks; /* of SLOT_BLOCK slots; NULL: not made yet */
    _Atomic int64_t *deadlines;     /* by index; 0: none */
    atomic_uint made;               /* slots there are */
    atomic_uint open;
    atomic_ullong stale;

    /* frozen */
    struct attempt_table_settings set;
    char store_id[SLOT_STORE_ID_MAX + 1];
};

/* A slot that is not in use, with both references, not open; NULL with
 * *ret_error -EAGAIN or -ENOMEM. */
struct slot *slot_get(struct attempt_table *t, int *ret_error);
/* Opens it: from now on its token is good. */
void slot_open(struct slot *s, int64_t deadline_ms);

/* The slot of an open attempt, locked; NULL: the token is stale. */
struct slot *slot_lock(struct attempt_table *t, uint64_t token);
void slot_unlock(struct slot *s);
struct slot *slot_of(struct attempt *a);

void slot_unref(struct slot *s);

/* How an attempt ends. */
struct slot_answer {
    enum attempt_end by;
    int32_t outcome;
    int64_t retry_ms;
    const char *message; /* copied; NULL: none */
};
/* Takes the outcome of a locked, open slot; it is not open any more. */
void slot_end(struct slot *s, const struct slot_answer *answer, int64_t now_ms);
/* After slot_end and slot_unlock: hands the attempt to the receiver. */
void slot_hand_over(struct slot *s);

#endif
