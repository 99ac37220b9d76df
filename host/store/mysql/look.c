/* SPDX-License-Identifier: Apache-2.0
 *
 * store/mysql/look.c - single jobs and lists; see look.h.  The session's
 * thread.
 */
#include "config.h"

#include "store/mysql/look.h"

#include <errno.h>
#include <inttypes.h>

#include "store/mysql/merge.h"
#include "store/mysql/names.h"

/* The marks of all shards. */
static int read_marks(struct md_session *x, job_pos marks[STORE_SHARDS_MOST],
                      struct err *err)
{
    struct md_rows q;
    int r;

    for (size_t s = 0; s < STORE_SHARDS_MOST; s++)
        marks[s] = 0;
    r = md_selectf(x, &q, err,
                   "SELECT shard,loaded FROM shards WHERE slot IS NOT NULL");
    while (r == 0 && md_next(&q)) {
        uint32_t s = (uint32_t)md_int(&q, 0);

        if (s < STORE_SHARDS_MOST)
            marks[s] = md_int(&q, 1);
    }
    md_rows_done(&q);
    return r;
}

static void show_state(const job_pos *marks, struct job *j)
{
    if (j->state == JOB_CREATED && j->pos <= marks[j->shard])
        j->state = JOB_SCHEDULED;
}

static int show_one(struct md_session *x, struct job *j, struct err *err)
{
    job_pos marks[STORE_SHARDS_MOST];
    int r = read_marks(x, marks, err);

    if (r == 0)
        show_state(marks, j);
    return r;
}

int md_get(struct store_session *sx, int64_t id, struct job **ret,
           struct err *err)
{
    struct md_session *x = md_session(sx);
    struct job *j = NULL;
    int r = md_connect(x, err);

    if (r == 0)
        r = md_job_get(x, id, false, &j, NULL, err);
    if (r == 0)
        return err_set(err, -ENOENT, "there is no live job %" PRId64, id);
    if (r > 0)
        r = show_one(x, j, err);
    if (r < 0)
        job_free(&j);
    else
        *ret = j;
    return r;
}

int md_find(struct store_session *sx, const struct app_name *app,
            struct span key, struct job **ret, struct err *err)
{
    struct md_session *x = md_session(sx);
    struct md_name name = {0};
    struct job *j = NULL;
    int r = md_connect(x, err);

    md_name_hash(x->st, app, key, &name);
    if (r == 0)
        r = md_names_get(x, &name, 1, false, err);
    if (r == 0 && name.id != 0)
        r = md_job_get(x, name.id, false, &j, NULL, err);
    if (r > 0 && (j->app != app || !span_eq(j->key, key)))
        job_free(&j);
    if (r >= 0 && j == NULL)
        return err_set(err, -ENOENT, "there is no live job of that key");
    if (r > 0)
        r = show_one(x, j, err);
    if (r < 0)
        job_free(&j);
    else
        *ret = j;
    return r;
}

/* ---- lists -------------------------------------------------------------------- */

struct listing { /* one call's work */
    const struct list_filter *f;
    int32_t app;
    job_pos marks[STORE_SHARDS_MOST];
    struct md_merge merge;
};

static void filter(void *arg, struct buf *sql, uint32_t shard)
{
    const struct listing *l = arg;
    const struct list_filter *f = l->f;

    if (l->app > 0)
        (void)buf_addf(sql, " AND j.app=%d", l->app);
    if (f->due_from > 0)
        (void)buf_addf(sql, " AND j.due>=%" PRId64 " AND j.pos>=%" PRId64,
                       f->due_from, job_pos_at(f->due_from));
    if (f->due_to < INT64_MAX)
        (void)buf_addf(sql, " AND j.due<%" PRId64, f->due_to);
    if (f->state == JOB_CREATED)
        (void)buf_addf(sql, " AND j.state=%d AND j.pos>%" PRId64, JOB_CREATED,
                       l->marks[shard]);
    else if (f->state == JOB_SCHEDULED)
        (void)buf_addf(
            sql, " AND (j.state=%d OR (j.state=%d AND j.pos<=%" PRId64 "))",
            JOB_SCHEDULED, JOB_CREATED, l->marks[shard]);
    else if (f->state >= 0)
        (void)buf_addf(sql, " AND j.state=%d", f->state);
}

static int collect(struct md_session *x, struct listing *l, struct list *got,
                   struct err *err)
{
    struct shard_set all = {{0}};
    struct job *j;
    int r = 1;

    for (uint32_t s = 0; s < x->st->base.shards; s++)
        shard_add(&all, s);
    md_merge_begin(&l->merge, x,
                   &(struct md_merge_ask){.shards = &all,
                                          .after = l->f->after,
                                          .until = JOB_POS_MAX,
                                          .cap = l->f->cap,
                                          .bytes_cap = SIZE_MAX});
    l->merge.where = filter;
    l->merge.arg = l;
    for (size_t n = 0; n < l->f->cap && r > 0; n++) {
        r = md_merge_next(&l->merge, &j, err);
        if (r > 0) {
            show_state(l->marks, j);
            list_push(got, &j->link);
        }
    }
    md_merge_done(&l->merge);
    return r < 0 ? r : 0;
}

int md_list(struct store_session *sx, const struct list_filter *f,
            struct list *into, struct err *err)
{
    struct md_session *x = md_session(sx);
    struct listing l = {.f = f};
    struct list got;
    int r = md_connect(x, err);

    list_init(&got);
    if (r == 0 && f->app != NULL) {
        l.app = md_app_number(x, f->app, false, err);
        if (l.app <= 0)
            return l.app;
    }
    if (r == 0)
        r = read_marks(x, l.marks, err);
    if (r == 0)
        r = collect(x, &l, &got, err);
    if (r == 0) {
        list_splice(into, &got);
        return 0;
    }
    while (!list_empty(&got)) {
        struct job *j = list_of(list_pop(&got), struct job, link);

        job_free(&j);
    }
    return r;
}
