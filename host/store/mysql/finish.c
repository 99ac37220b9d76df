/* SPDX-License-Identifier: Apache-2.0
 *
 * store/mysql/finish.c - ends of attempts; see finish.h.  The writing
 * session's thread.
 *
 * One transaction ends a whole batch.  Nearly always every row is where the
 * caller's job says, and few statements delete them all; where their count does
 * not come out, each row is looked at by itself.  An outcome that cannot be
 * stored must not hold up those behind it for ever: the batch is then done
 * again without it, and it is answered as stale.
 */
#include "config.h"

#include "store/mysql/finish.h"

#include <errno.h>
#include <inttypes.h>
#include <mysqld_error.h>
#include <stdlib.h>

#include "base/log.h"
#include "store/mysql/days.h"
#include "store/mysql/history.h"
#include "store/mysql/put.h"
#include "store/mysql/row.h"

#define ROWS 2000 /* in one statement */

struct ending { /* one outcome in work */
    struct outcome *o;
    struct job *stored; /* read when the caller's job is not the whole one */
    struct md_row row;  /* the row it ends; the new one of RETRY */
    bool bad;           /* cannot be stored, left out */
};

struct finish { /* one call's work */
    struct finish_batch *b;
    struct ending *endings; /* by version, shard and pos */
    struct put_item **follow_ups;
    struct md_puts puts;
    bool careful;           /* row by row */
    struct ending *culprit; /* whose statement has failed */
};

static bool ends(const struct ending *e)
{
    return e->o->kind != OUTCOME_RETRY;
}

/* ---- all rows at once -------------------------------------------------------------- */

static int by_place(const void *pa, const void *pb)
{
    const struct ending *a = pa, *b = pb;
    const struct job *ja = a->o->job, *jb = b->o->job;

    if (ja->version != jb->version)
        return ja->version < jb->version ? -1 : 1;
    if (ja->shard != jb->shard)
        return ja->shard < jb->shard ? -1 : 1;
    return ja->pos < jb->pos ? -1 : ja->pos > jb->pos;
}

/* Deletes the rows of the n endings, of one version: 0 when all were there,
 * -EAGAIN when not. */
static int delete_rows(struct md_session *x, const struct ending *e, size_t n,
                       struct err *err)
{
    size_t count = 0;
    int r;

    (void)md_sql(x, "DELETE FROM jobs WHERE (shard,pos) IN (");
    for (size_t i = 0; i < n; i++) {
        const struct job *j = e[i].o->job;

        if (!ends(&e[i]) || e[i].bad)
            continue;
        (void)buf_addf(&x->sql, "(%u,%" PRId64 "),", j->shard, j->pos);
        count++;
    }
    if (count == 0)
        return 0;
    md_end_list(x, ") AND id IN (");
    for (size_t i = 0; i < n; i++) {
        if (ends(&e[i]) && !e[i].bad)
            md_add_int(x, e[i].o->job->id);
    }
    md_end_list(x, ") AND version=");
    (void)buf_addf(&x->sql, "%u", e[0].o->job->version);
    r = md_run(x, err);
    if (r < 0 || md_affected(x) == (int64_t)count)
        return r;
    return err_set(err, -EAGAIN, "rows are not where they were");
}

static int end_together(struct md_session *x, struct finish *f, struct err *err)
{
    int r = 0;

    for (size_t i = 0, n; i < f->b->count && r == 0; i += n) {
        const struct ending *e = &f->endings[i];

        for (n = 1; n < ROWS && i + n < f->b->count; n++) {
            if (e[n].o->job->version != e->o->job->version)
                break;
        }
        r = delete_rows(x, e, n, err);
    }
    return r;
}

/* ---- one by one ------------------------------------------------------------------------ */

/* The live row of the job and its version, locked: 1, or 0.  The caller's job
 * may know no more than id and version (a replay). */
static int look_up(struct md_session *x, struct ending *e, struct err *err)
{
    int r;

    job_free(&e->stored);
    r = md_job_get(x, e->o->job->id, true, &e->stored, &e->row, err);
    if (r > 0 && e->row.version != e->o->job->version) {
        job_free(&e->stored);
        r = 0;
    }
    return r;
}

static int end_carefully(struct md_session *x, struct ending *e,
                         struct err *err)
{
    int r = look_up(x, e, err);

    e->o->stale = r == 0;
    return r <= 0 ? r : md_row_delete(x, &e->row, err);
}

static int retry(struct md_session *x, struct ending *e, int64_t now_ms,
                 struct err *err)
{
    int r = look_up(x, e, err);

    e->o->stale = r == 0;
    e->row.redelivered = e->o->job->redelivered;
    return r <= 0 ? r : md_row_retry(x, &e->row, e->o->retry_ms, now_ms, err);
}

static int end_rows(struct md_session *x, struct finish *f, struct err *err)
{
    int r = f->careful ? 0 : end_together(x, f, err);

    for (size_t i = 0; i < f->b->count && r == 0; i++) {
        struct ending *e = &f->endings[i];

        f->culprit = e;
        e->o->refused = e->bad;
        if (e->bad)
            e->o->stale = true;
        else if (!ends(e))
            r = retry(x, e, f->b->now_ms, err);
        else if (f->careful)
            r = end_carefully(x, e, err);
    }
    f->culprit = NULL;
    return r;
}

/* ---- what comes of it ---------------------------------------------------------------- */

static void count(struct md_session *x, const struct ending *e, int32_t app)
{
    struct md_delta *d = md_app_delta(x, app);

    if (e->o->kind == OUTCOME_RETRY) {
        d->retried++;
        return;
    }
    d->pending--;
    if (e->o->kind == OUTCOME_DONE)
        d->succeeded++;
    else if (e->o->kind == OUTCOME_DEAD)
        d->dead++;
    else
        d->canceled++;
}

static int add_history(struct md_session *x, struct finish *f, struct err *err)
{
    int r = 0;

    md_history_begin(x);
    for (size_t i = 0; i < f->b->count && r == 0; i++) {
        struct ending *e = &f->endings[i];
        const struct job *j = e->stored != NULL ? e->stored : e->o->job;
        struct md_execution row = {
            .job_id = j->id,
            .scheduled = j->scheduled_ms,
            .version = j->version,
            .attempt = j->attempt + 1,
            .app = md_app_known(x, j->app),
            .o = e->o,
            .key = j->key,
        };

        if (e->o->stale)
            continue;
        count(x, e, row.app);
        f->culprit = f->careful ? e : NULL;
        r = md_history_add(x, &row, err);
        if (f->careful && r == 0) { /* so that it shows whose is refused */
            r = md_history_end(x, err);
            md_history_begin(x);
        }
    }
    f->culprit = r == 0 ? NULL : f->culprit;
    return r < 0 ? r : md_history_end(x, err);
}

/* A follow-up that cannot be stored is refused and told; its parent has ended
 * and must not fire again for its sake. */
static bool may_store(struct put_item *it)
{
    struct err err;

    if (it->kind == PUT_CANCEL ? it->app != NULL && it->key.len > 0
                               : store_job_check(it->job, &err) == 0)
        return true;
    if (it->result != PUT_REFUSED && it->kind == PUT_JOB)
        log_error("store", LOG_EVENT("follow_up_refused"), LOG_ERR(&err));
    it->result = PUT_REFUSED;
    return false;
}

static int put_follow_ups(struct md_session *x, struct finish *f,
                          struct err *err)
{
    size_t n = 0;

    for (size_t i = 0; i < f->b->count; i++) { /* as they were handed in */
        struct outcome *o = f->b->outcomes[i];

        for (size_t k = 0; !o->stale && k < o->follow_up_count; k++) {
            if (o->follow_ups[k].result != PUT_REFUSED)
                f->follow_ups[n++] = &o->follow_ups[k];
        }
    }
    f->puts.items = f->follow_ups;
    f->puts.n = n;
    return md_put_items(x, &f->puts, err);
}

/* ---- the batch ----------------------------------------------------------------------------- */

static int do_finish(struct md_session *x, void *arg, struct err *err)
{
    struct finish *f = arg;
    int r;

    f->culprit = NULL;
    for (size_t i = 0; i < f->b->count; i++) {
        f->endings[i].o->stale = false;
        job_free(&f->endings[i].stored);
    }
    r = end_rows(x, f, err);
    if (r == 0)
        r = add_history(x, f, err);
    return r < 0 ? r : put_follow_ups(x, f, err);
}

/* Outside of the transaction: what it will need. */
static int prepare(struct md_session *x, struct finish *f, struct err *err)
{
    int64_t last = f->b->now_ms;
    size_t n = 0;
    int r = 0;

    for (size_t i = 0; i < f->b->count && r >= 0; i++) {
        struct outcome *o = f->b->outcomes[i];

        f->endings[i].o = o;
        if (o->finished_ms > last)
            last = o->finished_ms;
        r = md_app_number(x, o->job->app, true, err);
        n += o->follow_up_count;
    }
    if (r >= 0)
        r = md_days_ensure(x, last, err);
    if (r < 0)
        return r;
    qsort(f->endings, f->b->count, sizeof(*f->endings), by_place);
    f->puts.now_ms = f->b->now_ms;
    f->follow_ups = calloc(n + 1, sizeof(struct put_item *));
    if (f->follow_ups == NULL)
        return err_again(err, -ENOMEM, "no memory for %zu follow-ups", n);
    n = 0;
    for (size_t i = 0; i < f->b->count; i++) {
        struct outcome *o = f->b->outcomes[i];

        for (size_t k = 0; k < o->follow_up_count; k++) {
            if (may_store(&o->follow_ups[k])) {
                o->follow_ups[k].result = PUT_STORED;
                f->follow_ups[n++] = &o->follow_ups[k];
            }
        }
    }
    return md_put_prepare(x, f->follow_ups, n, &f->puts.seq, err);
}

static uint64_t mark_of(const struct finish_batch *b)
{
    uint64_t mark = md_mark(4, b->count);

    mark = md_mark(mark, (uint64_t)b->now_ms);
    for (size_t i = 0; i < b->count; i++) {
        const struct outcome *o = b->outcomes[i];

        mark = md_mark(mark, (uint64_t)o->job->id);
        mark = md_mark(mark, (uint64_t)o->job->version << 32 | o->job->attempt);
        mark = md_mark(mark, (uint64_t)o->kind);
    }
    return mark;
}

/* Tells the retried jobs where they stand now. */
static void tell(struct finish *f)
{
    for (size_t i = 0; i < f->b->count; i++) {
        struct ending *e = &f->endings[i];
        struct job *j = e->o->job;

        if (e->o->stale || ends(e))
            continue;
        j->pos = e->row.pos;
        j->shard = e->row.shard;
        j->due_ms = e->row.due;
        j->attempt = e->row.attempt;
    }
}

/* The same, when the batch had been done and only its answer was lost. */
static int tell_again(struct md_session *x, struct finish_batch *b,
                      struct err *err)
{
    struct md_row row;
    int r = 0;

    for (size_t i = 0; i < b->count && r >= 0; i++) {
        struct job *j = b->outcomes[i]->job;

        if (b->outcomes[i]->stale || b->outcomes[i]->kind != OUTCOME_RETRY)
            continue;
        r = md_job_get(x, j->id, false, NULL, &row, err);
        if (r <= 0)
            continue;
        j->pos = row.pos;
        j->shard = row.shard;
        j->due_ms = row.due;
        j->attempt = row.attempt;
    }
    return r < 0 ? r : 0;
}

static int write_all(struct md_session *x, struct finish *f, struct err *err)
{
    const struct md_ledger ledger = {f->b->ledger_pos, f->b->ledger_seq};
    struct err why = {0};
    int r;

    while ((r = md_write(x, do_finish, f, &ledger, &why)) < 0) {
        if (why.retry || r == -ESTALE || r == -EUCLEAN || r == -ENOMEM)
            break;
        if (!f->careful) {
            f->careful = true;
            continue;
        }
        if (f->culprit == NULL)
            break;
        f->culprit->bad = true;
        log_error("store", LOG_EVENT("outcome_refused"),
                  LOG_INT("job", f->culprit->o->job->id), LOG_ERR(&why));
    }
    if (r < 0 && err != NULL)
        *err = why;
    return r;
}

int md_finish(struct store_session *sx, struct finish_batch *b, struct err *err)
{
    struct md_session *x = md_session(sx);
    struct finish f = {.b = b};
    int r = md_settle(x, mark_of(b), err);

    if (r != 0)
        return r < 0 ? r : tell_again(x, b, err);
    f.endings = calloc(b->count + 1, sizeof(*f.endings));
    if (f.endings == NULL)
        return err_again(err, -ENOMEM, "no memory for %zu outcomes", b->count);
    r = prepare(x, &f, err);
    if (r == 0)
        r = write_all(x, &f, err);
    if (r == 0)
        tell(&f);
    else
        md_doubtful(x, mark_of(b));
    for (size_t i = 0; i < b->count; i++)
        job_free(&f.endings[i].stored);
    free(f.endings);
    free(f.follow_ups);
    return r;
}

/* ---- RUNNING ------------------------------------------------------------------------------------ */

struct running {
    struct job **jobs;
    size_t n;
};

static int do_mark(struct md_session *x, void *arg, struct err *err)
{
    const struct running *w = arg;
    int r = 0;

    for (size_t i = 0, end; i < w->n && r == 0; i = end) {
        uint32_t version = w->jobs[i]->version;

        (void)md_sql(x, "");
        (void)buf_addf(&x->sql,
                       "UPDATE jobs SET state=%d WHERE version=%u AND id IN (",
                       JOB_RUNNING, version);
        for (end = i; end < w->n && end - i < ROWS; end++) {
            if (w->jobs[end]->version != version)
                break;
            md_add_int(x, w->jobs[end]->id);
        }
        md_end_list(x, ")");
        r = md_run(x, err);
    }
    return r;
}

int md_mark_running(struct store_session *sx, struct job **jobs, size_t n,
                    struct err *err)
{
    struct running w = {jobs, n};

    return md_write(md_session(sx), do_mark, &w, NULL, err);
}
