/* SPDX-License-Identifier: Apache-2.0
 *
 * store/mysql/quartz.c - reads another scheduler's tables: see store/quartz.h.
 * The caller's thread, on a connection of its own.
 */
#include "config.h"

#include "store/quartz.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job/job.h"
#include "store/mysql/conn.h"

#define PAGE 1000
#define TABLES 4000 /* ten years of days */
#define NAME 65

struct reader {
    const struct quartz_request *q;
    struct md_store *st;
    struct md_session *x;
    char (*tables)[NAME];
    size_t count;
    bool history; /* there is a table of it */
    uint64_t earlier;
};

/* Whether name is <app>_scheduled_jobs_<yyyymmdd>. */
static bool is_ours(const char *name, const char *app)
{
    static const char middle[] = "_scheduled_jobs_";
    size_t n = strlen(app);

    if (strncmp(name, app, n) != 0 ||
        strncmp(name + n, middle, sizeof(middle) - 1) != 0)
        return false;
    name += n + sizeof(middle) - 1;
    return strlen(name) == 8 && strspn(name, "0123456789") == 8;
}

static int find_tables(struct reader *t, struct err *err)
{
    char name[NAME + 1], history[128];
    struct md_rows q;
    int r;

    (void)snprintf(history, sizeof(history), "%s_job_execution_history",
                   t->q->app);
    r = md_selectf(t->x, &q, err,
                   "SELECT table_name FROM information_schema.tables "
                   "WHERE table_schema=DATABASE() AND table_type='BASE TABLE' "
                   "ORDER BY table_name");
    while (r == 0 && md_next(&q)) {
        md_copy(&q, 0, name, sizeof(name));
        t->history = t->history || strcmp(name, history) == 0;
        if (t->count < TABLES && is_ours(name, t->q->app))
            (void)snprintf(t->tables[t->count++], NAME, "%.64s", name);
    }
    md_rows_done(&q);
    if (r == 0 && t->count == 0)
        r = err_set(err, -ENOENT,
                    "there is no table %s_scheduled_jobs_YYYYMMDD in that "
                    "database",
                    t->q->app);
    return r;
}

/* How many rows lie before `from`. */
static int count_earlier(struct reader *t, const char *table, struct err *err)
{
    struct md_rows q;
    int r;

    (void)md_sql(t->x, "SELECT COUNT(*) FROM `");
    (void)buf_adds(&t->x->sql, table);
    (void)buf_adds(&t->x->sql, "` WHERE scheduled_time<");
    md_add_text(t->x, t->q->from);
    md_end_list(t->x, "");
    r = md_select(t->x, &q, err);
    if (r == 0 && md_next(&q))
        t->earlier += (uint64_t)md_int(&q, 0);
    md_rows_done(&q);
    return r;
}

/* The page of a table behind the row with that id. */
static void ask_page(struct reader *t, const char *table, const struct buf *id)
{
    struct md_session *x = t->x;

    (void)md_sql(x, "SELECT s.id,DATE_FORMAT(s.scheduled_time,"
                    "'%Y-%m-%d %H:%i:%s.%f'),s.job_data,");
    if (t->history)
        (void)buf_addf(&x->sql,
                       "EXISTS(SELECT 1 FROM `%s_job_execution_history` h "
                       "WHERE h.job_id=CAST(s.id AS CHAR) AND "
                       "h.status<>'SCHEDULED')",
                       t->q->app);
    else
        (void)buf_adds(&x->sql, "0");
    (void)buf_addf(&x->sql, " FROM `%s` s WHERE s.scheduled_time>=", table);
    md_add_text(x, t->q->from);
    md_end_list(x, "");
    if (id->len > 0) {
        (void)buf_adds(&x->sql, " AND s.id>");
        md_add_bytes(x, (struct span){id->data, id->len});
        md_end_list(x, "");
    }
    (void)buf_addf(&x->sql, " ORDER BY s.id LIMIT %d", PAGE);
}

static int give_page(struct reader *t, const char *table, struct md_rows *q,
                     struct buf *id, int *ret_rows, struct err *err)
{
    int r = 0;

    for (*ret_rows = 0; r == 0 && md_next(q); ++*ret_rows) {
        const struct quartz_row row = {.table = table,
                                       .id = md_span(q, 0),
                                       .time = md_span(q, 1),
                                       .data = md_span(q, 2),
                                       .executed = md_int(q, 3) != 0};

        r = t->q->fn(t->q->arg, &row, err);
        buf_reset(id);
        if (r == 0 && buf_add(id, row.id.data, row.id.len) < 0)
            r = err_again(err, -ENOMEM, "no memory");
    }
    return r;
}

static int read_table(struct reader *t, const char *table, struct err *err)
{
    struct buf id = BUF_INIT(4096);
    int r = count_earlier(t, table, err), rows = PAGE;
    struct md_rows q;

    while (r == 0 && rows == PAGE) {
        ask_page(t, table, &id);
        r = md_select(t->x, &q, err);
        if (r == 0)
            r = give_page(t, table, &q, &id, &rows, err);
        md_rows_done(&q);
    }
    buf_done(&id);
    return r < 0 ? err_wrap(err, "%s", table) : 0;
}

int md_quartz_read(const struct quartz_request *q, uint64_t *ret_earlier,
                   struct err *err)
{
    struct store_session *sx = NULL;
    struct reader t = {.q = q};
    int r;

    if (app_name_s(q->app) == NULL)
        return err_set(err, -EINVAL, "no app can be called %.64s", q->app);
    if (strncmp(q->url, MD_SCHEME, strlen(MD_SCHEME)) != 0)
        return err_set(err, -EINVAL, "the address is not mysql://...");
    t.st = calloc(1, sizeof(*t.st));
    t.tables = calloc(TABLES, sizeof(*t.tables));
    if (t.st == NULL || t.tables == NULL) {
        r = err_again(err, -ENOMEM, "no memory for an import");
        goto out;
    }
    t.st->base.ops = &store_mysql;
    r = md_url_parse(q->url, &t.st->url, err);
    if (r == 0)
        r = md_session_open(&t.st->base, false, &sx, err);
    if (r == 0) {
        t.x = md_session(sx);
        r = find_tables(&t, err);
    }
    for (size_t i = 0; i < t.count && r == 0; i++)
        r = read_table(&t, t.tables[i], err);
    *ret_earlier = t.earlier;
out:
    if (sx != NULL)
        md_session_close(sx);
    if (t.st != NULL)
        md_url_done(&t.st->url);
    free(t.st);
    free(t.tables);
    return r;
}
