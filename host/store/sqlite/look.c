/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/look.c - reading; see look.h.  The session's thread.
 */
#include "config.h"

#include "store/sqlite/look.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "store/sqlite/names.h"
#include "store/sqlite/row.h"

int sq_find_id(struct sq_session *x, const struct app_name *app,
               struct span key, int64_t *ret, struct err *err)
{
    struct sq_name name = {0};
    int r;

    sq_name_hash(x, app, key, &name);
    r = sq_names_get(x, NAMES_KEYS, &name, 1, err);
    *ret = name.value;
    return r;
}

/* A job within what has been loaded waits in memory: that is SCHEDULED. */
static void show_state(const struct sq_session *x, struct job *j)
{
    if (j->state == JOB_CREATED && j->pos <= atomic_load(&x->st->loaded))
        j->state = JOB_SCHEDULED;
}

int sq_get(struct store_session *sx, int64_t id, struct job **ret,
           struct err *err)
{
    struct sq_session *x = sq_session(sx);
    int r = sq_job_get(x, id, ret, err);

    if (r == 0)
        return err_set(err, -ENOENT, "there is no live job %lld",
                       (long long)id);
    if (r < 0)
        return r;
    show_state(x, *ret);
    return 0;
}

int sq_find(struct store_session *sx, const struct app_name *app,
            struct span key, struct job **ret, struct err *err)
{
    struct sq_session *x = sq_session(sx);
    struct job *j = NULL;
    int64_t id;
    int r;

    r = sq_find_id(x, app, key, &id, err);
    if (r == 0 && id != 0)
        r = sq_job_get(x, id, &j, err);
    if (r < 0)
        return r;
    if (j == NULL || j->app != app || !span_eq(j->key, key)) {
        job_free(&j);
        return err_set(err, -ENOENT, "there is no live job of that key");
    }
    show_state(x, j);
    *ret = j;
    return 0;
}

static void free_jobs(struct list *jobs)
{
    while (!list_empty(jobs)) {
        struct job *j = list_of(list_pop(jobs), struct job, link);

        job_free(&j);
    }
}

/* ---- in order --------------------------------------------------------------- */

struct scan { /* over job_order, reading the rows that are wanted */
    struct sq_session *x;
    int32_t app; /* 0: all */
    struct list jobs;
    size_t count, bytes, visited;
    job_pos last; /* looked at */
};

/* The statement for positions in (after, until). */
static sqlite3_stmt *scan_begin(const struct scan *s, job_pos after,
                                job_pos until, struct err *err)
{
    sqlite3_stmt *st =
        sq_stmt(s->x, s->app == 0 ? SQL_ORDER_LOAD : SQL_ORDER_SCAN, err);

    if (st != NULL) {
        (void)sqlite3_bind_int64(st, 1, after);
        (void)sqlite3_bind_int64(st, 2, until);
    }
    return st;
}

/* The next row: 1 and *ret (NULL: not of our app), 0 at the end, negative. */
static int scan_next(struct scan *s, sqlite3_stmt *st, struct job **ret,
                     struct err *err)
{
    int r = sq_row(s->x, st, err);

    *ret = NULL;
    if (r <= 0)
        return r;
    s->visited++;
    if (s->app == 0) {
        r = sq_job_read(s->x, st, ret, err);
        if (r == 0)
            s->last = (*ret)->pos;
        return r < 0 ? r : 1;
    }
    s->last = sqlite3_column_int64(st, 0);
    if (sqlite3_column_int(st, 2) != s->app)
        return 1;
    r = sq_job_get(s->x, sqlite3_column_int64(st, 1), ret, err);
    return r < 0 ? r : 1;
}

static void scan_keep(struct scan *s, struct job *j)
{
    list_push(&s->jobs, &j->link);
    s->count++;
    s->bytes += job_size(j);
}

static bool load_full(const struct scan *s, const struct load_request *q)
{
    return s->count >= q->cap || (q->bytes_cap > 0 && s->bytes >= q->bytes_cap)
           || (q->visit_cap > 0 && s->visited >= q->visit_cap);
}

int sq_load_due(struct store_session *sx, const struct load_request *q,
                struct load_result *ret, struct err *err)
{
    struct sq_session *x = sq_session(sx);
    struct scan s = {.x = x, .last = q->after};
    sqlite3_stmt *st;
    struct job *j;
    int r = 0;

    list_init(&s.jobs);
    if (q->app != NULL) {
        s.app = sq_app_number(x, q->app, false, err);
        if (s.app <= 0) { /* an app without jobs: all has been looked at */
            ret->reached = q->until - 1;
            return s.app;
        }
    }
    st = scan_begin(&s, q->after, q->until, err);
    if (st == NULL)
        return -EIO;
    while (!load_full(&s, q) && (r = scan_next(&s, st, &j, err)) > 0) {
        if (j != NULL)
            scan_keep(&s, j);
    }
    if (r == 0 && !load_full(&s, q))
        s.last = q->until - 1;
    (void)sqlite3_reset(st);
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

static bool list_wants(const struct list_filter *f, const struct job *j)
{
    return j != NULL && (f->state < 0 || j->state == f->state) &&
           j->due_ms >= f->due_from && j->due_ms < f->due_to;
}

/* Only jobs that were late when they were accepted stand behind their due
 * time, and then at that moment: beyond the present none does.  (An hour is for
 * clocks that were set.) */
static job_pos list_end(const struct list_filter *f)
{
    int64_t late = clock_wall_ms() + 3600000;

    return job_pos_at(f->due_to > late ? f->due_to : late);
}

int sq_list(struct store_session *sx, const struct list_filter *f,
            struct list *into, struct err *err)
{
    struct sq_session *x = sq_session(sx);
    struct scan s = {.x = x};
    job_pos after = f->after, from = job_pos_at(f->due_from);
    sqlite3_stmt *st;
    struct job *j;
    int r;

    list_init(&s.jobs);
    if (f->app != NULL) {
        s.app = sq_app_number(x, f->app, false, err);
        if (s.app <= 0)
            return s.app;
    }
    /* A job never stands before its due time. */
    if (from > 0 && from - 1 > after)
        after = from - 1;
    st = scan_begin(&s, after, list_end(f), err);
    if (st == NULL)
        return -EIO;
    r = 1;
    while (s.count < f->cap && (r = scan_next(&s, st, &j, err)) > 0) {
        if (j != NULL)
            show_state(x, j);
        if (list_wants(f, j))
            scan_keep(&s, j);
        else
            job_free(&j);
    }
    (void)sqlite3_reset(st);
    if (r < 0) {
        free_jobs(&s.jobs);
        return r;
    }
    list_splice(into, &s.jobs);
    return 0;
}

/* ---- executions ------------------------------------------------------------- */

static int give_execution(struct sq_session *x, sqlite3_stmt *st,
                          execution_fn *fn, void *arg, struct err *err)
{
    const struct app_name *app =
        sq_app_name(x, sqlite3_column_int(st, 7), err);

    if (app == NULL)
        return -EUCLEAN;
    fn(arg, &(struct execution){
                .job_id = sqlite3_column_int64(st, 0),
                .scheduled_ms = sqlite3_column_int64(st, 1),
                .started_ms = sqlite3_column_int64(st, 2),
                .finished_ms = sqlite3_column_int64(st, 3),
                .version = (uint32_t)sqlite3_column_int64(st, 4),
                .attempt = (uint32_t)sqlite3_column_int64(st, 5),
                .outcome = (enum outcome_kind)sqlite3_column_int(st, 6),
                .app = app->text,
                .key = sq_column_span(st, 8),
                .error = sq_column_span(st, 9),
            });
    return 0;
}

int sq_executions(struct store_session *sx, int64_t id,
                  const struct app_name *app, size_t cap, execution_fn *fn,
                  void *arg, struct err *err)
{
    struct sq_session *x = sq_session(sx);
    int64_t which = id;
    sqlite3_stmt *st;
    int r;

    if (id == 0 && app != NULL) {
        which = sq_app_number(x, app, false, err);
        if (which <= 0)
            return (int)which;
    }
    st = sq_stmt(x, id > 0 ? SQL_EXEC_OF_JOB : SQL_EXEC_NEWEST, err);
    if (st == NULL)
        return -EIO;
    (void)sqlite3_bind_int64(st, 1, which);
    (void)sqlite3_bind_int64(st, 2, cap > INT64_MAX ? -1 : (int64_t)cap);
    while ((r = sq_row(x, st, err)) > 0) {
        r = give_execution(x, st, fn, arg, err);
        if (r < 0)
            break;
    }
    (void)sqlite3_reset(st);
    return r;
}
