/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/import.c - rows of another store taken in; see export.h.  The
 * writing session's thread.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/sqlite/export.h"
#include "store/sqlite/history.h"
#include "store/sqlite/names.h"
#include "store/sqlite/put.h"
#include "store/sqlite/row.h"
#include "store/sqlite/wish.h"

#define LOG_MS 60000 /* executions that one row of the log may lie apart */

struct import { /* one batch */
    struct sq_session *x;
    struct move_row *rows;
    size_t n;
    struct sq_name *names;
    size_t name_count;
};

/* Runs one statement with up to six numbers. */
static int run(struct sq_session *x, const char *sql, const int64_t *v,
               int count, struct err *err)
{
    sqlite3_stmt *st = NULL;
    int r = 0;

    if (sqlite3_prepare_v2(x->db, sql, -1, &st, NULL) != SQLITE_OK)
        return sq_fail(x->db, err, "take a row in");
    for (int i = 0; i < count; i++)
        (void)sqlite3_bind_int64(st, i + 1, v[i]);
    if (sqlite3_step(st) != SQLITE_DONE)
        r = sq_fail(x->db, err, "take a row in");
    (void)sqlite3_finalize(st);
    return r;
}

/* ---- the small ones -------------------------------------------------------------- */

static int set_meta(struct sq_session *x, const char *name, struct span value,
                    bool blob, struct err *err)
{
    sqlite3_stmt *st = NULL;
    int r = 0;

    if (sqlite3_prepare_v2(x->db, "UPDATE meta SET value=?2 WHERE name=?1", -1,
                           &st, NULL) != SQLITE_OK)
        return sq_fail(x->db, err, "write the store's identity");
    (void)sqlite3_bind_text(st, 1, name, -1, SQLITE_STATIC);
    if (blob)
        sq_bind_span(st, 2, value);
    else
        (void)sqlite3_bind_text(st, 2, value.data, (int)value.len,
                                SQLITE_STATIC);
    if (sqlite3_step(st) != SQLITE_DONE)
        r = sq_fail(x->db, err, "write the store's identity");
    (void)sqlite3_finalize(st);
    return r;
}

static int take_store(struct sq_session *x, const struct move_store *m,
                      struct err *err)
{
    char created[24];
    int r;

    (void)sqlite3_snprintf(sizeof(created), created, "%lld",
                           (long long)m->created_ms);
    r = set_meta(x, "store_id", (struct span){m->id, 36}, false, err);
    if (r == 0)
        r = set_meta(x, "secret", (struct span){&m->secret, sizeof(m->secret)},
                     true, err);
    if (r == 0)
        r = set_meta(x, "created_ms", (struct span){created, strlen(created)},
                     false, err);
    /* Nobody else has the store open yet. */
    x->st->secret = m->secret;
    memcpy(x->base.store->id, m->id, sizeof(m->id));
    if (m->numbers > x->next_seq)
        x->next_seq = m->numbers;
    return r;
}

static int take_slot(struct sq_session *x, const struct store_slot *s,
                     struct err *err)
{
    if (s->slot > 0 && s->owned)
        return err_set(err, -EBUSY,
                       "instance %s has not given slot %d back: let an "
                       "instance run until it has taken that over, stop it, "
                       "and convert then",
                       s->owner[0] != '\0' ? s->owner : "(unknown)", s->slot);
    if (s->slot > 0)
        return 0;
    /* sq_commit's guard is to find us as the owner. */
    if (s->epoch >= x->epoch)
        x->epoch = s->epoch + 1;
    return run(x,
               "UPDATE slots SET epoch=?1,ledger_used=?2,ledger_pos=?3,"
               "ledger_seq=?4 WHERE slot=0",
               (const int64_t[]){x->epoch, s->ledger_used, s->ledger_pos,
                                 s->ledger_seq},
               4, err);
}

static int take_app(struct sq_session *x, const struct store_count *a,
                    struct err *err)
{
    const struct app_name *name = app_name_s(a->app);
    struct sq_delta *d;
    int32_t n;

    if (name == NULL)
        return err_set(err, -EINVAL, "an app is called \"%s\"", a->app);
    n = sq_app_number(x, name, true, err);
    if (n < 0)
        return n;
    d = sq_app_delta(x, n);
    d->succeeded += a->succeeded;
    d->dead += a->dead;
    d->canceled += a->canceled;
    d->retried += a->retried;
    return 0;
}

static int take_wish(struct sq_session *x, const struct wish *w,
                     struct err *err)
{
    const struct change c = {
        .kind = w->kind,
        .due_ms = w->due_ms,
        .content = w->content,
        .now_ms = w->content != NULL ? w->content->created_ms : 0,
    };
    int64_t given = 0;
    int r = sq_wish_add(x, w->job_id, &c, &given, err);

    return r < 0 || given == w->number
               ? r
               : run(x, "UPDATE wishes SET number=?1 WHERE number=?2",
                     (const int64_t[]){w->number, given}, 2, err);
}

/* ---- jobs ------------------------------------------------------------------------------ */

static int take_job(struct import *m, struct job *j, struct err *err)
{
    struct sq_session *x = m->x;
    int32_t app = sq_app_number(x, j->app, true, err);
    int state = sq_row_state((enum job_state)j->state, j->redelivered);
    struct sq_place at = {j->pos, j->id, app};
    int r;

    if (app < 0)
        return app;
    if (j->pos <= 0 || job_pos_ms(j->pos) < j->due_ms)
        at.pos = sq_make_pos(j->due_ms, x->next_seq++);
    r = sq_order_enter(x, &at, err);
    j->pos = at.pos;
    if (r == 0)
        r = sq_row_write(x, j, app, err);
    if (r == 0)
        r = err_set(err, -EUCLEAN, "job %lld is there twice", (long long)j->id);
    if (r > 0)
        r = state == JOB_CREATED
                ? 0
                : run(x, "UPDATE jobs SET state=?1 WHERE id=?2",
                      (const int64_t[]){state, j->id}, 2, err);
    if (r < 0)
        return r;
    sq_app_delta(x, app)->pending++;
    if (j->key.len > 0) {
        struct sq_name *name = &m->names[m->name_count];

        sq_name_hash(x, j->app, j->key, name);
        name->value = j->id;
        name->item = (uint32_t)m->name_count++;
    }
    return 0;
}

static void note_repeat(struct import *m, const struct move_repeat *q)
{
    struct sq_name *name = &m->names[m->name_count];

    *name = (struct sq_name){.hash = q->hash[0],
                             .rest = q->hash[1],
                             .value = q->accepted_ms,
                             .item = (uint32_t)m->name_count};
    m->name_count++;
}

/* Enters the names that were noted; each comes once. */
static int take_names(struct import *m, enum sq_names which, struct err *err)
{
    sq_names_sort(m->names, m->name_count);
    for (size_t i = 1; i < m->name_count; i++) {
        if (m->names[i].hash == m->names[i - 1].hash &&
            m->names[i].rest == m->names[i - 1].rest)
            return err_set(err, -EUCLEAN, "two live jobs have one key");
    }
    return sq_names_set(m->x, which, m->names, m->name_count, err);
}

/* ---- executions -------------------------------------------------------------------------- */

static int take_executions(struct import *m, struct err *err)
{
    struct sq_history h = {.refs = malloc((m->n + 1) * SQ_REF_BYTES)};
    int64_t since = m->rows[0].execution.finished_ms, last = since;
    int r = 0;

    if (h.refs == NULL)
        return err_again(err, -ENOMEM, "no memory for executions");
    for (size_t i = 0; i < m->n && r == 0; i++) {
        const struct execution *e = &m->rows[i].execution;
        const struct outcome o = {.kind = e->outcome,
                                  .started_ms = e->started_ms,
                                  .finished_ms = e->finished_ms,
                                  .error = e->error};
        const struct app_name *name = app_name_s(e->app);
        int32_t app =
            name == NULL ? -ENOMEM : sq_app_number(m->x, name, true, err);
        struct sq_execution row = {.job_id = e->job_id,
                                   .scheduled = e->scheduled_ms,
                                   .version = e->version,
                                   .attempt = e->attempt,
                                   .app = app,
                                   .o = &o,
                                   .key = e->key};

        if (e->finished_ms - since >= LOG_MS && h.count > 0) {
            r = sq_history_log(m->x, &h, last, err);
            h.count = 0;
            since = e->finished_ms;
        }
        last = e->finished_ms > last ? e->finished_ms : last;
        if (r == 0)
            r = app < 0 ? app : sq_history_add(m->x, &h, &row, err);
    }
    if (r == 0)
        r = sq_history_log(m->x, &h, last, err);
    free(h.refs);
    return r;
}

/* ---- all ------------------------------------------------------------------------------------ */

static int take_row(struct import *m, struct move_row *row, struct err *err)
{
    struct store_position p;

    switch (row->kind) {
    case MOVE_STORE:
        return take_store(m->x, &row->store, err);
    case MOVE_SLOT:
        return take_slot(m->x, &row->slot, err);
    case MOVE_APP:
        return take_app(m->x, &row->app, err);
    case MOVE_POSITION:
        p = row->position;
        p.from = -1;
        return sq_position_move(m->x, &p, err);
    case MOVE_JOB:
        return take_job(m, row->job, err);
    case MOVE_WISH:
        return take_wish(m->x, row->wish, err);
    default:
        note_repeat(m, &row->repeat);
        return 0;
    }
}

int sq_import(struct store_session *sx, struct move_row *rows, size_t n,
              struct err *err)
{
    struct import m = {.x = sq_session(sx), .rows = rows, .n = n};
    enum move_kind kind = rows[0].kind;
    int r;

    m.names = calloc(n, sizeof(*m.names));
    if (m.names == NULL)
        return err_again(err, -ENOMEM, "no memory for %zu rows", n);
    r = sq_begin(m.x, false, err);
    if (r == 0 && kind == MOVE_EXECUTION) {
        r = take_executions(&m, err);
    } else {
        for (size_t i = 0; i < n && r == 0; i++)
            r = take_row(&m, &rows[i], err);
        if (r == 0 && (kind == MOVE_JOB || kind == MOVE_REPEAT))
            r = take_names(&m, kind == MOVE_JOB ? NAMES_KEYS : NAMES_REPEATS,
                           err);
    }
    if (r == 0)
        r = sq_commit(m.x, NULL, err);
    else
        sq_rollback(m.x);
    free(m.names);
    return r;
}

int sq_import_end(struct store_session *sx, struct err *err)
{
    struct sq_session *x = sq_session(sx);
    int r = sq_begin(x, true, err);

    if (r < 0)
        return r;
    r = run(x, "DELETE FROM meta WHERE name='incomplete'", NULL, 0, err);
    if (r == 0)
        return sq_commit(x, NULL, err);
    sq_rollback(x);
    return r;
}
