/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/finish.c - ends of attempts; see finish.h.  The writing
 * session's thread.
 *
 * One transaction ends a whole batch.  An outcome that cannot be stored must
 * not hold up those behind it for ever: the batch is then done again without
 * it, and it is answered as stale.
 */
#include "config.h"

#include "store/sqlite/finish.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "store/sqlite/change.h"
#include "store/sqlite/history.h"
#include "store/sqlite/names.h"
#include "store/sqlite/put.h"
#include "store/sqlite/radix.h"
#include "store/sqlite/row.h"

struct ending { /* one outcome in work */
    struct outcome *o;
    struct job *stored; /* read when the caller's job is not the whole one */
    struct sq_row row; /* the row it ends: id, pos, app; the new one of RETRY */
    bool bad;          /* cannot be stored, left out */
    bool swept;        /* the row has been deleted together with others */
};

struct finish { /* one call's work */
    struct sq_session *x;
    struct finish_batch *b;
    struct ending *endings; /* sorted by id */
    struct sq_ref *refs;    /* 2 * count, for sorting */
    struct sq_mark *marks;  /* rows to be deleted together */
    struct sq_name *names;  /* keys to be forgotten */
    size_t name_count;
    struct sq_history history;
    bool one_by_one; /* to find out which of them is refused */
};

static const struct job *job_of(const struct ending *e)
{
    return e->stored != NULL ? e->stored : e->o->job;
}

/* ---- executions ------------------------------------------------------------- */

static int add_execution(struct finish *f, const struct ending *e,
                         struct err *err)
{
    return sq_history_add(f->x, &f->history,
                          &(struct sq_execution){
                              .job_id = e->row.id,
                              .scheduled = e->row.scheduled,
                              .version = e->row.version,
                              .attempt = e->row.attempt + 1,
                              .app = e->row.app,
                              .o = e->o,
                              .key = job_of(e)->key,
                          },
                          err);
}

/* ---- one outcome ------------------------------------------------------------ */

static void note_key(struct finish *f, const struct job *j)
{
    struct sq_name *name = &f->names[f->name_count];

    if (j->key.len == 0)
        return;
    sq_name_hash(f->x, j->app, j->key, name);
    name->value = 0;
    name->item = (uint32_t)f->name_count++;
}

/* What else goes with a row that has ended. */
static void ended(struct finish *f, const struct ending *e)
{
    struct sq_delta *d = sq_app_delta(f->x, e->row.app);

    note_key(f, job_of(e));
    d->pending--;
    if (e->o->kind == OUTCOME_DONE)
        d->succeeded++;
    else if (e->o->kind == OUTCOME_DEAD)
        d->dead++;
    else
        d->canceled++;
}

static int end_row(struct finish *f, struct ending *e, struct err *err)
{
    sqlite3_stmt *st = sq_stmt(f->x, SQL_JOB_END, err);
    int r;

    if (st == NULL)
        return -EIO;
    (void)sqlite3_bind_int64(st, 1, e->row.id);
    (void)sqlite3_bind_int64(st, 2, e->row.version);
    (void)sqlite3_bind_int64(st, 3, e->row.pos);
    r = sq_run(f->x, st, err);
    if (r < 0)
        return r;
    if (sqlite3_changes(f->x->db) == 0)
        return 0;
    r = sq_order_leave(f->x, e->row.id, e->row.pos, err);
    if (r < 0)
        return r;
    ended(f, e);
    return 1;
}

static int retry_row(struct finish *f, struct ending *e, struct err *err)
{
    int64_t due = e->o->retry_ms;
    int64_t fire = due > f->b->now_ms ? due : f->b->now_ms;
    job_pos old = e->row.pos;
    struct sq_place new = {sq_make_pos(fire, f->x->next_seq++), e->row.id,
                           e->row.app};
    sqlite3_stmt *st;
    int r;

    r = sq_order_enter(f->x, &new, err);
    if (r < 0)
        return r;
    st = sq_stmt(f->x, SQL_JOB_RETRY, err);
    if (st == NULL)
        return -EIO;
    (void)sqlite3_bind_int64(st, 1, e->row.id);
    (void)sqlite3_bind_int64(st, 2, e->row.version);
    (void)sqlite3_bind_int64(st, 3, old);
    (void)sqlite3_bind_int64(st, 4, new.pos);
    if (due == job_pos_ms(new.pos))
        (void)sqlite3_bind_null(st, 5);
    else
        (void)sqlite3_bind_int64(st, 5, due);
    (void)sqlite3_bind_int64(st, 6, e->row.scheduled);
    (void)sqlite3_bind_int64(st, 7, (int64_t)e->row.attempt + 1);
    (void)sqlite3_bind_int(st, 8,
                           sq_row_state(JOB_SCHEDULED, e->o->job->redelivered));
    r = sq_run(f->x, st, err);
    if (r < 0)
        return r;
    if (sqlite3_changes(f->x->db) == 0) { /* stale: take it back */
        r = sq_order_leave(f->x, new.id, new.pos, err);
        return r < 0 ? r : 0;
    }
    r = sq_order_leave(f->x, e->row.id, old, err);
    if (r < 0)
        return r;
    e->row.pos = new.pos;
    e->row.due = due;
    sq_app_delta(f->x, e->row.app)->retried++;
    return 1;
}

static int end_once(struct finish *f, struct ending *e, struct err *err)
{
    return e->o->kind == OUTCOME_RETRY ? retry_row(f, e, err)
                                       : end_row(f, e, err);
}

/* The row is not where the caller's job says: it may know no more than id and
 * version (a replay).  1, e->row and e->stored when there is such a row. */
static int look_up(struct finish *f, struct ending *e, struct err *err)
{
    const struct job *j = e->o->job;
    int r = sq_row_get(f->x, j->id, NULL, &e->row, err);

    if (r <= 0 || e->row.version != j->version)
        return r < 0 ? r : 0;
    return sq_job_get(f->x, j->id, &e->stored, err);
}

/* As far as the caller's job tells. */
static int begin_one(struct finish *f, struct ending *e, struct err *err)
{
    const struct job *j = e->o->job;
    int32_t app = sq_app_number(f->x, j->app, true, err);

    e->row = (struct sq_row){.id = j->id,
                             .pos = j->pos,
                             .app = app,
                             .scheduled = j->scheduled_ms,
                             .version = j->version,
                             .attempt = j->attempt};
    e->o->stale = false;
    e->swept = false;
    job_free(&e->stored);
    return app < 0 ? app : 0;
}

static int end_one(struct finish *f, struct ending *e, struct err *err)
{
    int r = end_once(f, e, err);

    if (r == 0) {
        r = look_up(f, e, err);
        if (r > 0)
            r = end_once(f, e, err);
    }
    if (r == 0)
        e->o->stale = true;
    return r <= 0 ? r : add_execution(f, e, err);
}

/* ---- many together ------------------------------------------------------------ */

/* Deletes rows of jobs that end, and marks the endings; most often all. */
static int sweep_jobs(struct finish *f, struct err *err)
{
    size_t n = 0;
    int r;

    for (size_t i = 0; i < f->b->count; i++) {
        const struct ending *e = &f->endings[i];

        if (!e->bad && e->o->kind != OUTCOME_RETRY)
            f->marks[n++] = (struct sq_mark){.key = e->row.id,
                                             .pos = e->row.pos,
                                             .version = e->row.version,
                                             .item = (uint32_t)i};
    }
    r = sq_sweep(f->x, SQL_JOB_SWEEP, f->marks, n, err);
    for (size_t i = 0; i < n; i++)
        f->endings[f->marks[i].item].swept = f->marks[i].gone;
    return r;
}

/* Takes the jobs that were swept out of the order. */
static int sweep_order(struct finish *f, struct err *err)
{
    size_t n = 0;
    int r;

    for (size_t i = 0; i < f->b->count; i++) {
        const struct ending *e = &f->endings[i];

        if (e->swept && sq_in_order(&f->x->sorted, e->row.id, e->row.pos))
            f->refs[n++] = (struct sq_ref){(uint64_t)e->row.pos, i};
    }
    sq_radix(f->refs, f->refs + f->b->count, n);
    for (size_t i = 0; i < n; i++)
        f->marks[i] = (struct sq_mark){.key = (int64_t)f->refs[i].key,
                                       .pos = (int64_t)f->refs[i].key,
                                       .item = (uint32_t)f->refs[i].i};
    r = sq_sweep(f->x, SQL_ORDER_SWEEP, f->marks, n, err);
    for (size_t i = 0; i < n && r == 0; i++) {
        if (!f->marks[i].gone)
            r = sq_order_leave(f->x, f->endings[f->marks[i].item].row.id,
                               f->marks[i].pos, err);
    }
    return r;
}

/* ---- what comes of it -------------------------------------------------------- */

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

static int put_follow_ups(struct finish *f, struct err *err)
{
    struct put_item **items;
    size_t n = 0;
    int r;

    for (size_t i = 0; i < f->b->count; i++)
        n += f->b->outcomes[i]->follow_up_count;
    if (n == 0)
        return 0;
    items = calloc(n, sizeof(struct put_item *));
    if (items == NULL)
        return err_again(err, -ENOMEM, "no memory for %zu follow-ups", n);
    n = 0;
    for (size_t i = 0; i < f->b->count; i++) { /* as they were handed in */
        struct outcome *o = f->b->outcomes[i];

        for (size_t k = 0; !o->stale && k < o->follow_up_count; k++) {
            if (may_store(&o->follow_ups[k]))
                items[n++] = &o->follow_ups[k];
        }
    }
    r = sq_put_items(f->x, items, n, f->b->now_ms, err);
    free(items);
    return r;
}

/* ---- the batch ---------------------------------------------------------------- */

/* By id: that is where rows and executions lie. */
static void sort_endings(struct finish *f)
{
    size_t n = f->b->count;

    for (size_t i = 0; i < n; i++)
        f->refs[i] = (struct sq_ref){(uint64_t)f->b->outcomes[i]->job->id, i};
    sq_radix(f->refs, f->refs + n, n);
    for (size_t i = 0; i < n; i++)
        f->endings[i].o = f->b->outcomes[f->refs[i].i];
}

static int end_all(struct finish *f, struct ending **ret_culprit,
                   struct err *err)
{
    int r = 0;

    f->name_count = 0;
    f->history.count = 0;
    for (size_t i = 0; i < f->b->count && r == 0; i++)
        r = begin_one(f, &f->endings[i], err);
    if (r == 0 && !f->one_by_one)
        r = sweep_jobs(f, err);
    if (r == 0 && !f->one_by_one)
        r = sweep_order(f, err);
    for (size_t i = 0; i < f->b->count && r == 0; i++) {
        struct ending *e = &f->endings[i];

        *ret_culprit = e;
        if (e->swept) {
            ended(f, e);
            r = add_execution(f, e, err);
        } else if (e->bad)
            e->o->stale = true;
        else
            r = end_one(f, e, err);
    }
    if (r < 0)
        return r;
    *ret_culprit = NULL;
    sq_names_sort(f->names, f->name_count);
    r = sq_names_set(f->x, NAMES_KEYS, f->names, f->name_count, err);
    if (r == 0)
        r = sq_history_log(f->x, &f->history, f->b->now_ms, err);
    return r < 0 ? r : put_follow_ups(f, err);
}

static int try_all(struct finish *f, struct ending **ret_culprit,
                   struct err *err)
{
    const struct sq_ledger ledger = {f->b->ledger_pos, f->b->ledger_seq};
    int r;

    *ret_culprit = NULL;
    r = sq_begin(f->x, f->b->sync, err);
    if (r < 0)
        return r;
    r = end_all(f, ret_culprit, err);
    if (r == 0) {
        *ret_culprit = NULL;
        return sq_commit(f->x, &ledger, err);
    }
    sq_rollback(f->x);
    return r;
}

/* Tells the retried jobs where they stand now. */
static void tell(struct finish *f)
{
    for (size_t i = 0; i < f->b->count; i++) {
        struct ending *e = &f->endings[i];
        struct job *j = e->o->job;

        if (e->o->stale || e->o->kind != OUTCOME_RETRY)
            continue;
        j->pos = e->row.pos;
        j->due_ms = e->row.due;
        j->attempt = e->row.attempt + 1;
    }
}

/* After a failure: whether to try again, one by one, without the culprit. */
static bool set_aside(struct finish *f, struct ending *culprit, int r,
                      const struct err *why)
{
    if (why->retry || r == -ESTALE || r == -EUCLEAN ||
        (culprit == NULL && f->one_by_one))
        return false;
    f->one_by_one = true;
    if (culprit == NULL)
        return true;
    culprit->bad = culprit->o->refused = true;
    log_error("store", LOG_EVENT("outcome_refused"),
              LOG_INT("job", culprit->o->job->id), LOG_ERR(why));
    return true;
}

int sq_finish(struct store_session *sx, struct finish_batch *b, struct err *err)
{
    struct finish f = {.x = sq_session(sx), .b = b};
    struct ending *culprit;
    struct err why = {0};
    int r;

    f.endings = calloc(b->count + 1, sizeof(*f.endings));
    f.names = calloc(b->count + 1, sizeof(*f.names));
    f.history.refs = malloc((b->count + 1) * SQ_REF_BYTES);
    f.refs = malloc(2 * (b->count + 1) * sizeof(*f.refs));
    f.marks = malloc((b->count + 1) * sizeof(*f.marks));
    if (f.endings == NULL || f.names == NULL || f.history.refs == NULL ||
        f.refs == NULL || f.marks == NULL) {
        r = err_again(err, -ENOMEM, "no memory for %zu outcomes", b->count);
        goto out;
    }
    sort_endings(&f);
    while ((r = try_all(&f, &culprit, &why)) < 0 &&
           set_aside(&f, culprit, r, &why))
        ;
    if (r == 0)
        tell(&f);
    else if (err != NULL)
        *err = why;
out:
    for (size_t i = 0; f.endings != NULL && i < b->count; i++)
        job_free(&f.endings[i].stored);
    free(f.endings);
    free(f.names);
    free(f.history.refs);
    free(f.refs);
    free(f.marks);
    return r;
}

/* ---- RUNNING ------------------------------------------------------------------ */

int sq_mark_running(struct store_session *sx, struct job **jobs, size_t n,
                    struct err *err)
{
    struct sq_session *x = sq_session(sx);
    sqlite3_stmt *st;
    int r;

    r = sq_begin(x, true, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < n && r == 0; i++) {
        st = sq_stmt(x, SQL_JOB_RUNNING, err);
        if (st == NULL) {
            r = -EIO;
            break;
        }
        (void)sqlite3_bind_int64(st, 1, jobs[i]->id);
        (void)sqlite3_bind_int64(st, 2, jobs[i]->version);
        r = sq_run(x, st, err);
    }
    if (r == 0)
        return sq_commit(x, NULL, err);
    sq_rollback(x);
    return r;
}
