/* SPDX-License-Identifier: Apache-2.0
 *
 * store/mysql/history.c - see history.h.  The session's thread.
 */
#include "config.h"

#include "store/mysql/history.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define STATEMENT (1 << 20)

#define SELECT                                                                 \
    "SELECT job_id,scheduled,started,finished,version,attempt,outcome,app,"    \
    "job_key,error FROM executions "

static const char insert[] =
    "INSERT INTO executions(finished,job_id,version,attempt,app,outcome,"
    "scheduled,started,job_key,error) VALUES";

void md_history_begin(struct md_session *x)
{
    (void)md_sql(x, insert);
}

int md_history_end(struct md_session *x, struct err *err)
{
    if (x->sql.len == strlen(insert))
        return 0;
    md_end_list(x, " ON DUPLICATE KEY UPDATE outcome=VALUES(outcome)");
    return md_run(x, err);
}

int md_history_add(struct md_session *x, const struct md_execution *e,
                   struct err *err)
{
    struct span error = store_error_cut(e->o->error);
    int r = 0;

    if (x->sql.len > STATEMENT) {
        r = md_history_end(x, err);
        md_history_begin(x);
    }
    (void)buf_addf(&x->sql,
                   "(%" PRId64 ",%" PRId64 ",%u,%u,%d,%d,%" PRId64 ",%" PRId64
                   ",",
                   e->o->finished_ms, e->job_id, e->version, e->attempt, e->app,
                   (int)e->o->kind, e->scheduled, e->o->started_ms);
    md_add_bytes(x, e->key.len > 0 ? e->key : (struct span){NULL, 0});
    md_add_bytes(x, error.len > 0 ? error : (struct span){NULL, 0});
    md_end_list(x, "),");
    return r;
}

static int give(struct md_session *x, const struct md_rows *q, execution_fn *fn,
                void *arg, struct err *err)
{
    const struct app_name *app = md_app_name(x, (int32_t)md_int(q, 7), err);

    if (app == NULL)
        return -EUCLEAN;
    fn(arg, &(struct execution){
                .job_id = md_int(q, 0),
                .scheduled_ms = md_int(q, 1),
                .started_ms = md_int(q, 2),
                .finished_ms = md_int(q, 3),
                .version = (uint32_t)md_int(q, 4),
                .attempt = (uint32_t)md_int(q, 5),
                .outcome = (enum outcome_kind)md_int(q, 6),
                .app = app->text,
                .key = md_span(q, 8),
                .error = md_span(q, 9),
            });
    return 0;
}

int md_executions(struct store_session *sx, const struct execution_query *q,
                  execution_fn *fn, void *arg, struct err *err)
{
    struct md_session *x = md_session(sx);
    struct md_rows rows = {0};
    int32_t app = 0;
    int r = md_connect(x, err);

    if (r == 0 && q->id <= 0 && q->app != NULL) {
        app = md_app_number(x, q->app, false, err);
        if (app <= 0)
            return app;
    }
    if (r < 0)
        return r;
    (void)md_sql(x, SELECT);
    if (q->id > 0)
        (void)buf_addf(&x->sql,
                       "WHERE job_id=%" PRId64 " ORDER BY version,attempt",
                       q->id);
    else if (app > 0)
        (void)buf_addf(&x->sql, "WHERE app=%d ORDER BY finished DESC", app);
    else
        (void)buf_adds(&x->sql, "ORDER BY finished DESC");
    (void)buf_addf(&x->sql, " LIMIT %zu",
                   q->cap < 1000000 ? q->cap : (size_t)1000000);
    r = md_select(x, &rows, err);
    while (r == 0 && md_next(&rows))
        r = give(x, &rows, fn, arg, err);
    md_rows_done(&rows);
    return r;
}

/* ---- all of it ------------------------------------------------------------------ */

struct place { /* of the last execution that was given */
    int64_t finished, job_id;
    uint32_t version, attempt;
    size_t n; /* how many there were */
};

/* Gives what x->sql selects. */
static int walk(struct md_session *x, execution_fn *fn, void *arg,
                struct place *last, struct err *err)
{
    struct md_rows q;
    int r = md_select(x, &q, err);

    while (r == 0 && md_next(&q)) {
        last->job_id = md_int(&q, 0);
        last->finished = md_int(&q, 3);
        last->version = (uint32_t)md_int(&q, 4);
        last->attempt = (uint32_t)md_int(&q, 5);
        last->n++;
        r = give(x, &q, fn, arg, err);
    }
    md_rows_done(&q);
    return r;
}

int md_history_walk(struct store_session *sx, struct history_walk *w,
                    execution_fn *fn, void *arg, struct err *err)
{
    struct md_session *x = md_session(sx);
    struct place last = {0};
    int64_t from = w->at[0] > w->from ? w->at[0] : w->from;
    char app[32] = "";
    int r = md_connect(x, err);

    w->end = false;
    if (r == 0 && w->app != NULL) {
        r = md_app_number(x, w->app, false, err);
        w->end = r == 0;
        if (r <= 0)
            return r;
        (void)snprintf(app, sizeof(app), " AND app=%d", r);
        r = 0;
    }
    if (r < 0)
        return r;
    (void)md_sql(x, SELECT);
    (void)buf_addf(&x->sql,
                   "WHERE finished>=%" PRId64 " AND finished<%" PRId64
                   " AND (finished>%" PRId64 " OR job_id>%" PRId64
                   ")%s ORDER BY finished,job_id,version,attempt LIMIT %zu",
                   from, w->to, w->at[0], w->at[1], app, w->cap);
    r = walk(x, fn, arg, &last, err);
    if (r < 0)
        return r;
    w->end = last.n < w->cap;
    if (last.n == 0)
        return 0;
    w->at[0] = last.finished;
    w->at[1] = last.job_id;
    (void)md_sql(x, SELECT); /* what the limit has cut off of this job */
    (void)buf_addf(&x->sql,
                   "WHERE finished=%" PRId64 " AND job_id=%" PRId64
                   " AND (version>%u OR (version=%u AND attempt>%u))%s "
                   "ORDER BY version,attempt",
                   last.finished, last.job_id, last.version, last.version,
                   last.attempt, app);
    return walk(x, fn, arg, &last, err);
}
