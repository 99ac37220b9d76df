/* SPDX-License-Identifier: Apache-2.0
 *
 * plug/cell.h - the memory behind attempts and tokens; for plug's own files.
 *
 * A cell is never freed while its table lives, only used again, so that any
 * token, however old, may be looked up.  References: one for the outcome's
 * holder, one for the call of execute; the last one puts the cell back.
 */
#ifndef ONTIME_PLUG_CELL_H
#define ONTIME_PLUG_CELL_H

#include "plug/arena.h"
#include "plug/attempt.h"

#include <pthread.h>
#include <stdatomic.h>

#define CELL_INDEX_BITS 20
#define CELL_BLOCK 128u
#define CELL_STORE_ID_MAX 64
/* "<store id>-<id>-<version>" */
#define CELL_KEY_MAX (CELL_STORE_ID_MAX + 1 + 20 + 1 + 10 + 1)

struct cell {
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
    struct cell *next;   /* in the free list; under the table's mtx */

    /* frozen */
    struct attempt_table *table;
    uint32_t index;

    char idempotency_key[CELL_KEY_MAX]; /* the call's */
};

struct attempt_table {
    /* shared: under mtx */
    pthread_mutex_t mtx;
    struct cell *free;
    atomic_uint used; /* changed under mtx, read by any */

    /* shared: any thread */
    _Atomic(struct cell *) *blocks; /* of CELL_BLOCK cells; NULL: not yet */
    _Atomic int64_t *deadlines;     /* by index, boot clock; 0: none */
    atomic_uint made;               /* cells there are */
    atomic_uint open;
    atomic_ullong stale;

    /* frozen */
    struct attempt_table_settings set;
    char store_id[CELL_STORE_ID_MAX + 1];
};

/* A cell that is not in use, with both references, not open; NULL with
 * *ret_error -EAGAIN or -ENOMEM. */
struct cell *cell_get(struct attempt_table *t, int *ret_error);
/* Opens it: from now on its token is good. */
void cell_open(struct cell *s, int64_t deadline_boot_ms);

/* The cell of an open attempt, locked; NULL: the token is stale. */
struct cell *cell_lock(struct attempt_table *t, uint64_t token);
void cell_unlock(struct cell *s);
struct cell *cell_of(struct attempt *a);

void cell_unref(struct cell *s);

/* How an attempt ends. */
struct cell_answer {
    enum attempt_end by;
    int32_t outcome;
    int64_t retry_ms;
    const char *message; /* copied; NULL: none */
};
/* Takes the outcome of a locked, open cell; it is not open any more. */
void cell_end(struct cell *s, const struct cell_answer *answer, int64_t now_ms);
/* After cell_end and cell_unlock: hands the attempt to the receiver. */
void cell_hand_over(struct cell *s);

#endif
