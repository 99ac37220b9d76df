/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/wish.c - wishes; see wish.h.  Written by the writing session's
 * thread, verdicts are read by any session's.
 */
#include "config.h"

#include "store/sqlite/wish.h"

#include <errno.h>
#include <stdlib.h>

#include "store/sqlite/change.h"
#include "store/sqlite/names.h"
#include "store/sqlite/row.h"

enum wish_column { /* of SQL_WISH_LIST */
                   W_NUMBER,
                   W_JOB,
                   W_KIND,
                   W_DUE,
                   W_SCHEDULED,
                   W_APP,
                   W_PRIORITY,
                   W_KEY,
                   W_PAYLOAD,
                   W_HEADERS,
                   W_MADE
};

int sq_wish_add(struct sq_session *x, int64_t job_id, const struct change *c,
                int64_t *ret_number, struct err *err)
{
    sqlite3_stmt *st = sq_stmt(x, SQL_WISH_ADD, err);
    const struct job *j = c->kind == CHANGE_REPLACE ? c->content : NULL;
    int32_t app;
    int r;

    if (st == NULL)
        return -EIO;
    (void)sqlite3_clear_bindings(st);
    (void)sqlite3_bind_int64(st, 1, job_id);
    (void)sqlite3_bind_int(st, 2, (int)c->kind);
    (void)sqlite3_bind_int64(st, 3, c->now_ms);
    (void)sqlite3_bind_int64(st, 4, j != NULL ? j->due_ms : c->due_ms);
    if (j != NULL) {
        app = sq_app_number(x, j->app, true, err);
        if (app < 0)
            return app;
        (void)sqlite3_bind_int64(st, 5, j->scheduled_ms);
        (void)sqlite3_bind_int(st, 6, app);
        (void)sqlite3_bind_int(st, 7, j->priority);
        sq_bind_span(st, 8, j->key);
        sq_bind_span(st, 9, j->payload);
        sq_bind_span(st, 10, j->headers);
    }
    r = sq_run(x, st, err);
    if (r < 0)
        return r;
    *ret_number = sqlite3_last_insert_rowid(x->db);
    x->open_wishes++; /* too many after a rollback only costs a look */
    return 0;
}

int sq_wish_waits(struct sq_session *x, int64_t job_id, struct err *err)
{
    sqlite3_stmt *st = sq_stmt(x, SQL_WISH_WAITS, err);
    int r;

    if (st == NULL)
        return -EIO;
    (void)sqlite3_bind_int64(st, 1, job_id);
    r = sq_row(x, st, err);
    (void)sqlite3_reset(st);
    return r;
}

static int read_content(struct sq_session *x, sqlite3_stmt *st,
                        struct job **ret, struct err *err)
{
    const struct job_text text = {
        .key = sq_column_span(st, W_KEY),
        .payload = sq_column_span(st, W_PAYLOAD),
        .headers = sq_column_span(st, W_HEADERS),
    };
    const struct app_name *app;
    struct job *j;

    app = sq_app_name(x, sqlite3_column_int(st, W_APP), err);
    if (app == NULL)
        return -EUCLEAN;
    j = job_new(app, &text);
    if (j == NULL)
        return err_again(err, -ENOMEM, "no memory for a wish");
    j->due_ms = sqlite3_column_int64(st, W_DUE);
    j->scheduled_ms = sqlite3_column_int64(st, W_SCHEDULED);
    j->created_ms = sqlite3_column_int64(st, W_MADE);
    j->priority = (uint8_t)sqlite3_column_int(st, W_PRIORITY);
    *ret = j;
    return 0;
}

static int read_wish(struct sq_session *x, sqlite3_stmt *st, struct wish **ret,
                     struct err *err)
{
    struct wish *w = calloc(1, sizeof(*w));
    int r = 0;

    if (w == NULL)
        return err_again(err, -ENOMEM, "no memory for a wish");
    list_init(&w->link);
    w->number = sqlite3_column_int64(st, W_NUMBER);
    w->job_id = sqlite3_column_int64(st, W_JOB);
    w->kind = (enum change_kind)sqlite3_column_int(st, W_KIND);
    w->due_ms = sqlite3_column_int64(st, W_DUE);
    if (w->kind == CHANGE_REPLACE)
        r = read_content(x, st, &w->content, err);
    if (r < 0)
        wish_free(&w);
    else
        *ret = w;
    return r;
}

int sq_wishes(struct store_session *sx, int64_t after, size_t cap,
              struct list *into, struct err *err)
{
    struct sq_session *x = sq_session(sx);
    sqlite3_stmt *st;
    struct list got;
    struct wish *w;
    int r;

    list_init(&got);
    st = sq_stmt(x, SQL_WISH_LIST, err);
    if (st == NULL)
        return -EIO;
    (void)sqlite3_bind_int64(st, 1, after);
    (void)sqlite3_bind_int64(st, 2, (int64_t)cap);
    while ((r = sq_row(x, st, err)) > 0) {
        r = read_wish(x, st, &w, err);
        if (r < 0)
            break;
        list_push(&got, &w->link);
    }
    (void)sqlite3_reset(st);
    if (r == 0) {
        list_splice(into, &got);
        return 0;
    }
    while (!list_empty(&got)) {
        w = list_of(list_pop(&got), struct wish, link);
        wish_free(&w);
    }
    return r;
}

/* ---- decisions ------------------------------------------------------------ */

static int set_verdict(struct sq_session *x, const struct wish *w,
                       enum verdict v, int64_t now_ms, struct err *err)
{
    sqlite3_stmt *st = sq_stmt(x, SQL_WISH_DECIDE, err);
    int r;

    if (st == NULL)
        return -EIO;
    (void)sqlite3_bind_int64(st, 1, w->number);
    (void)sqlite3_bind_int(st, 2, (int)v);
    (void)sqlite3_bind_int64(st, 3, now_ms);
    r = sq_run(x, st, err);
    if (r == 0 && sqlite3_changes(x->db) != 1)
        r = err_set(err, -EALREADY, "wish %lld was decided before",
                    (long long)w->number);
    return r;
}

/* The job may be in memory, or running: then it is another wish. */
static int replace_live(struct sq_session *x, const struct change *c,
                        struct sq_row *row, struct job **ret, struct err *err)
{
    struct change own = *c;
    int r = sq_change_row(x, &own, row, err);

    if (r == 0 && own.wish == 0)
        r = sq_job_get(x, row->id, ret, err);
    return r < 0 ? r : 0;
}

/* A replacement for a job that has ended: a job of its own, unless its key
 * has come to live again meanwhile; then it replaces that one. */
static int replace_ended(struct sq_session *x, const struct change *c,
                         struct job **ret, struct err *err)
{
    const struct job *j = c->content;
    const struct job_text text = {j->key, j->payload, j->headers};
    struct sq_name name = {0};
    struct sq_row row;
    int r;

    if (j->key.len > 0) {
        sq_name_hash(x, j->app, j->key, &name);
        r = sq_names_get(x, NAMES_KEYS, &name, 1, err);
        if (r == 0 && name.value > 0)
            r = sq_row_get(x, name.value, &j->key, &row, err);
        if (r > 0)
            return replace_live(x, c, &row, ret, err);
        if (r < 0)
            return r;
    }
    *ret = job_new(j->app, &text);
    if (*ret == NULL)
        return err_again(err, -ENOMEM, "no memory for a job");
    (*ret)->due_ms = j->due_ms;
    (*ret)->scheduled_ms = j->scheduled_ms != 0 ? j->scheduled_ms : j->due_ms;
    (*ret)->priority = j->priority;
    r = sq_row_add(x, *ret, c->now_ms, err);
    name.value = (*ret)->id;
    if (r == 0 && j->key.len > 0)
        r = sq_names_set(x, NAMES_KEYS, &name, 1, err);
    return r;
}

static int grant_cancel(struct sq_session *x, const struct change *c,
                        struct sq_row *row, struct err *err)
{
    struct job *j = NULL;
    int r;

    r = sq_job_get(x, row->id, &j, err);
    if (r > 0)
        r = sq_change_apply(x, c, row, err);
    if (r == 0)
        r = sq_change_forget(x, j->app, j->key, err);
    job_free(&j);
    return r;
}

static int grant(struct sq_session *x, const struct wish *w, int64_t now_ms,
                 struct job **ret, struct err *err)
{
    const struct change c = {.kind = w->kind,
                             .due_ms = w->due_ms,
                             .content = w->content,
                             .now_ms = now_ms};
    struct sq_row row;
    int r;

    r = sq_row_get(x, w->job_id, NULL, &row, err);
    if (r < 0)
        return r;
    if (r == 0 && w->kind == CHANGE_REPLACE)
        return replace_ended(x, &c, ret, err);
    if (r == 0 && w->kind == CHANGE_LOAD)
        return 0;
    if (r == 0)
        return err_set(err, -ENOENT, "job %lld is not live any more",
                       (long long)w->job_id);
    if (w->kind == CHANGE_CANCEL)
        return grant_cancel(x, &c, &row, err);
    r = sq_change_apply(x, &c, &row, err);
    if (r == 0)
        r = sq_job_get(x, row.id, ret, err);
    return r < 0 ? r : 0;
}

int sq_decide(struct store_session *sx, const struct wish *w, enum verdict v,
              int64_t now_ms, struct job **ret_job, struct err *err)
{
    struct sq_session *x = sq_session(sx);
    int r;

    r = sq_begin(x, w->kind != CHANGE_LOAD, err);
    if (r < 0)
        return r;
    r = set_verdict(x, w, v, now_ms, err);
    if (r == 0 && v == VERDICT_OK)
        r = grant(x, w, now_ms, ret_job, err);
    if (r == 0)
        r = sq_commit(x, NULL, err);
    else
        sq_rollback(x);
    if (r < 0)
        job_free(ret_job);
    else if (x->open_wishes > 0)
        x->open_wishes--;
    return r;
}

int sq_verdict(struct store_session *sx, int64_t number, enum verdict *ret,
               struct err *err)
{
    struct sq_session *x = sq_session(sx);
    sqlite3_stmt *st = sq_stmt(x, SQL_WISH_VERDICT, err);
    int r;

    if (st == NULL)
        return -EIO;
    (void)sqlite3_bind_int64(st, 1, number);
    r = sq_row(x, st, err);
    if (r == 0)
        return err_set(err, -ENOENT, "there is no wish %lld",
                       (long long)number);
    if (r > 0)
        *ret = (enum verdict)sqlite3_column_int(st, 0);
    (void)sqlite3_reset(st);
    return r < 0 ? r : 0;
}
