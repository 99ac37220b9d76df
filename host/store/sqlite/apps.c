/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/apps.c - apps by number; see apps.h.  The session's thread.
 */
#include "config.h"

#include "store/sqlite/apps.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/sqlite/schema.h"
#include "store/sqlite/session.h"

void sq_apps_done(struct sq_apps *a)
{
    free(a->number);
    free(a->row);
    memset(a, 0, sizeof(*a));
}

void sq_apps_committed(struct sq_apps *a)
{
    a->added = false;
}

void sq_apps_rollback(struct sq_apps *a)
{
    for (size_t i = 0; i < a->row_cap; i++) {
        memset(&a->row[i].delta, 0, sizeof(a->row[i].delta));
        a->row[i].touched = false;
    }
    if (!a->added)
        return;
    a->added = false;
    sq_apps_done(a); /* read again when needed */
}

/* Makes room for index i in an array of *cap elements of size, zeroed. */
static int reach(void **array, size_t *cap, size_t i, size_t size)
{
    size_t want = *cap > 0 ? *cap : 16;
    char *p;

    if (i < *cap)
        return 0;
    while (want <= i)
        want *= 2;
    p = realloc(*array, want * size);
    if (p == NULL)
        return -ENOMEM;
    memset(p + *cap * size, 0, (want - *cap) * size);
    *array = p;
    *cap = want;
    return 0;
}

static int note(struct sq_apps *a, int32_t number, const struct app_name *name,
                struct err *err)
{
    void *numbers = a->number, *rows = a->row;
    int r;

    r = reach(&numbers, &a->number_cap, name->index, sizeof(*a->number));
    a->number = numbers;
    if (r == 0)
        r = reach(&rows, &a->row_cap, (size_t)number, sizeof(*a->row));
    a->row = rows;
    if (r < 0)
        return err_again(err, r, "no memory for the names of apps");
    a->number[name->index] = number;
    a->row[number].name = name;
    if (number > a->last)
        a->last = number;
    return 0;
}

/* Reads the apps that have come since we last looked. */
static int refresh(struct sq_session *x, struct err *err)
{
    sqlite3_stmt *st = sq_stmt(x, SQL_APP_ALL, err);
    const struct app_name *name;
    int r;

    if (st == NULL)
        return -EIO;
    (void)sqlite3_bind_int(st, 1, x->apps.last);
    while ((r = sq_row(x, st, err)) > 0) {
        struct span s = sq_column_span(st, 1);

        name = app_name(s.data, s.len);
        if (name == NULL)
            r = err_set(err, -EUCLEAN, "the store has an app named \"%.*s\"",
                        (int)s.len, (const char *)s.data);
        else
            r = note(&x->apps, sqlite3_column_int(st, 0), name, err);
        if (r < 0)
            break;
    }
    (void)sqlite3_reset(st);
    return r;
}

static int32_t known(const struct sq_apps *a, const struct app_name *app)
{
    return app->index < a->number_cap ? a->number[app->index] : 0;
}

static int32_t add_app(struct sq_session *x, const struct app_name *app,
                       struct err *err)
{
    sqlite3_stmt *st = sq_stmt(x, SQL_APP_ADD, err);
    int32_t number;
    int r;

    if (st == NULL)
        return -EIO;
    x->apps.added = true;
    (void)sqlite3_bind_text(st, 1, app->text, -1, SQLITE_STATIC);
    r = sq_run(x, st, err);
    if (r < 0)
        return r;
    number = (int32_t)sqlite3_last_insert_rowid(x->db);
    r = sq_schema_app_views(x->db, app->text, number, err);
    if (r == 0)
        r = note(&x->apps, number, app, err);
    return r < 0 ? r : number;
}

int32_t sq_app_number(struct sq_session *x, const struct app_name *app,
                      bool add, struct err *err)
{
    int32_t n = known(&x->apps, app);
    int r;

    if (n > 0)
        return n;
    r = refresh(x, err);
    if (r < 0)
        return r;
    n = known(&x->apps, app);
    return n > 0 || !add ? n : add_app(x, app, err);
}

const struct app_name *sq_app_name(struct sq_session *x, int32_t number,
                                   struct err *err)
{
    struct sq_apps *a = &x->apps;

    if (number > a->last && refresh(x, err) < 0)
        return NULL;
    if (number > 0 && number <= a->last && a->row[number].name != NULL)
        return a->row[number].name;
    (void)err_set(err, -EUCLEAN,
                  "the store speaks of an app %d that it does "
                  "not have",
                  number);
    return NULL;
}

struct sq_delta *sq_app_delta(struct sq_session *x, int32_t number)
{
    struct sq_app *a = &x->apps.row[number];

    a->touched = true;
    return &a->delta;
}

int sq_apps_flush(struct sq_session *x, struct err *err)
{
    sqlite3_stmt *st;
    int r;

    for (int32_t i = 1; i <= x->apps.last; i++) {
        struct sq_app *a = &x->apps.row[i];

        if (!a->touched)
            continue;
        st = sq_stmt(x, SQL_APP_COUNT, err);
        if (st == NULL)
            return -EIO;
        (void)sqlite3_bind_int(st, 1, i);
        (void)sqlite3_bind_int64(st, 2, a->delta.pending);
        (void)sqlite3_bind_int64(st, 3, a->delta.succeeded);
        (void)sqlite3_bind_int64(st, 4, a->delta.dead);
        (void)sqlite3_bind_int64(st, 5, a->delta.canceled);
        (void)sqlite3_bind_int64(st, 6, a->delta.retried);
        r = sq_run(x, st, err);
        if (r < 0)
            return r;
        memset(&a->delta, 0, sizeof(a->delta));
        a->touched = false;
    }
    return 0;
}

int sq_counts(struct store_session *sx, struct store_count *out, size_t cap,
              struct err *err)
{
    struct sq_session *x = sq_session(sx);
    sqlite3_stmt *st;
    size_t n = 0;
    int r = refresh(x, err);

    if (r < 0)
        return r;
    st = sq_stmt(x, SQL_APP_ALL, err);
    if (st == NULL)
        return -EIO;
    (void)sqlite3_bind_int(st, 1, 0);
    while (n < cap && (r = sq_row(x, st, err)) > 0) {
        const struct app_name *name =
            sq_app_name(x, sqlite3_column_int(st, 0), err);

        if (name == NULL) {
            r = -EUCLEAN;
            break;
        }
        out[n++] = (struct store_count){
            .app = name->text,
            .pending = sqlite3_column_int64(st, 2),
            .succeeded = sqlite3_column_int64(st, 3),
            .dead = sqlite3_column_int64(st, 4),
            .canceled = sqlite3_column_int64(st, 5),
            .retried = sqlite3_column_int64(st, 6),
        };
    }
    (void)sqlite3_reset(st);
    return r < 0 ? r : (int)n;
}
