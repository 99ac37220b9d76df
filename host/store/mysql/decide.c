/* SPDX-License-Identifier: Apache-2.0
 *
 * store/mysql/decide.c - an owner's decisions about wishes; see wish.h.  The
 * writing session's thread.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>

#include "store/mysql/change.h"
#include "store/mysql/names.h"
#include "store/mysql/wish.h"

struct decision { /* one call's work */
    const struct wish *w;
    enum verdict v;
    int64_t now_ms;
    uint64_t seq;    /* of a new job */
    struct job *job; /* out */
};

static int set_verdict(struct md_session *x, const struct decision *d,
                       struct err *err)
{
    int r;

    r = md_runf(x, err,
                "UPDATE wishes SET verdict=%d,decided=%" PRId64
                ",job_key=NULL,payload=NULL,headers=NULL WHERE number=%" PRId64
                " AND verdict=0",
                (int)d->v, d->now_ms, d->w->number);
    if (r == 0 && md_affected(x) != 1)
        r = err_set(err, -EALREADY, "wish %" PRId64 " was decided before",
                    d->w->number);
    return r;
}

static int reread(struct md_session *x, struct decision *d, int64_t id,
                  struct err *err)
{
    int r = md_job_get(x, id, false, &d->job, NULL, err);

    return r < 0 ? r : 0;
}

/* The job may be in memory, or running: then it is another wish. */
static int replace_live(struct md_session *x, struct decision *d,
                        const struct change *c, struct md_row *row,
                        struct err *err)
{
    struct change own = *c;
    int r = md_change_row(x, &own, row, err);

    return r == 0 && own.wish == 0 ? reread(x, d, row->id, err) : r;
}

/* A replacement for a job that has ended: a job of its own, unless its key
 * has come to live again meanwhile; then it replaces that one. */
static int replace_ended(struct md_session *x, struct decision *d,
                         const struct change *c, struct err *err)
{
    const struct job *j = c->content;
    const struct job_text text = {j->key, j->payload, j->headers};
    struct md_name name = {0};
    struct md_row row;
    int r;

    r = md_change_find(x, j->app, j->key, &row, err);
    if (r != 0)
        return r < 0 ? r : replace_live(x, d, c, &row, err);
    d->job = job_new(j->app, &text);
    if (d->job == NULL)
        return err_again(err, -ENOMEM, "no memory for a job");
    d->job->due_ms = j->due_ms;
    d->job->scheduled_ms = j->scheduled_ms != 0 ? j->scheduled_ms : j->due_ms;
    d->job->priority = j->priority;
    r = md_row_add(
        x, d->job,
        md_id_make(j->due_ms > c->now_ms ? j->due_ms : c->now_ms, d->seq),
        c->now_ms, &row, err);
    if (r < 0 || j->key.len == 0)
        return r;
    md_name_hash(x->st, j->app, j->key, &name);
    name.id = d->job->id;
    return md_names_point(x, &name, 1, err);
}

static int grant(struct md_session *x, struct decision *d, struct err *err)
{
    const struct wish *w = d->w;
    const struct change c = {.kind = w->kind,
                             .due_ms = w->due_ms,
                             .content = w->content,
                             .now_ms = d->now_ms};
    struct md_row row;
    int r;

    r = md_job_get(x, w->job_id, true, NULL, &row, err);
    if (r < 0)
        return r;
    if (r == 0 && w->kind == CHANGE_REPLACE)
        return replace_ended(x, d, &c, err);
    if (r == 0 && w->kind == CHANGE_LOAD)
        return 0;
    if (r == 0)
        return err_set(err, -ENOENT, "job %" PRId64 " is not live any more",
                       w->job_id);
    r = md_change_apply(x, &c, &row, err);
    if (r == 0 && w->kind != CHANGE_CANCEL)
        r = reread(x, d, row.id, err);
    return r;
}

static int do_decide(struct md_session *x, void *arg, struct err *err)
{
    struct decision *d = arg;
    int r = 0;

    job_free(&d->job);
    r = set_verdict(x, d, err);
    return r == 0 && d->v == VERDICT_OK ? grant(x, d, err) : r;
}

int md_decide(struct store_session *sx, const struct wish *w, enum verdict v,
              int64_t now_ms, struct job **ret_job, struct err *err)
{
    struct md_session *x = md_session(sx);
    struct decision d = {.w = w, .v = v, .now_ms = now_ms};
    uint64_t mark = md_mark(md_mark(2, (uint64_t)w->number), (uint64_t)v);
    int r = md_settle(x, mark, err);

    if (r > 0) { /* it had been done, only its answer was lost */
        *ret_job = x->doubt.job;
        x->doubt.job = NULL;
        return 0;
    }
    if (r == 0 && w->content != NULL) {
        r = md_app_number(x, w->content->app, true, err);
        if (r >= 0)
            r = md_ids_draw(x, 1, &d.seq, err);
    }
    if (r >= 0)
        r = md_write(x, do_decide, &d, NULL, err);
    if (r >= 0) {
        *ret_job = d.job;
        return 0;
    }
    md_doubtful(x, mark);
    if (x->doubt.open) {
        job_free(&x->doubt.job);
        x->doubt.job = d.job;
        d.job = NULL;
    }
    job_free(&d.job);
    return r;
}
