/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/history.c - executions; see history.h.  The session's thread.
 */
#include "config.h"

#include "store/sqlite/history.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#define LOG_ROW 200 /* references in one row */

struct ref {
    int64_t number; /* job id, or minus the number of a further one */
    int32_t app;
};

static void encode(unsigned char *p, const struct ref *r)
{
    const uint64_t v[2] = {htole64((uint64_t)r->number),
                           htole64((uint64_t)r->app)};

    memcpy(p, v, SQ_REF_BYTES);
}

static struct ref decode(const unsigned char *p)
{
    uint64_t v[2];

    memcpy(v, p, sizeof(v));
    return (struct ref){(int64_t)le64toh(v[0]), (int32_t)le64toh(v[1])};
}

/* The greatest number in a table, 0 when it is empty. */
static int last_number(struct sq_session *x, enum sql q, int64_t *ret,
                       struct err *err)
{
    sqlite3_stmt *st = sq_stmt(x, q, err);
    int r;

    if (st == NULL)
        return -EIO;
    r = sq_row(x, st, err);
    *ret = r > 0 ? sqlite3_column_int64(st, 0) : 0;
    (void)sqlite3_reset(st);
    return r < 0 ? r : 0;
}

int sq_history_prepare(struct sq_session *x, struct err *err)
{
    int r = last_number(x, SQL_EXEC_LOG_LAST, &x->last_log, err);

    return r < 0 ? r : last_number(x, SQL_EXEC_MORE_LAST, &x->last_more, err);
}

/* ---- adding ------------------------------------------------------------------- */

static int add(struct sq_session *x, enum sql q, int64_t number,
               const struct sq_execution *e, struct err *err)
{
    sqlite3_stmt *st = sq_stmt(x, q, err);
    struct span error = store_error_cut(e->o->error);
    int r;

    if (st == NULL)
        return -EIO;
    (void)sqlite3_bind_int64(st, 1, e->job_id);
    (void)sqlite3_bind_int64(st, 2, e->scheduled);
    (void)sqlite3_bind_int64(st, 3, e->o->started_ms);
    (void)sqlite3_bind_int64(st, 4, e->o->finished_ms);
    (void)sqlite3_bind_int64(st, 5, e->version);
    (void)sqlite3_bind_int64(st, 6, e->attempt);
    (void)sqlite3_bind_int(st, 7, (int)e->o->kind);
    (void)sqlite3_bind_int(st, 8, e->app);
    sq_bind_span(st, 9, e->key);
    sq_bind_span(st, 10, error.len > 0 ? error : (struct span){NULL, 0});
    if (q == SQL_EXEC_MORE_ADD)
        (void)sqlite3_bind_int64(st, 11, number);
    r = sq_run(x, st, err);
    return r < 0 ? r : sqlite3_changes(x->db);
}

int sq_history_add(struct sq_session *x, struct sq_history *h,
                   const struct sq_execution *e, struct err *err)
{
    struct ref ref = {e->job_id, e->app};
    int r = 0;

    if (e->attempt == 1)
        r = add(x, SQL_EXEC_FIRST_ADD, 0, e, err);
    if (r == 0) { /* not its first */
        ref.number = -++x->last_more;
        r = add(x, SQL_EXEC_MORE_ADD, x->last_more, e, err);
    }
    if (r < 0)
        return r;
    encode(h->refs + h->count++ * SQ_REF_BYTES, &ref);
    return 0;
}

int sq_history_log(struct sq_session *x, const struct sq_history *h,
                   int64_t now_ms, struct err *err)
{
    sqlite3_stmt *st = sq_stmt(x, SQL_EXEC_LOG_ADD, err);
    int64_t at = now_ms << JOB_POS_SHIFT;
    int r = 0;

    if (st == NULL)
        return -EIO;
    if (at <= x->last_log)
        at = x->last_log + 1;
    for (size_t i = 0; i < h->count && r == 0; i += LOG_ROW) {
        size_t n = h->count - i < LOG_ROW ? h->count - i : LOG_ROW;

        (void)sqlite3_bind_int64(st, 1, at);
        (void)sqlite3_bind_blob(st, 2, h->refs + i * SQ_REF_BYTES,
                                (int)(n * SQ_REF_BYTES), SQLITE_STATIC);
        r = sq_run(x, st, err);
        x->last_log = at++;
    }
    return r;
}

/* ---- reading -------------------------------------------------------------------- */

static int give(struct sq_session *x, sqlite3_stmt *st, execution_fn *fn,
                void *arg, struct err *err)
{
    const struct app_name *app = sq_app_name(x, sqlite3_column_int(st, 7), err);

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

static int of_job(struct sq_session *x, const struct execution_query *q,
                  execution_fn *fn, void *arg, struct err *err)
{
    sqlite3_stmt *st = sq_stmt(x, SQL_EXEC_OF_JOB, err);
    int r;

    if (st == NULL)
        return -EIO;
    (void)sqlite3_bind_int64(st, 1, q->id);
    (void)sqlite3_bind_int64(st, 2, q->cap > INT64_MAX ? -1 : (int64_t)q->cap);
    while ((r = sq_row(x, st, err)) > 0) {
        r = give(x, st, fn, arg, err);
        if (r < 0)
            break;
    }
    (void)sqlite3_reset(st);
    return r;
}

/* Gives the execution that a reference names: 1, 0 when it is gone. */
static int give_ref(struct sq_session *x, const struct ref *ref,
                    execution_fn *fn, void *arg, struct err *err)
{
    sqlite3_stmt *st = sq_stmt(
        x, ref->number > 0 ? SQL_EXEC_FIRST_GET : SQL_EXEC_MORE_GET, err);
    int found, r = 0;

    if (st == NULL)
        return -EIO;
    (void)sqlite3_bind_int64(st, 1,
                             ref->number > 0 ? ref->number : -ref->number);
    found = sq_row(x, st, err);
    if (found > 0)
        r = give(x, st, fn, arg, err);
    (void)sqlite3_reset(st);
    return r < 0 ? r : found;
}

int sq_history_piece(struct sq_session *x, int64_t *at, execution_fn *fn,
                     void *arg, struct err *err)
{
    sqlite3_stmt *st = sq_stmt(x, SQL_EXEC_LOG_UP, err);
    struct span s;
    int found, r = 0;

    if (st == NULL)
        return -EIO;
    (void)sqlite3_bind_int64(st, 1, *at);
    found = sq_row(x, st, err);
    if (found <= 0)
        return found;
    *at = sqlite3_column_int64(st, 0);
    s = sq_column_span(st, 1);
    for (size_t i = 0; i < s.len / SQ_REF_BYTES && r >= 0; i++) {
        struct ref ref =
            decode((const unsigned char *)s.data + i * SQ_REF_BYTES);

        r = give_ref(x, &ref, fn, arg, err);
    }
    (void)sqlite3_reset(st);
    return r < 0 ? r : 1;
}

static int newest(struct sq_session *x, const struct execution_query *q,
                  int32_t app, execution_fn *fn, void *arg, struct err *err)
{
    sqlite3_stmt *log = sq_stmt(x, SQL_EXEC_LOG_DOWN, err);
    size_t given = 0;
    int r = 1;

    if (log == NULL)
        return -EIO;
    while (given < q->cap && (r = sq_row(x, log, err)) > 0) {
        struct span s = sq_column_span(log, 0);
        const unsigned char *refs = s.data;

        for (size_t i = s.len / SQ_REF_BYTES; i-- > 0 && given < q->cap;) {
            struct ref ref = decode(refs + i * SQ_REF_BYTES);

            if (app != 0 && ref.app != app)
                continue;
            r = give_ref(x, &ref, fn, arg, err);
            if (r < 0)
                goto out;
            given += (size_t)r;
        }
    }
out:
    (void)sqlite3_reset(log);
    return r < 0 ? r : 0;
}

int sq_executions(struct store_session *sx, const struct execution_query *q,
                  execution_fn *fn, void *arg, struct err *err)
{
    struct sq_session *x = sq_session(sx);
    int32_t app = 0;

    if (q->id > 0)
        return of_job(x, q, fn, arg, err);
    if (q->app != NULL) {
        app = sq_app_number(x, q->app, false, err);
        if (app <= 0)
            return app;
    }
    return newest(x, q, app, fn, arg, err);
}

/* One table's rows behind w->at[1], the cap'th at most; w->at[1] moves to the
 * last one looked at.  How many. */
static int walk_table(struct sq_session *x, struct history_walk *w, int32_t app,
                      execution_fn *fn, void *arg, struct err *err)
{
    sqlite3_stmt *st = sq_stmt(
        x, w->at[0] == 0 ? SQL_EXEC_FIRST_WALK : SQL_EXEC_MORE_WALK, err);
    int r, n = 0;

    if (st == NULL)
        return -EIO;
    (void)sqlite3_bind_int64(st, 1, w->at[1]);
    (void)sqlite3_bind_int64(st, 2, (int64_t)w->cap);
    while ((r = sq_row(x, st, err)) > 0) {
        int64_t finished = sqlite3_column_int64(st, 3);

        w->at[1] = sqlite3_column_int64(st, 10);
        n++;
        if ((app != 0 && sqlite3_column_int(st, 7) != app) ||
            finished < w->from || finished >= w->to)
            continue;
        r = give(x, st, fn, arg, err);
        if (r < 0)
            break;
    }
    (void)sqlite3_reset(st);
    return r < 0 ? r : n;
}

int sq_history_walk(struct store_session *sx, struct history_walk *w,
                    execution_fn *fn, void *arg, struct err *err)
{
    struct sq_session *x = sq_session(sx);
    int32_t app = 0;
    int n;

    w->end = false;
    if (w->app != NULL) {
        app = sq_app_number(x, w->app, false, err);
        w->end = app == 0;
        if (app <= 0)
            return app;
    }
    n = walk_table(x, w, app, fn, arg, err);
    if (n < 0)
        return n;
    if ((size_t)n < w->cap) { /* this table has no more */
        w->end = w->at[0] != 0;
        w->at[0] = 1;
        w->at[1] = 0;
    }
    return 0;
}

/* ---- the past ---------------------------------------------------------------------- */

static int remove_number(struct sq_session *x, enum sql q, int64_t number,
                         struct err *err)
{
    sqlite3_stmt *st = sq_stmt(x, q, err);

    if (st == NULL)
        return -EIO;
    (void)sqlite3_bind_int64(st, 1, number);
    return sq_run(x, st, err);
}

/* Removes what the oldest row of the log names, and it: how many, 0 when it is
 * not old enough. */
static int prune_oldest(struct sq_session *x, int64_t before_ms,
                        struct err *err)
{
    sqlite3_stmt *st = sq_stmt(x, SQL_EXEC_LOG_OLDEST, err);
    unsigned char refs[LOG_ROW * SQ_REF_BYTES];
    size_t n = 0;
    int64_t at;
    int r;

    if (st == NULL)
        return -EIO;
    (void)sqlite3_bind_int64(st, 1, job_pos_at(before_ms));
    r = sq_row(x, st, err);
    if (r <= 0)
        return r;
    at = sqlite3_column_int64(st, 0);
    n = sq_column_span(st, 1).len / SQ_REF_BYTES;
    if (n > LOG_ROW)
        n = LOG_ROW;
    if (n > 0)
        memcpy(refs, sq_column_span(st, 1).data, n * SQ_REF_BYTES);
    (void)sqlite3_reset(st);
    r = 0;
    for (size_t i = 0; i < n && r == 0; i++) {
        struct ref ref = decode(refs + i * SQ_REF_BYTES);

        r = ref.number > 0
                ? remove_number(x, SQL_EXEC_FIRST_DELETE, ref.number, err)
                : remove_number(x, SQL_EXEC_MORE_DELETE, -ref.number, err);
    }
    if (r == 0)
        r = remove_number(x, SQL_EXEC_LOG_DELETE, at, err);
    return r < 0 ? r : n > 0 ? (int)n : 1;
}

int sq_history_prune(struct sq_session *x, int64_t before_ms, size_t rows,
                     struct err *err)
{
    size_t gone = 0;
    int r = 1;

    while (gone < rows && r > 0) {
        r = prune_oldest(x, before_ms, err);
        gone += r > 0 ? (size_t)r : 0;
    }
    return r < 0 ? r : (int)gone;
}
