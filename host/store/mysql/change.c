/* SPDX-License-Identifier: Apache-2.0
 *
 * store/mysql/change.c - see change.h.  The writing session's thread.
 */
#include "config.h"

#include "store/mysql/change.h"

#include <errno.h>

#include "store/mysql/names.h"
#include "store/mysql/wish.h"

int md_change_apply(struct md_session *x, const struct change *c,
                    struct md_row *row, struct err *err)
{
    int r;

    switch (c->kind) {
    case CHANGE_CANCEL:
        r = md_row_delete(x, row, err);
        if (r == 0) {
            md_app_delta(x, row->app)->pending--;
            md_app_delta(x, row->app)->canceled++;
        }
        return r;
    case CHANGE_REPLACE:
        return md_row_replace(x, row, c->content, c->now_ms, err);
    case CHANGE_RESCHEDULE:
        return md_row_move(x, row, c->due_ms, c->due_ms, c->now_ms, err);
    case CHANGE_RUN:
        return md_row_move(x, row, c->now_ms, row->scheduled, c->now_ms, err);
    case CHANGE_LOAD:
        break;
    }
    return 0;
}

int md_change_row(struct md_session *x, struct change *c, struct md_row *row,
                  struct err *err)
{
    const struct change look = {.kind = CHANGE_LOAD, .now_ms = c->now_ms};
    struct md_shard shards[STORE_SHARDS_MOST];
    struct shard_set one = {{0}};
    const struct md_shard *shard = &shards[row->shard];
    int64_t number;
    int r;

    shard_add(&one, row->shard);
    r = md_shards_lock(x, &one, shards, err);
    if (r < 0)
        return r;
    /* A wish that was left before must be decided before this one. */
    r = shard->owned && row->pos <= shard->loaded
            ? 1
            : md_wish_waits(x, row->id, err);
    if (r < 0)
        return r;
    if (r > 0)
        return md_wish_add(x, row->shard, row->id, c, &c->wish, err);
    r = md_change_apply(x, c, row, err);
    if (r < 0 || c->kind == CHANGE_CANCEL)
        return r;
    if (shard->owned && row->pos <= shard->loaded)
        r = md_wish_add(x, row->shard, row->id, &look, &number, err);
    return r;
}

int md_change_find(struct md_session *x, const struct app_name *app,
                   struct span key, struct md_row *row, struct err *err)
{
    struct md_name name = {0};
    struct job *j = NULL;
    int r;

    if (key.len == 0)
        return 0;
    md_name_hash(x->st, app, key, &name);
    r = md_names_get(x, &name, 1, false, err);
    if (r < 0 || name.id == 0)
        return r;
    r = md_job_get(x, name.id, true, &j, row, err);
    if (r > 0 && (j->app != app || !span_eq(j->key, key)))
        r = 0;
    job_free(&j);
    return r;
}

/* The job's row, by id or by app and key. */
static int find_row(struct md_session *x, const struct change *c,
                    struct md_row *row, struct err *err)
{
    int r = c->id != 0 ? md_job_get(x, c->id, true, NULL, row, err)
                       : md_change_find(x, c->app, c->key, row, err);

    if (r == 0)
        return err_set(err, -ENOENT, "there is no such live job");
    if (r > 0 && c->version != 0 && c->version != row->version)
        return err_set(err, -ESTALE, "the job has version %u, not %u",
                       row->version, c->version);
    return r < 0 ? r : 0;
}

static int do_change(struct md_session *x, void *arg, struct err *err)
{
    struct change *c = arg;
    struct md_row row;
    int r;

    job_free(&c->job);
    c->wish = 0;
    r = find_row(x, c, &row, err);
    if (r == 0 && c->kind == CHANGE_CANCEL)
        r = md_job_get(x, row.id, false, &c->job, NULL, err);
    if (r >= 0)
        r = md_change_row(x, c, &row, err);
    if (r == 0 && c->wish > 0)
        job_free(&c->job);
    else if (r == 0 && c->kind != CHANGE_CANCEL)
        r = md_job_get(x, row.id, false, &c->job, NULL, err);
    return r < 0 ? r : 0;
}

static uint64_t mark_of(const struct change *c)
{
    uint64_t mark = md_mark(1, (uint64_t)c->kind);

    mark = md_mark(mark, (uint64_t)c->id);
    mark = md_mark(mark, (uint64_t)c->now_ms);
    mark = md_mark(mark, (uint64_t)c->due_ms);
    return md_mark(mark, (uint64_t)(uintptr_t)c);
}

int md_change(struct store_session *sx, struct change *c, struct err *err)
{
    struct md_session *x = md_session(sx);
    int r = md_settle(x, mark_of(c), err);

    if (r > 0) { /* it had been done, only its answer was lost */
        c->wish = x->doubt.wish;
        c->job = x->doubt.job;
        x->doubt.job = NULL;
        return 0;
    }
    if (r == 0 && c->kind == CHANGE_REPLACE)
        r = md_app_number(x, c->content->app, true, err);
    if (r >= 0)
        r = md_write(x, do_change, c, NULL, err);
    if (r >= 0)
        return 0;
    md_doubtful(x, mark_of(c));
    if (x->doubt.open) {
        job_free(&x->doubt.job);
        x->doubt.wish = c->wish;
        x->doubt.job = c->job;
        c->job = NULL;
    }
    job_free(&c->job);
    c->wish = 0;
    return r;
}
