/* SPDX-License-Identifier: Apache-2.0
 *
 * store/mysql/wish.c - leaving and reading wishes; see wish.h.  decide.c has
 * the decisions.  The session's thread.
 */
#include "config.h"

#include "store/mysql/wish.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

enum wish_column { /* of read_wish() */
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
                   W_MADE,
                   W_SHARD
};

static int draw(struct md_session *x, size_t n, int64_t *ret, struct err *err)
{
    int r = md_runf(x, err,
                    "UPDATE meta SET value=LAST_INSERT_ID(CAST(value AS "
                    "UNSIGNED)+%zu) WHERE name='next_wish'",
                    n);

    if (r == 0)
        *ret = (int64_t)mysql_insert_id(x->db) - (int64_t)n;
    return r;
}

int md_wish_add(struct md_session *x, uint32_t shard, int64_t job_id,
                const struct change *c, int64_t *ret_number, struct err *err)
{
    const struct job *j = c->kind == CHANGE_REPLACE ? c->content : NULL;
    int r = draw(x, 1, ret_number, err);

    if (r < 0)
        return r;
    (void)md_sql(x, "INSERT INTO wishes(number,shard,job_id,kind,made,due");
    (void)buf_adds(&x->sql, j != NULL ? ",scheduled,app,priority,job_key,"
                                        "payload,headers) VALUES("
                                      : ") VALUES(");
    (void)buf_addf(&x->sql, "%" PRId64 ",%u,%" PRId64 ",%d,%" PRId64 ",",
                   *ret_number, shard, job_id, (int)c->kind, c->now_ms);
    md_add_int(x, j != NULL ? j->due_ms : c->due_ms);
    if (j != NULL) {
        md_add_int(x, j->scheduled_ms);
        md_add_int(x, md_app_known(x, j->app));
        md_add_int(x, j->priority);
        md_add_bytes(x, j->key);
        md_add_bytes(x, j->payload);
        md_add_bytes(x, j->headers);
    }
    md_end_list(x, ")");
    return md_run(x, err);
}

int md_wish_add_loads(struct md_session *x, struct job *const *jobs, size_t n,
                      int64_t now_ms, struct err *err)
{
    int64_t number = 0;
    int r;

    if (n == 0)
        return 0;
    r = draw(x, n, &number, err);
    if (r < 0)
        return r;
    (void)md_sql(x, "INSERT INTO wishes(number,shard,job_id,kind,made) VALUES");
    for (size_t i = 0; i < n; i++)
        (void)buf_addf(&x->sql, "(%" PRId64 ",%u,%" PRId64 ",%d,%" PRId64 "),",
                       number++, jobs[i]->shard, jobs[i]->id, CHANGE_LOAD,
                       now_ms);
    md_end_list(x, "");
    return md_run(x, err);
}

int md_wish_waits(struct md_session *x, int64_t job_id, struct err *err)
{
    struct md_rows q;
    int r;

    r = md_selectf(x, &q, err,
                   "SELECT 1 FROM wishes WHERE job_id=%" PRId64
                   " AND verdict=0 AND kind<>%d LIMIT 1",
                   job_id, CHANGE_LOAD);
    if (r == 0 && md_next(&q))
        r = 1;
    md_rows_done(&q);
    return r;
}

/* ---- reading ------------------------------------------------------------------ */

static int read_content(struct md_session *x, const struct md_rows *q,
                        struct job **ret, struct err *err)
{
    const struct job_text text = {
        .key = md_span(q, W_KEY),
        .payload = md_span(q, W_PAYLOAD),
        .headers = md_span(q, W_HEADERS),
    };
    const struct app_name *app;
    struct job *j;

    app = md_app_name(x, (int32_t)md_int(q, W_APP), err);
    if (app == NULL)
        return -EUCLEAN;
    j = job_new(app, &text);
    if (j == NULL)
        return err_again(err, -ENOMEM, "no memory for a wish");
    j->due_ms = md_int(q, W_DUE);
    j->scheduled_ms = md_int(q, W_SCHEDULED);
    j->created_ms = md_int(q, W_MADE);
    j->priority = (uint8_t)md_int(q, W_PRIORITY);
    *ret = j;
    return 0;
}

static int read_wish(struct md_session *x, const struct md_rows *q,
                     struct wish **ret, struct err *err)
{
    struct wish *w = calloc(1, sizeof(*w));
    int r = 0;

    if (w == NULL)
        return err_again(err, -ENOMEM, "no memory for a wish");
    list_init(&w->link);
    w->number = md_int(q, W_NUMBER);
    w->job_id = md_int(q, W_JOB);
    w->shard = (uint32_t)md_int(q, W_SHARD);
    w->kind = (enum change_kind)md_int(q, W_KIND);
    w->due_ms = md_int(q, W_DUE);
    if (w->kind == CHANGE_REPLACE)
        r = read_content(x, q, &w->content, err);
    if (r < 0)
        wish_free(&w);
    else
        *ret = w;
    return r;
}

int md_wishes(struct store_session *sx, int64_t after, size_t cap,
              struct list *into, struct err *err)
{
    struct md_session *x = md_session(sx);
    struct md_rows q = {0};
    struct list got;
    struct wish *w;
    int r = md_connect(x, err);

    list_init(&got);
    if (r < 0)
        return r;
    (void)md_sql(
        x, "SELECT number,job_id,kind,due,scheduled,app,priority,"
           "job_key,payload,headers,made,shard FROM wishes WHERE verdict=0");
    (void)buf_addf(&x->sql, " AND number>%" PRId64, after);
    if (x->claimed) { /* the owner's own */
        (void)buf_adds(&x->sql, " AND shard IN (-1,");
        for (uint32_t s = 0; s < x->st->base.shards; s++) {
            if (shard_in(&x->owned, s))
                md_add_int(x, s);
        }
        md_end_list(x, ")");
    }
    (void)buf_addf(&x->sql, " ORDER BY number LIMIT %zu",
                   cap < 1000000 ? cap : (size_t)1000000);
    r = md_select(x, &q, err);
    while (r == 0 && md_next(&q)) {
        r = read_wish(x, &q, &w, err);
        if (r == 0)
            list_push(&got, &w->link);
    }
    md_rows_done(&q);
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

int md_verdict(struct store_session *sx, int64_t number, enum verdict *ret,
               struct err *err)
{
    struct md_session *x = md_session(sx);
    struct md_rows q = {0};
    int r = md_connect(x, err);

    if (r == 0)
        r = md_selectf(x, &q, err,
                       "SELECT verdict FROM wishes WHERE number=%" PRId64,
                       number);
    if (r == 0 && md_next(&q))
        *ret = (enum verdict)md_int(&q, 0);
    else if (r == 0)
        r = err_set(err, -ENOENT, "there is no wish %" PRId64, number);
    md_rows_done(&q);
    return r;
}
