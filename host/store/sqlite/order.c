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

bool sq_in_order(const struct sq_sorted *s, int64_t id, job_pos pos)
{
    int64_t range = sq_range(job_pos_ms(pos));

    return range < s->until_ms || range != sq_range(job_pos_ms(id)) ||
           (range == s->until_ms && id < s->cursor);
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

/* Reads rows of the range that are not in order yet, by id. */
static int read_places(struct sq_session *x, const struct sq_sorted *s,
                       int rows, struct step *step, struct err *err)
{
    sqlite3_stmt *st = sq_stmt(x, SQL_RANGE_SCAN, err);
    int r;

    if (st == NULL)
        return -EIO;
    (void)sqlite3_bind_int64(st, 1, s->cursor);
    (void)sqlite3_bind_int64(st, 2, job_pos_at(s->until_ms + SQ_RANGE_MS));
    (void)sqlite3_bind_int(st, 3, rows);
    while ((r = sq_row(x, st, err)) > 0) {
        const struct sq_place p = {sqlite3_column_int64(st, 1),
                                   sqlite3_column_int64(st, 0),
                                   sqlite3_column_int(st, 2)};

        step->seen++;
        step->last = p.id;
        if (!sq_in_order(s, p.id, p.pos))
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

/* The first range at or behind s that has rows to be looked at; none: false. */
static int next_range(struct sq_session *x, struct sq_sorted *s,
                      struct err *err)
{
    sqlite3_stmt *st = sq_stmt(x, SQL_JOB_FROM, err);
    int64_t id;
    int r;

    if (st == NULL)
        return -EIO;
    (void)sqlite3_bind_int64(st, 1, s->cursor);
    r = sq_row(x, st, err);
    if (r <= 0)
        return r;
    id = sqlite3_column_int64(st, 0);
    (void)sqlite3_reset(st);
    if (sq_range(job_pos_ms(id)) > s->until_ms) {
        s->until_ms = sq_range(job_pos_ms(id));
        s->cursor = job_pos_at(s->until_ms);
    }
    return 1;
}

static int extend(struct sq_session *x, int rows, struct step *step,
                  struct err *err)
{
    struct sq_sorted *s = &x->sorted;
    int r;

    r = read_places(x, s, rows, step, err);
    if (r < 0)
        return r;
    qsort(step->places, step->n, sizeof(*step->places), by_pos);
    for (size_t i = 0; i < step->n && r == 0; i++)
        r = add_place(x, &step->places[i], err);
    if (step->seen < rows) { /* the range is complete */
        s->until_ms += SQ_RANGE_MS;
        s->cursor = job_pos_at(s->until_ms);
    } else {
        s->cursor = step->last + 1;
    }
    return r;
}

int sq_order_extend(struct sq_session *x, int64_t until_ms, int rows,
                    struct err *err)
{
    struct sq_sorted next = x->sorted;
    struct step step = {0};
    int r;

    if (next.until_ms >= until_ms)
        return 0;
    r = next_range(x, &next, err);
    if (r <= 0 || next.until_ms >= until_ms)
        return r < 0 ? r : 0;
    step.places = calloc((size_t)rows, sizeof(*step.places));
    if (step.places == NULL)
        return err_again(err, -ENOMEM, "no memory to order jobs");
    r = sq_begin(x, false, err);
    if (r < 0)
        goto out;
    x->sorted = next;
    r = extend(x, rows, &step, err);
    if (r == 0)
        r = sq_commit(x, NULL, err);
    else
        sq_rollback(x);
out:
    free(step.places);
    return r < 0 ? r : 1;
}
