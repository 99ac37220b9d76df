/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/change.c - changes; see change.h.  The writing session's
 * thread.
 */
#include "config.h"

#include "store/sqlite/change.h"

#include <errno.h>

#include "store/sqlite/look.h"
#include "store/sqlite/names.h"
#include "store/sqlite/wish.h"

/* Whether the owner may have the job in memory, or has a wish for it that was
 * left when it had: then this change is the next in line. */
static int owner_decides(struct sq_session *x, const struct sq_row *row,
                         struct err *err)
{
    if (row->pos <= atomic_load(&x->st->loaded))
        return 1;
    if (x->open_wishes == 0)
        return 0;
    return sq_wish_waits(x, row->id, err);
}

int sq_change_forget(struct sq_session *x, const struct app_name *app,
                     struct span key, struct err *err)
{
    struct sq_name name = {0};

    if (key.len == 0)
        return 0;
    sq_name_hash(x, app, key, &name);
    return sq_names_set(x, NAMES_KEYS, &name, 1, err);
}

int sq_change_apply(struct sq_session *x, const struct change *c,
                    struct sq_row *row, struct err *err)
{
    int r;

    switch (c->kind) {
    case CHANGE_CANCEL:
        r = sq_row_delete(x, row, err);
        if (r == 0) {
            sq_app_delta(x, row->app)->pending--;
            sq_app_delta(x, row->app)->canceled++;
        }
        return r;
    case CHANGE_REPLACE:
        return sq_row_replace(x, row, c->content, c->now_ms, err);
    case CHANGE_RESCHEDULE:
        return sq_row_move(x, row, c->due_ms, c->due_ms, c->now_ms, err);
    case CHANGE_RUN:
        return sq_row_move(x, row, c->now_ms, row->scheduled, c->now_ms, err);
    case CHANGE_LOAD:
        break;
    }
    return 0;
}

int sq_change_row(struct sq_session *x, struct change *c, struct sq_row *row,
                  struct err *err)
{
    const struct change look = {.kind = CHANGE_LOAD, .now_ms = c->now_ms};
    int64_t number;
    int r;

    r = owner_decides(x, row, err);
    if (r < 0)
        return r;
    if (r > 0)
        return sq_wish_add(x, row->id, c, &c->wish, err);
    r = sq_change_apply(x, c, row, err);
    if (r < 0 || c->kind == CHANGE_CANCEL)
        return r;
    /* It may have come to where the owner does not look any more. */
    if (row->pos <= atomic_load(&x->st->loaded))
        r = sq_wish_add(x, row->id, &look, &number, err);
    return r;
}

/* The job's row, by id or by app and key. */
static int find_row(struct sq_session *x, const struct change *c,
                    struct sq_row *row, struct err *err)
{
    int64_t id = c->id;
    int r;

    if (id == 0) {
        r = sq_find_id(x, c->app, c->key, &id, err);
        if (r < 0)
            return r;
    }
    r = id == 0 ? 0 : sq_row_get(x, id, c->id == 0 ? &c->key : NULL, row, err);
    if (r == 0)
        return err_set(err, -ENOENT, "there is no such live job");
    if (r > 0 && c->version != 0 && c->version != row->version)
        return err_set(err, -ESTALE, "the job has version %u, not %u",
                       row->version, c->version);
    return r < 0 ? r : 0;
}

static int do_change(struct sq_session *x, struct change *c, struct err *err)
{
    struct job *before = NULL;
    struct sq_row row;
    int r;

    r = find_row(x, c, &row, err);
    if (r == 0)
        r = sq_job_get(x, row.id, &before, err);
    if (r < 0)
        return r;
    r = sq_change_row(x, c, &row, err);
    if (r == 0 && c->wish == 0 && c->kind == CHANGE_CANCEL) {
        r = sq_change_forget(x, before->app, before->key, err);
        if (r == 0) {
            c->job = before;
            return 0;
        }
    } else if (r == 0 && c->wish == 0) {
        r = sq_job_get(x, row.id, &c->job, err);
    }
    job_free(&before);
    return r < 0 ? r : 0;
}

int sq_change(struct store_session *sx, struct change *c, struct err *err)
{
    struct sq_session *x = sq_session(sx);
    int r;

    r = sq_begin(x, true, err);
    if (r < 0)
        return r;
    r = do_change(x, c, err);
    if (r == 0)
        r = sq_commit(x, NULL, err);
    else
        sq_rollback(x);
    if (r < 0) {
        job_free(&c->job);
        c->wish = 0;
    }
    return r;
}
