/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/order.c - see order.h.  The writing session's thread.
 */
#include "config.h"

#include "store/sqlite/order.h"

#include <errno.h>
#include <stdlib.h>

#include "store/sqlite/session.h"

#define SEQ_MASK ((UINT64_C(1) << JOB_POS_SHIFT) - 1)
#define SAME_MS_TRIES 16 /* then the next millisecond is tried */
#define NEAR_MS (10 * 60 * 1000)

int64_t sq_make_id(int64_t fire_ms, int64_t now_ms, uint64_t seq)
{
    int64_t ahead = fire_ms > now_ms ? fire_ms - now_ms : 0;
    int64_t parts = ahead < NEAR_MS ? 4096 : 64;
    int64_t width = 1;

    while (width * 2 <= ahead / parts && width < SQ_RANGE_MS)
        width *= 2;
    return ((fire_ms & ~(width - 1)) << JOB_POS_SHIFT) +
           (int64_t)(seq & (((uint64_t)width << JOB_POS_SHIFT) - 1));
}

job_pos sq_make_pos(int64_t fire_ms, uint64_t seq)
{
    return (fire_ms << JOB_POS_SHIFT) | (int64_t)(seq & SEQ_MASK);
}

static struct sq_front front_at(int64_t ms)
{
    return (struct sq_front){ms, job_pos_at(ms)};
}

static bool in_gap(const struct sq_sorted *s, int64_t range)
{
    return range >= s->gap.until_ms && range < s->gap_end_ms;
}

static bool has_gap(const struct sq_sorted *s)
{
    return s->gap.until_ms < s->gap_end_ms;
}

int64_t sq_sorted_until(const struct sq_sorted *s, int64_t range)
{
    if (in_gap(s, range) || range >= s->main.until_ms)
        return range;
    return has_gap(s) && range < s->gap.until_ms ? s->gap.until_ms
                                                 : s->main.until_ms;
}

int64_t sq_sorted_cursor(const struct sq_sorted *s, int64_t range)
{
    if (in_gap(s, range) && range == s->gap.until_ms)
        return s->gap.cursor;
    return range == s->main.until_ms ? s->main.cursor : job_pos_at(range);
}

bool sq_in_order(const struct sq_sorted *s, int64_t id, job_pos pos)
{
    int64_t range = sq_range(job_pos_ms(pos));

    return range != sq_range(job_pos_ms(id)) ||
           sq_sorted_until(s, range) > range || id < sq_sorted_cursor(s, range);
}

static int add(struct sq_session *x, struct sq_place *p, struct err *err)
{
    sqlite3_stmt *st = sq_stmt(x, SQL_ORDER_ADD, err);
    int64_t fire_ms = job_pos_ms(p->pos);
    int r;

    if (st == NULL)
        return -EIO;
    for (unsigned tries = 1;; tries++) {
        (void)sqlite3_bind_int64(st, 1, p->pos);
        (void)sqlite3_bind_int64(st, 2, p->id);
        (void)sqlite3_bind_int(st, 3, p->app);
        r = sq_run(x, st, err);
        if (r < 0 || sqlite3_changes(x->db) == 1)
            return r;
        fire_ms += tries % SAME_MS_TRIES == 0;
        p->pos = sq_make_pos(fire_ms, x->next_seq++);
    }
}

int sq_order_enter(struct sq_session *x, struct sq_place *p, struct err *err)
{
    return sq_in_order(&x->sorted, p->id, p->pos) ? add(x, p, err) : 0;
}

int sq_order_leave(struct sq_session *x, int64_t id, job_pos pos,
                   struct err *err)
{
    sqlite3_stmt *st;

    if (!sq_in_order(&x->sorted, id, pos))
        return 0;
    st = sq_stmt(x, SQL_ORDER_DELETE, err);
    if (st == NULL)
        return -EIO;
    (void)sqlite3_bind_int64(st, 1, pos);
    return sq_run(x, st, err);
}

/* ---- making the order -------------------------------------------------------- */

struct step { /* of sq_order_extend */
    struct sq_place *places;
    size_t n;
    int seen;     /* rows looked at, moved ones included */
    int64_t last; /* id */
};

static int by_pos(const void *pa, const void *pb)
{
    const struct sq_place *a = pa, *b = pb;

    return a->pos < b->pos ? -1 : a->pos > b->pos;
}

/* Reads rows of the range at the front that are not in order yet, by id. */
static int read_places(struct sq_session *x, const struct sq_front *front,
                       int rows, struct step *step, struct err *err)
{
    sqlite3_stmt *st = sq_stmt(x, SQL_RANGE_SCAN, err);
    int r;

    if (st == NULL)
        return -EIO;
    (void)sqlite3_bind_int64(st, 1, front->cursor);
    (void)sqlite3_bind_int64(st, 2, job_pos_at(front->until_ms + SQ_RANGE_MS));
    (void)sqlite3_bind_int(st, 3, rows);
    while ((r = sq_row(x, st, err)) > 0) {
        const struct sq_place p = {sqlite3_column_int64(st, 1),
                                   sqlite3_column_int64(st, 0),
                                   sqlite3_column_int(st, 2)};

        step->seen++;
        step->last = p.id;
        if (!sq_in_order(&x->sorted, p.id, p.pos))
            step->places[step->n++] = p;
    }
    return r;
}

/* Two jobs may have been given one position while they were far: the second
 * gets another one now. */
static int add_place(struct sq_session *x, const struct sq_place *p,
                     struct err *err)
{
    struct sq_place now = *p;
    sqlite3_stmt *st;
    int r;

    r = add(x, &now, err);
    if (r < 0 || now.pos == p->pos)
        return r;
    st = sq_stmt(x, SQL_JOB_SET_POS, err);
    if (st == NULL)
        return -EIO;
    (void)sqlite3_bind_int64(st, 1, now.id);
    (void)sqlite3_bind_int64(st, 2, now.pos);
    return sq_run(x, st, err);
}

static int extend(struct sq_session *x, struct sq_front *front, int rows,
                  struct step *step, struct err *err)
{
    int r;

    r = read_places(x, front, rows, step, err);
    if (r < 0)
        return r;
    qsort(step->places, step->n, sizeof(*step->places), by_pos);
    for (size_t i = 0; i < step->n && r == 0; i++)
        r = add_place(x, &step->places[i], err);
    front->cursor = step->last + 1;
    if (step->seen < rows) /* the range is complete */
        *front = front_at(front->until_ms + SQ_RANGE_MS);
    return r;
}

/* Puts up to `rows` of the range at a front of x->sorted in order. */
static int sort_step(struct sq_session *x, struct sq_front *front, int rows,
                     struct err *err)
{
    struct step step = {0};
    int r;

    step.places = calloc((size_t)rows, sizeof(*step.places));
    if (step.places == NULL)
        return err_again(err, -ENOMEM, "no memory to order jobs");
    r = sq_begin(x, false, err);
    if (r == 0) {
        r = extend(x, front, rows, &step, err);
        if (r == 0)
            r = sq_commit(x, NULL, err);
        else
            sq_rollback(x);
    }
    free(step.places);
    return r < 0 ? r : step.seen > 0 ? step.seen : 1;
}

/* Takes over what says the same of the rows that there are; the next commit
 * stores it. */
static void adopt(struct sq_session *x, const struct sq_sorted *next)
{
    x->sorted = x->was_sorted = *next;
}

/* The range of the first row that is not in order by the front, or INT64_MAX. */
static int first_range(struct sq_session *x, const struct sq_front *front,
                       int64_t *ret, struct err *err)
{
    sqlite3_stmt *st = sq_stmt(x, SQL_JOB_FROM, err);
    int r;

    if (st == NULL)
        return -EIO;
    *ret = INT64_MAX;
    (void)sqlite3_bind_int64(st, 1, front->cursor);
    r = sq_row(x, st, err);
    if (r > 0)
        *ret = sq_range(job_pos_ms(sqlite3_column_int64(st, 0)));
    (void)sqlite3_reset(st);
    return r < 0 ? r : 0;
}

static int extend_gap(struct sq_session *x, int64_t until_ms, int rows,
                      struct err *err)
{
    struct sq_sorted next = x->sorted;
    int64_t first;
    int r = first_range(x, &next.gap, &first, err);

    if (r < 0)
        return r;
    if (first > next.gap_end_ms)
        first = next.gap_end_ms;
    if (first > next.gap.until_ms)
        next.gap = front_at(first);
    adopt(x, &next);
    return first >= until_ms || first == next.gap_end_ms
               ? 1
               : sort_step(x, &x->sorted.gap, rows, err);
}

int sq_order_extend(struct sq_session *x, int64_t range, int64_t until_ms,
                    int rows, struct err *err)
{
    struct sq_sorted next = x->sorted;
    int64_t first;
    int r;

    if (in_gap(&next, range))
        return extend_gap(x, until_ms, rows, err);
    r = first_range(x, &next.main, &first, err);
    if (r < 0)
        return r;
    if (first < range) {    /* these were missed: later */
        if (has_gap(&next)) /* there is one gap only */
            return extend_gap(x, INT64_MAX, rows, err);
        next.gap = next.main;
        next.gap_end_ms = range;
        next.main = front_at(range);
        adopt(x, &next);
        return 1;
    }
    if (first >= until_ms)
        return 0;
    if (first > next.main.until_ms)
        next.main = front_at(first);
    adopt(x, &next);
    return sort_step(x, &x->sorted.main, rows, err);
}
