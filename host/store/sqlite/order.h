/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/order.h - the numbers of a job and the order of firing.
 *
 * A row lies by its id, the order of firing is in pos:
 *   pos = fire time << 20 | sequence, exact to the millisecond;
 *   id  = fire time rounded down to `width` << 20, plus sequence % width << 20.
 * width is a power of two that grows with the distance of the fire time, so a
 * batch of jobs with far, random times fills few pages, and jobs due soon lie
 * in order.  It is at most SQ_RANGE_MS, so all jobs that are to fire in one
 * range of time lie together, whatever their order.
 *
 * The exact order is made when its time comes near: job_order has the
 * positions of all jobs that are to fire before sorted.main, and loading moves
 * that front on, range by range (rows of the range at a front are in with ids
 * below its cursor).  After a long stop loading begins at the present: then
 * what was missed, from sorted.gap to sorted.gap_end_ms, is put in order while
 * the backlog is drained.  There is one gap: a second long stop before that is
 * done has loading put the rest of it in order first (a million rows take a
 * second, once).  Also in job_order is, at any time, a job that was
 * moved out of the range that its id tells.
 *
 * Ids are given once: the sequence is kept with the slot, so an id comes again
 * only after as many jobs as fit into its width, and never while it lives.
 */
#ifndef ONTIME_STORE_SQLITE_ORDER_H
#define ONTIME_STORE_SQLITE_ORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "job/job.h"

struct sq_session;

#define SQ_RANGE_MS (INT64_C(1) << 18) /* over four minutes */

struct sq_front {
    int64_t until_ms; /* a multiple of SQ_RANGE_MS */
    int64_t cursor;   /* an id in the range that begins there */
};

struct sq_sorted {
    struct sq_front main, gap;
    int64_t gap_end_ms; /* not behind gap.until_ms: there is no gap */
};

static inline int64_t sq_range(int64_t ms)
{
    return ms & ~(SQ_RANGE_MS - 1);
}

int64_t sq_make_id(int64_t fire_ms, int64_t now_ms, uint64_t seq);
job_pos sq_make_pos(int64_t fire_ms, uint64_t seq);

/* Whether such a job is in job_order. */
bool sq_in_order(const struct sq_sorted *s, int64_t id, job_pos pos);

struct sq_place { /* of one job */
    job_pos pos;
    int64_t id;
    int32_t app;
};

/* Enters the job where it belongs, at p->pos or, when that is taken, as soon
 * after as there is room: p->pos is where it is then. */
int sq_order_enter(struct sq_session *x, struct sq_place *p, struct err *err);
/* Takes it out. */
int sq_order_leave(struct sq_session *x, int64_t id, job_pos pos,
                   struct err *err);

/* Where the stretch that is in order from `range` on ends; `range` itself when
 * it is not. */
int64_t sq_sorted_until(const struct sq_sorted *s, int64_t range);
/* The id from which on the rows of a range are not in order. */
int64_t sq_sorted_cursor(const struct sq_sorted *s, int64_t range);

/*
 * One step, a transaction of its own, towards having `range`, which is not in
 * order, and those behind it up to until_ms in order.  Returns how many rows it
 * has looked at, at least 1 and at most `rows`; 0: nothing from there to
 * until_ms is out of order.
 */
int sq_order_extend(struct sq_session *x, int64_t range, int64_t until_ms,
                    int rows, struct err *err);

#endif
