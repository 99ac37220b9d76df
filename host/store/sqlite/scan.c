/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/scan.c - jobs in order; see scan.h.  The session's thread.
 *
 * Loading reads job_order, and makes that order where it has to look and it is
 * not made yet.  A list, which cannot write, sorts such a range for itself.
 */
#include "config.h"

#include "store/sqlite/scan.h"

#include <errno.h>

#include "base/clock.h"
#include "store/sqlite/look.h"
#include "store/sqlite/row.h"

#define EXTEND_ROWS 20000 /* in one call, when it has to be */
#define AHEAD_ROWS 4000   /* when there is time */

struct scan {
    struct sq_session *x;
    int32_t app; /* 0: all */
    struct list jobs;
    size_t count, bytes, visited;
    int ordered;  /* rows that were put in order for it */
    job_pos last; /* looked at */
};

static void free_jobs(struct list *jobs)
{
    while (!list_empty(jobs)) {
        struct job *j = list_of(list_pop(jobs), struct job, link);

        job_free(&j);
    }
}

static void keep(struct scan *s, struct job *j)
{
    list_push(&s->jobs, &j->link);
    s->count++;
    s->bytes += job_size(j);
}

/* The next row of a statement that gives JOB_COLUMNS (whole) or pos, id, app:
 * 1 and *ret (NULL: not of our app), 0 at the end, negative. */
static int next(struct scan *s, sqlite3_stmt *st, bool whole, struct job **ret,
                struct err *err)
{
    int r = sq_row(s->x, st, err);

    *ret = NULL;
    if (r <= 0)
        return r;
    s->visited++;
    if (whole) {
        r = sq_job_read(s->x, st, ret, err);
        if (r == 0)
            s->last = (*ret)->pos;
        return r < 0 ? r : 1;
    }
    s->last = sqlite3_column_int64(st, 0);
    if (s->app != 0 && sqlite3_column_int(st, 2) != s->app)
        return 1;
    r = sq_job_get(s->x, sqlite3_column_int64(st, 1), ret, err);
    return r < 0 ? r : 1;
}

/* ---- loading -------------------------------------------------------------------- */

static bool load_full(const struct scan *s, const struct load_request *q)
{
    return s->count >= q->cap ||
           (q->bytes_cap > 0 && s->bytes >= q->bytes_cap) ||
           (q->visit_cap > 0 && s->visited >= q->visit_cap);
}

/* Reads job_order on from s->last, up to until.  1: full, 0: to the end. */
static int load_ordered(struct scan *s, const struct load_request *q,
                        job_pos until, struct err *err)
{
    bool whole = s->app == 0;
    sqlite3_stmt *st;
    struct job *j;
    int r = 1;

    if (load_full(s, q))
        return 1;
    st = sq_stmt(s->x, whole ? SQL_ORDER_LOAD : SQL_ORDER_SCAN, err);
    if (st == NULL)
        return -EIO;
    (void)sqlite3_bind_int64(st, 1, s->last);
    (void)sqlite3_bind_int64(st, 2, until);
    while (!load_full(s, q) && (r = next(s, st, whole, &j, err)) > 0) {
        if (j != NULL)
            keep(s, j);
    }
    (void)sqlite3_reset(st);
    return r;
}

/* Puts more of what is to be read next in order.  1: read on, 0: enough for
 * one call, negative; *ret_complete: nothing before q->until is out of order. */
static int make_order(struct scan *s, const struct load_request *q,
                      bool *ret_complete, struct err *err)
{
    int64_t range = sq_range(job_pos_ms(s->last + 1));
    int r;

    if (s->ordered >= EXTEND_ROWS)
        return 0;
    r = sq_order_extend(s->x, range, job_pos_ms(q->until - 1) + 1, EXTEND_ROWS,
                        err);
    if (r < 0) /* what we have is in order all the same */
        return s->count > 0 ? 0 : r;
    s->ordered += r;
    *ret_complete = r == 0;
    return 1;
}

static int load(struct scan *s, const struct load_request *q, struct err *err)
{
    const struct sq_sorted *sorted = &s->x->sorted;
    bool complete = false;
    int r;

    while (s->last < q->until - 1) {
        int64_t range = sq_range(job_pos_ms(s->last + 1));
        job_pos until =
            complete ? q->until : job_pos_at(sq_sorted_until(sorted, range));

        if (until > q->until)
            until = q->until;
        if (until <= s->last + 1) {
            r = make_order(s, q, &complete, err);
            if (r <= 0)
                return r;
            continue;
        }
        r = load_ordered(s, q, until, err);
        if (r != 0)
            return r < 0 ? r : 0;
        s->last = until - 1;
    }
    /* Nothing is waited for now: the next range, a little at a time. */
    if (q->until < JOB_POS_MAX)
        (void)sq_order_extend(s->x, sorted->main.until_ms,
                              job_pos_ms(q->until) + SQ_RANGE_MS / 2,
                              AHEAD_ROWS, NULL);
    return 0;
}

int sq_load_due(struct store_session *sx, const struct load_request *q,
                struct load_result *ret, struct err *err)
{
    struct sq_session *x = sq_session(sx);
    struct scan s = {.x = x, .last = q->after};
    int r = 0;

    list_init(&s.jobs);
    if (q->until <= q->after + 1)
        return 0;
    if (q->app != NULL) {
        s.app = sq_app_number(x, q->app, false, err);
        if (s.app < 0)
            return s.app;
        if (s.app == 0) /* an app without jobs: all has been looked at */
            s.last = q->until - 1;
    }
    if (s.last < q->until - 1)
        r = load(&s, q, err);
    if (r < 0) {
        free_jobs(&s.jobs);
        return r;
    }
    list_splice(&ret->jobs, &s.jobs);
    ret->count = s.count;
    ret->reached = s.last;
    if (ret->reached > atomic_load(&x->st->loaded))
        atomic_store(&x->st->loaded, ret->reached);
    return 0;
}

/* ---- lists ----------------------------------------------------------------------- */

static bool list_wants(const struct list_filter *f, const struct job *j)
{
    return j != NULL && (f->state < 0 || j->state == f->state) &&
           j->due_ms >= f->due_from && j->due_ms < f->due_to;
}

/* Keeps what is wanted of a statement's rows, pos, id, app.  0 or negative. */
static int list_rows(struct scan *s, const struct list_filter *f,
                     sqlite3_stmt *st, struct err *err)
{
    struct job *j;
    int r = 1;

    while (s->count < f->cap && (r = next(s, st, false, &j, err)) > 0) {
        if (j != NULL)
            sq_show_state(s->x, j);
        if (list_wants(f, j))
            keep(s, j);
        else
            job_free(&j);
    }
    (void)sqlite3_reset(st);
    return r < 0 ? r : 0;
}

static int list_ordered(struct scan *s, const struct list_filter *f,
                        job_pos until, struct err *err)
{
    sqlite3_stmt *st = sq_stmt(s->x, SQL_ORDER_SCAN, err);

    if (st == NULL)
        return -EIO;
    (void)sqlite3_bind_int64(st, 1, s->last);
    (void)sqlite3_bind_int64(st, 2, until);
    return list_rows(s, f, st, err);
}

/* The first of a statement's numbers at or behind `from`, or INT64_MAX. */
static int first(struct sq_session *x, enum sql q, int64_t from, int64_t *ret,
                 struct err *err)
{
    sqlite3_stmt *st = sq_stmt(x, q, err);
    int r;

    if (st == NULL)
        return -EIO;
    *ret = INT64_MAX;
    (void)sqlite3_bind_int64(st, 1, from);
    r = sq_row(x, st, err);
    if (r > 0)
        *ret = sqlite3_column_int64(st, 0);
    (void)sqlite3_reset(st);
    return r < 0 ? r : 0;
}

/* One range that is not in order, sorted now; what is in job_order of it was
 * moved there, or put in order before the cursor. */
static int list_range(struct scan *s, const struct list_filter *f,
                      int64_t range, struct err *err)
{
    sqlite3_stmt *st = sq_stmt(s->x, SQL_RANGE_LIST, err);
    bool all = f->state < 0 && f->due_from <= 0 && f->due_to == INT64_MAX;
    job_pos until = job_pos_at(range + SQ_RANGE_MS);

    if (st == NULL)
        return -EIO;
    (void)sqlite3_bind_int64(st, 1, s->last);
    (void)sqlite3_bind_int64(st, 2, until);
    (void)sqlite3_bind_int64(st, 3, sq_sorted_cursor(&s->x->sorted, range));
    (void)sqlite3_bind_int64(st, 4, until);
    (void)sqlite3_bind_int(st, 5, s->app);
    (void)sqlite3_bind_int64(st, 6, all ? (int64_t)(f->cap - s->count) : -1);
    return list_rows(s, f, st, err);
}

/* The first range from s->last on that has a job, or INT64_MAX. */
static int next_range(struct scan *s, int64_t *ret, struct err *err)
{
    int64_t range = sq_range(job_pos_ms(s->last + 1)), id;
    job_pos pos;
    int r;

    r = first(s->x, SQL_JOB_FROM, job_pos_at(range), &id, err);
    if (r == 0)
        r = first(s->x, SQL_ORDER_FROM, s->last + 1, &pos, err);
    if (r < 0)
        return r;
    if (id > pos)
        id = pos;
    *ret = id == INT64_MAX ? id : sq_range(job_pos_ms(id));
    return 0;
}

/* Only jobs that were late when they were accepted stand behind their due
 * time, and then at that moment: beyond the present none does.  (An hour is for
 * clocks that were set.) */
static job_pos list_end(const struct list_filter *f)
{
    int64_t late = clock_wall_ms() + 3600000;

    return job_pos_at(f->due_to > late ? f->due_to : late);
}

/* Lists on from s->last to the end of a stretch that is in order, or of the
 * next range that is not. */
static int list_on(struct scan *s, const struct list_filter *f, job_pos until,
                   struct err *err)
{
    int64_t range, end;
    job_pos to;
    int r;

    r = next_range(s, &range, err);
    if (r < 0)
        return r;
    to = range == INT64_MAX ? until : job_pos_at(range);
    if (to >= until) { /* no more jobs */
        s->last = until - 1;
        return 0;
    }
    if (s->last < to - 1)
        s->last = to - 1;
    end = sq_sorted_until(&s->x->sorted, range);
    to = job_pos_at(end > range ? end : range + SQ_RANGE_MS);
    if (to > until)
        to = until;
    r = end > range ? list_ordered(s, f, to, err)
                    : list_range(s, f, range, err);
    if (r == 0 && s->count < f->cap)
        s->last = to - 1;
    return r;
}

/* Inside a reading transaction: order and rows are of one moment. */
static int list_all(struct scan *s, const struct list_filter *f,
                    struct err *err)
{
    job_pos until = list_end(f);
    int r = 0;

    if (!s->x->base.writing) /* the writing session knows it */
        r = sq_slot_get(s->x, err);
    while (r == 0 && s->count < f->cap && s->last < until - 1)
        r = list_on(s, f, until, err);
    return r;
}

int sq_list(struct store_session *sx, const struct list_filter *f,
            struct list *into, struct err *err)
{
    struct sq_session *x = sq_session(sx);
    struct scan s = {.x = x, .last = f->after};
    job_pos from = job_pos_at(f->due_from);
    int r;

    list_init(&s.jobs);
    if (f->app != NULL) {
        s.app = sq_app_number(x, f->app, false, err);
        if (s.app <= 0)
            return s.app;
    }
    /* A job never stands before its due time. */
    if (from > 0 && from - 1 > s.last)
        s.last = from - 1;
    r = sq_read_begin(x, err);
    if (r < 0)
        return r;
    r = list_all(&s, f, err);
    sq_read_end(x);
    if (r < 0) {
        free_jobs(&s.jobs);
        return r;
    }
    list_splice(into, &s.jobs);
    return 0;
}
