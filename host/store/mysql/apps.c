/* SPDX-License-Identifier: Apache-2.0
 *
 * store/mysql/apps.c - see apps.h.  The session's thread.
 */
#include "config.h"

#include "store/mysql/apps.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/mysql/conn.h"
#include "store/mysql/days.h"

#define APPS_MOST 1000000

void md_apps_done(struct md_apps *a)
{
    free(a->number);
    free(a->row);
    *a = (struct md_apps){0};
}

void md_apps_rollback(struct md_apps *a)
{
    for (size_t i = 0; i < a->row_cap; i++) {
        if (a->row[i].touched) {
            a->row[i].delta = (struct md_delta){0};
            a->row[i].touched = false;
        }
    }
}

static int grow_numbers(struct md_apps *a, size_t index)
{
    size_t cap = (index + 1) * 2;
    int32_t *more;

    if (index < a->number_cap)
        return 0;
    more = realloc(a->number, cap * sizeof(*more));
    if (more == NULL)
        return -ENOMEM;
    memset(more + a->number_cap, 0, (cap - a->number_cap) * sizeof(*more));
    a->number = more;
    a->number_cap = cap;
    return 0;
}

static int grow_rows(struct md_apps *a, size_t number)
{
    size_t cap = (number + 1) * 2;
    struct md_app *more;

    if (number < a->row_cap)
        return 0;
    more = realloc(a->row, cap * sizeof(*more));
    if (more == NULL)
        return -ENOMEM;
    memset(more + a->row_cap, 0, (cap - a->row_cap) * sizeof(*more));
    a->row = more;
    a->row_cap = cap;
    return 0;
}

static int know(struct md_session *x, const struct app_name *name,
                int64_t number, struct err *err)
{
    if (name == NULL || number <= 0 || number > APPS_MOST)
        return err_set(err, -EUCLEAN, "app %" PRId64 " has no valid name",
                       number);
    if (grow_numbers(&x->apps, name->index) < 0 ||
        grow_rows(&x->apps, (size_t)number) < 0)
        return err_again(err, -ENOMEM, "no memory for an app");
    x->apps.number[name->index] = (int32_t)number;
    x->apps.row[number].name = name;
    return 0;
}

int32_t md_app_known(const struct md_session *x, const struct app_name *app)
{
    return app->index < x->apps.number_cap ? x->apps.number[app->index] : 0;
}

/* Reads the rows that a condition names. */
static int look(struct md_session *x, const char *column, const char *value,
                struct err *err)
{
    struct md_rows q;
    int r;

    r = md_selectf(x, &q, err, "SELECT id,name FROM apps WHERE %s='%s'", column,
                   value);
    if (r == 0 && md_next(&q)) {
        struct span s = md_span(&q, 1);

        r = know(x, app_name(s.data, s.len), md_int(&q, 0), err);
    }
    md_rows_done(&q);
    return r;
}

int32_t md_app_number(struct md_session *x, const struct app_name *app,
                      bool add, struct err *err)
{
    int32_t n = md_app_known(x, app);
    int r;

    if (n > 0)
        return n;
    r = md_connect(x, err);
    if (r == 0)
        r = look(x, "name", app->text, err); /* names need no quoting */
    n = r == 0 ? md_app_known(x, app) : 0;
    if (r < 0 || n > 0 || !add)
        return r < 0 ? r : n;
    r = md_runf(x, err, "INSERT IGNORE INTO apps(name) VALUES('%s')",
                app->text);
    if (r == 0)
        r = look(x, "name", app->text, err);
    n = r == 0 ? md_app_known(x, app) : 0;
    if (n > 0)
        r = md_days_views(x, app, n, clock_wall_ms(), err);
    if (r == 0 && n == 0)
        r = err_set(err, -EUCLEAN, "the store does not keep app %s", app->text);
    return r < 0 ? r : n;
}

const struct app_name *md_app_name(struct md_session *x, int32_t number,
                                   struct err *err)
{
    char text[16];
    struct buf b = BUF_FIXED(text);

    if (number <= 0 || (size_t)number >= x->apps.row_cap ||
        x->apps.row[number].name == NULL) {
        (void)buf_addi(&b, number);
        if (look(x, "id", buf_cstr(&b), err) < 0)
            return NULL;
    }
    if (number <= 0 || (size_t)number >= x->apps.row_cap ||
        x->apps.row[number].name == NULL) {
        (void)err_set(err, -EUCLEAN, "a row has app %d, which is not there",
                      number);
        return NULL;
    }
    return x->apps.row[number].name;
}

struct md_delta *md_app_delta(struct md_session *x, int32_t number)
{
    x->apps.row[number].touched = true;
    return &x->apps.row[number].delta;
}

int md_apps_flush(struct md_session *x, struct err *err)
{
    bool any = false;

    (void)md_sql(x, "INSERT INTO app_counts(slot,app,pending,succeeded,dead,"
                    "canceled,retried) VALUES");
    for (size_t i = 0; i < x->apps.row_cap; i++) {
        const struct md_delta *d = &x->apps.row[i].delta;

        if (!x->apps.row[i].touched)
            continue;
        any = true;
        (void)buf_addf(&x->sql,
                       "(%d,%zu,%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64
                       ",%" PRId64 "),",
                       x->slot, i, d->pending, d->succeeded, d->dead,
                       d->canceled, d->retried);
    }
    if (!any)
        return 0;
    md_end_list(x, " ON DUPLICATE KEY UPDATE pending=pending+VALUES(pending),"
                   "succeeded=succeeded+VALUES(succeeded),"
                   "dead=dead+VALUES(dead),canceled=canceled+VALUES(canceled),"
                   "retried=retried+VALUES(retried)");
    return md_run(x, err);
}

int md_counts(struct store_session *sx, struct store_count *out, size_t cap,
              struct err *err)
{
    struct md_session *x = md_session(sx);
    struct md_rows q;
    size_t n = 0;
    int r = md_connect(x, err);

    if (r < 0)
        return r;
    r = md_selectf(x, &q, err,
                   "SELECT a.name,SUM(c.pending),SUM(c.succeeded),SUM(c.dead),"
                   "SUM(c.canceled),SUM(c.retried) FROM apps a LEFT JOIN "
                   "app_counts c ON c.app=a.id GROUP BY a.id,a.name "
                   "ORDER BY a.id");
    while (r == 0 && n < cap && md_next(&q)) {
        struct span s = md_span(&q, 0);
        const struct app_name *app = app_name(s.data, s.len);

        if (app == NULL)
            continue;
        out[n++] = (struct store_count){.app = app->text,
                                        .pending = md_int(&q, 1),
                                        .succeeded = md_int(&q, 2),
                                        .dead = md_int(&q, 3),
                                        .canceled = md_int(&q, 4),
                                        .retried = md_int(&q, 5)};
    }
    md_rows_done(&q);
    return r < 0 ? r : (int)n;
}
