/* SPDX-License-Identifier: Apache-2.0
 *
 * store/mysql/import.c - rows of another store taken in; see export.h.  The
 * writing session's thread.
 *
 * Nobody else has the store, so there is no slot to hold: batches are plain
 * transactions, and a failure is the end of the whole import.
 */
#include "config.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "store/mysql/conn.h"
#include "store/mysql/days.h"
#include "store/mysql/export.h"
#include "store/mysql/history.h"
#include "store/mysql/names.h"
#include "store/mysql/row.h"
#include "store/mysql/schema.h"
#include "store/mysql/wish.h"

#define NAMES 2000 /* in one statement */

/* ---- the small ones ---------------------------------------------------------- */

static int take_store(struct md_session *x, const struct move_store *m,
                      struct err *err)
{
    int r = md_runf(x, err, "UPDATE meta SET value='%s' WHERE name='store_id'",
                    m->id);

    if (r == 0)
        r = md_runf(x, err,
                    "UPDATE meta SET value='%016" PRIx64 "%016" PRIx64
                    "' WHERE name='secret'",
                    m->secret.k0, m->secret.k1);
    if (r == 0)
        r = md_runf(x, err,
                    "UPDATE meta SET value='%" PRId64
                    "' WHERE name='created_ms'",
                    m->created_ms);
    if (r == 0)
        r = md_runf(x, err,
                    "UPDATE meta SET value='%" PRIu64
                    "' WHERE name='next_job_id'",
                    m->numbers + 1);
    x->st->secret = m->secret;
    memcpy(x->st->base.id, m->id, sizeof(m->id));
    return r;
}

/* What may be in its ledger and not in the store yet is of any shard: nobody
 * may own one before the slot has been recovered. */
static int take_slot(struct md_session *x, const struct store_slot *s,
                     struct err *err)
{
    bool open = s->owned && s->ledger_used;
    int r;

    (void)md_sql(x, "INSERT INTO slots(slot,epoch,state,beat,wseq,ledger_used,"
                    "ledger_pos,ledger_seq,owner) VALUES(");
    (void)buf_addf(&x->sql,
                   "%" PRId32 ",%" PRId64 ",'%s',%" PRId64 ",0,%d,%" PRId64
                   ",%" PRId64 ",",
                   s->slot, s->epoch, open ? "owned" : "free", s->beat,
                   s->ledger_used, s->ledger_pos, s->ledger_seq);
    md_add_text(x, s->owner);
    md_end_list(x, ")");
    r = md_run(x, err);
    if (r < 0 || !open)
        return r;
    r = md_runf(x, err, "UPDATE shards SET slot=%" PRId32 " WHERE slot IS NULL",
                s->slot);
    if (r == 0 && md_affected(x) == 0)
        r = err_set(err, -EBUSY,
                    "slot %" PRId32 " is not the only one that was not given "
                    "back: let an instance run until it has taken the others "
                    "over, stop it, and convert then",
                    s->slot);
    return r;
}

static int take_app(struct md_session *x, const struct store_count *a,
                    struct err *err)
{
    int32_t n = md_app_known(x, app_name_s(a->app));
    struct md_delta *d;

    if (n <= 0)
        return err_set(err, -EUCLEAN, "app %s has no number", a->app);
    d = md_app_delta(x, n);
    d->succeeded += a->succeeded;
    d->dead += a->dead;
    d->canceled += a->canceled;
    d->retried += a->retried;
    return 0;
}

static int take_position(struct md_session *x, const struct store_position *p,
                         struct err *err)
{
    (void)md_sql(x, "INSERT INTO source_positions(cluster,source,topic,"
                    "`partition`,next) VALUES(");
    md_add_text(x, p->cluster);
    md_add_text(x, p->source);
    md_add_text(x, p->topic);
    md_add_int(x, p->partition);
    md_add_int(x, p->next);
    md_end_list(x, ")");
    return md_run(x, err);
}

static int take_wish(struct md_session *x, const struct wish *w,
                     struct err *err)
{
    const struct change c = {
        .kind = w->kind,
        .due_ms = w->due_ms,
        .content = w->content,
        .now_ms = w->content != NULL ? w->content->created_ms : 0,
    };
    struct md_row row = {0};
    int64_t given = 0;
    int r = md_job_get(x, w->job_id, false, NULL, &row, err);

    if (r >= 0)
        r = md_wish_add(x, row.shard, w->job_id, &c, &given, err);
    if (r == 0 && given != w->number)
        r = md_runf(x, err,
                    "UPDATE wishes SET number=%" PRId64
                    " WHERE number=%" PRId64,
                    w->number, given);
    if (r == 0)
        r = md_runf(x, err,
                    "UPDATE meta SET value=GREATEST(CAST(value AS SIGNED),"
                    "%" PRId64 ") WHERE name='next_wish'",
                    w->number + 1);
    return r;
}

/* ---- jobs ------------------------------------------------------------------------- */

static int by_pos(const void *pa, const void *pb)
{
    const struct job *a = *(struct job *const *)pa,
                     *b = *(struct job *const *)pb;

    return a->pos < b->pos ? -1 : a->pos > b->pos;
}

static int set_state(struct md_session *x, const struct job *j, struct err *err)
{
    if (j->state == JOB_CREATED && !j->redelivered)
        return 0;
    return md_runf(x, err,
                   "UPDATE jobs SET state=%d,redelivered=%d WHERE id=%" PRId64,
                   j->state, j->redelivered, j->id);
}

static int point_names(struct md_session *x, struct job *const *jobs, size_t n,
                       struct err *err)
{
    struct md_name *names = calloc(n, sizeof(*names));
    size_t keys = 0;
    int r;

    if (names == NULL)
        return err_again(err, -ENOMEM, "no memory for keys");
    for (size_t i = 0; i < n; i++) {
        if (jobs[i]->key.len == 0)
            continue;
        md_name_hash(x->st, jobs[i]->app, jobs[i]->key, &names[keys]);
        names[keys++].id = jobs[i]->id;
    }
    md_names_sort(names, keys);
    r = md_names_point(x, names, keys, err);
    free(names);
    return r;
}

/* A batch goes to one shard: rows that lie together were due together. */
static int take_jobs(struct md_session *x, struct move_row *rows, size_t n,
                     struct err *err)
{
    struct job **jobs = calloc(n, sizeof(*jobs));
    uint32_t shard = x->far_turn++ % x->st->base.shards;
    int r = 0;

    if (jobs == NULL)
        return err_again(err, -ENOMEM, "no memory for jobs");
    for (size_t i = 0; i < n && r == 0; i++) {
        struct job *j = jobs[i] = rows[i].job;
        int32_t app = md_app_known(x, j->app);

        j->shard = shard;
        j->pos = md_pos_of(j->due_ms, j->id);
        if (app > 0)
            md_app_delta(x, app)->pending++;
        else
            r = err_set(err, -EUCLEAN, "app %s has no number", j->app->text);
    }
    qsort(jobs, n, sizeof(struct job *), by_pos);
    if (r == 0)
        r = md_rows_write(x, jobs, n, err);
    for (size_t i = 0; i < n && r == 0; i++)
        r = set_state(x, jobs[i], err);
    if (r == 0)
        r = point_names(x, jobs, n, err);
    free(jobs);
    return r;
}

/* ---- executions, idempotency keys ---------------------------------------------------- */

static int take_executions(struct md_session *x, struct move_row *rows,
                           size_t n, struct err *err)
{
    int r = 0;

    md_history_begin(x);
    for (size_t i = 0; i < n && r == 0; i++) {
        const struct execution *e = &rows[i].execution;
        const struct outcome o = {.kind = e->outcome,
                                  .started_ms = e->started_ms,
                                  .finished_ms = e->finished_ms,
                                  .error = e->error};
        const struct md_execution row = {
            .job_id = e->job_id,
            .scheduled = e->scheduled_ms,
            .version = e->version,
            .attempt = e->attempt,
            .app = md_app_known(x, app_name_s(e->app)),
            .o = &o,
            .key = e->key};

        r = md_history_add(x, &row, err);
    }
    return r < 0 ? r : md_history_end(x, err);
}

static int take_repeats(struct md_session *x, struct move_row *rows, size_t n,
                        struct err *err)
{
    int r = 0;

    for (size_t i = 0; i < n && r == 0; i += NAMES) {
        size_t end = i + NAMES < n ? i + NAMES : n;

        (void)md_sql(x, "INSERT INTO names(hash,accepted,id) VALUES");
        for (size_t k = i; k < end; k++)
            (void)buf_addf(&x->sql,
                           "(x'%016" PRIx64 "%016" PRIx64 "',%" PRId64 ",0),",
                           rows[k].repeat.hash[0], rows[k].repeat.hash[1],
                           rows[k].repeat.accepted_ms);
        md_end_list(x, " ON DUPLICATE KEY UPDATE accepted=VALUES(accepted)");
        r = md_run(x, err);
    }
    return r;
}

/* ---- all ------------------------------------------------------------------------------ */

static int take_row(struct md_session *x, const struct move_row *row,
                    struct err *err)
{
    switch (row->kind) {
    case MOVE_STORE:
        return take_store(x, &row->store, err);
    case MOVE_SLOT:
        return take_slot(x, &row->slot, err);
    case MOVE_APP:
        return take_app(x, &row->app, err);
    case MOVE_POSITION:
        return take_position(x, &row->position, err);
    default:
        return take_wish(x, row->wish, err);
    }
}

/* What cannot be inside a transaction. */
static int prepare(struct md_session *x, struct move_row *rows, size_t n,
                   struct err *err)
{
    int64_t last = 0;
    int r = md_connect(x, err);

    for (size_t i = 0; i < n && r >= 0 && rows[0].kind == MOVE_APP; i++)
        r = md_app_number(x, app_name_s(rows[i].app.app), true, err);
    for (size_t i = 0; i < n && rows[0].kind == MOVE_EXECUTION; i++) {
        if (rows[i].execution.finished_ms > last)
            last = rows[i].execution.finished_ms;
        if (r >= 0)
            r = md_app_number(x, app_name_s(rows[i].execution.app), true, err);
    }
    if (r >= 0 && last > 0)
        r = md_days_ensure(x, last, err);
    return r < 0 ? r : 0;
}

static int take(struct md_session *x, struct move_row *rows, size_t n,
                struct err *err)
{
    int r = 0;

    if (rows[0].kind == MOVE_JOB)
        return take_jobs(x, rows, n, err);
    if (rows[0].kind == MOVE_EXECUTION)
        return take_executions(x, rows, n, err);
    if (rows[0].kind == MOVE_REPEAT)
        return take_repeats(x, rows, n, err);
    for (size_t i = 0; i < n && r == 0; i++)
        r = take_row(x, &rows[i], err);
    return r;
}

int md_import(struct store_session *sx, struct move_row *rows, size_t n,
              struct err *err)
{
    struct md_session *x = md_session(sx);
    int r = prepare(x, rows, n, err);

    if (r == 0)
        r = md_runs(x, "START TRANSACTION", err);
    if (r < 0)
        return r;
    r = take(x, rows, n, err);
    if (r == 0)
        r = md_apps_flush(x, err);
    if (r == 0)
        r = md_runs(x, "COMMIT", err);
    else if (x->db != NULL)
        (void)md_runs(x, "ROLLBACK", NULL);
    md_apps_rollback(&x->apps);
    return r;
}

int md_import_begin(struct md_session *x, uint32_t shards, struct err *err)
{
    struct md_rows q;
    int64_t there = 0;
    int r = md_selectf(x, &q, err,
                       "SELECT COUNT(*) FROM information_schema.tables WHERE "
                       "table_schema=DATABASE()");

    if (r == 0 && md_next(&q))
        there = md_int(&q, 0);
    md_rows_done(&q);
    if (r == 0 && there > 0)
        r = err_set(err, -EEXIST, "the database is not empty");
    if (r == 0)
        r = md_schema_open(x, shards, err);
    if (r == 0)
        r = md_runs(x, "INSERT INTO meta(name,value) VALUES('incomplete','1')",
                    err);
    return r;
}

int md_import_end(struct store_session *sx, struct err *err)
{
    struct md_session *x = md_session(sx);

    return md_runs(x, "DELETE FROM meta WHERE name='incomplete'", err);
}
