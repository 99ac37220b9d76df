/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/export.c - see export.h.  The session's thread.
 */
#include "config.h"

#include "store/sqlite/export.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/sqlite/apps.h"
#include "store/sqlite/chunk.h"
#include "store/sqlite/history.h"
#include "store/sqlite/names.h"
#include "store/sqlite/row.h"
#include "store/sqlite/slot.h"
#include "store/sqlite/wish.h"

struct sink {
    struct sq_session *x;
    move_row_fn *fn;
    void *arg;
    struct err *err;
    int r;
};

static int give(struct sink *s, struct move_row *row)
{
    if (s->r == 0)
        s->r = s->fn(s->arg, row, s->err);
    move_row_done(row);
    return s->r;
}

/* Runs sql and hands each of its rows to one. */
static int each(struct sink *s, const char *sql,
                int (*one)(struct sink *s, sqlite3_stmt *st))
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(s->x->db, sql, -1, &st, NULL);
    int r = 0;

    while (rc == SQLITE_OK || rc == SQLITE_ROW) {
        rc = sqlite3_step(st);
        if (rc == SQLITE_ROW && (r = one(s, st)) < 0)
            break;
    }
    if (r == 0 && rc != SQLITE_DONE)
        r = sq_fail(s->x->db, s->err, "read the store");
    (void)sqlite3_finalize(st);
    return r;
}

static const char *text_at(sqlite3_stmt *st, int at)
{
    const unsigned char *s = sqlite3_column_text(st, at);

    return s != NULL ? (const char *)s : "";
}

/* ---- the small ones ---------------------------------------------------------- */

static int one_store(struct sink *s, sqlite3_stmt *st)
{
    struct move_row row = {.kind = MOVE_STORE,
                           .store.secret = s->x->st->secret,
                           .store.created_ms = sqlite3_column_int64(st, 0),
                           .store.numbers =
                               (uint64_t)sqlite3_column_int64(st, 1)};

    memcpy(row.store.id, s->x->base.store->id, sizeof(row.store.id));
    return give(s, &row);
}

static int slots(struct sink *s)
{
    struct store_slot slots[1];
    int n = sq_slots(&s->x->base, slots, 1, s->err);
    struct move_row row = {.kind = MOVE_SLOT};

    for (int i = 0; i < n; i++) {
        row.slot = slots[i];
        if (give(s, &row) < 0)
            return s->r;
    }
    return n < 0 ? n : 0;
}

static int one_app(struct sink *s, sqlite3_stmt *st)
{
    const struct app_name *name =
        sq_app_name(s->x, sqlite3_column_int(st, 0), s->err);
    struct move_row row = {.kind = MOVE_APP};

    if (name == NULL)
        return -EUCLEAN;
    row.app = (struct store_count){
        .app = name->text,
        .pending = sqlite3_column_int64(st, 1),
        .succeeded = sqlite3_column_int64(st, 2),
        .dead = sqlite3_column_int64(st, 3),
        .canceled = sqlite3_column_int64(st, 4),
        .retried = sqlite3_column_int64(st, 5),
    };
    return give(s, &row);
}

static int one_position(struct sink *s, sqlite3_stmt *st)
{
    struct move_row row = {.kind = MOVE_POSITION,
                           .position = {.cluster = text_at(st, 0),
                                        .source = text_at(st, 1),
                                        .topic = text_at(st, 2),
                                        .partition = sqlite3_column_int(st, 3),
                                        .next = sqlite3_column_int64(st, 4)}};

    return give(s, &row);
}

static int wishes(struct sink *s)
{
    struct move_row row = {.kind = MOVE_WISH};
    struct list all;
    int r;

    list_init(&all);
    r = sq_wishes(&s->x->base, 0, INT32_MAX, &all, s->err);
    while (!list_empty(&all)) {
        row.wish = list_of(list_pop(&all), struct wish, link);
        if (r < 0 || row.wish->kind == CHANGE_LOAD)
            wish_free(&row.wish);
        else
            r = give(s, &row);
    }
    return r;
}

/* ---- jobs and executions -------------------------------------------------------- */

static int jobs(struct sink *s)
{
    sqlite3_stmt *st = sq_stmt(s->x, SQL_JOB_ALL, s->err);
    struct move_row row = {.kind = MOVE_JOB};
    int r;

    if (st == NULL)
        return -EIO;
    while ((r = sq_row(s->x, st, s->err)) > 0) {
        r = sq_job_read(s->x, st, &row.job, s->err);
        if (r == 0)
            r = give(s, &row);
        if (r < 0)
            break;
    }
    (void)sqlite3_reset(st);
    return r;
}

static void one_execution(void *arg, const struct execution *e)
{
    struct move_row row = {.kind = MOVE_EXECUTION, .execution = *e};

    (void)give(arg, &row);
}

static int executions(struct sink *s)
{
    int64_t at = -1;
    int r = 1;

    while (r > 0 && s->r == 0)
        r = sq_history_piece(s->x, &at, one_execution, s, s->err);
    return s->r < 0 ? s->r : r;
}

/* ---- idempotency keys -------------------------------------------------------------- */

struct recent { /* what is in memory: newer than what chunks say */
    struct sq_entry *e;
    size_t n;
};

static int by_name(const void *pa, const void *pb)
{
    const struct sq_entry *a = pa, *b = pb;

    return sq_entry_compare(a->hash, a->rest, b->hash, b->rest);
}

static bool is_recent(const struct recent *m, const struct sq_entry *e)
{
    return m->n > 0 && bsearch(e, m->e, m->n, sizeof(*m->e), by_name) != NULL;
}

static int read_recent(const struct sq_pile *p, struct recent *ret,
                       struct err *err)
{
    struct recent older = {p->frozen.e, p->frozen.n};
    size_t n = 0;

    ret->e = malloc((p->used + p->frozen.n + 1) * sizeof(*ret->e));
    if (ret->e == NULL)
        return err_again(err, -ENOMEM, "no memory for recent names");
    for (size_t i = 0; i < p->cap; i++) {
        if (p->slots[i].value >= 0)
            ret->e[n++] = p->slots[i];
    }
    qsort(ret->e, n, sizeof(*ret->e), by_name);
    ret->n = n;
    for (size_t i = 0; i < older.n; i++) {
        if (!is_recent(ret, &older.e[i]))
            ret->e[n++] = older.e[i];
    }
    ret->n = n;
    qsort(ret->e, n, sizeof(*ret->e), by_name);
    return 0;
}

static int give_repeat(struct sink *s, const struct sq_entry *e)
{
    struct move_row row = {.kind = MOVE_REPEAT,
                           .repeat = {{e->hash, e->rest}, e->value}};

    return e->value > 0 ? give(s, &row) : 0;
}

static int repeats(struct sink *s)
{
    const struct sq_pile *p = &s->x->st->names[NAMES_REPEATS];
    struct recent recent = {NULL, 0};
    sqlite3_stmt *st = NULL;
    int r = read_recent(p, &recent, s->err), rc = SQLITE_OK;

    if (r == 0)
        rc = sqlite3_prepare_v2(s->x->db,
                                "SELECT entries FROM repeat_chunks ORDER BY at",
                                -1, &st, NULL);
    while (r == 0 && rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
        struct span data = sq_column_span(st, 0);
        const unsigned char *at = data.data;

        rc = SQLITE_OK;
        for (size_t i = 0; i < data.len / SQ_ENTRY_BYTES && r == 0; i++) {
            struct sq_entry e = sq_entry_decode(at + i * SQ_ENTRY_BYTES);

            if (!is_recent(&recent, &e))
                r = give_repeat(s, &e);
        }
    }
    if (r == 0 && rc != SQLITE_DONE)
        r = sq_fail(s->x->db, s->err, "read idempotency keys");
    (void)sqlite3_finalize(st);
    for (size_t i = 0; i < recent.n && r == 0; i++)
        r = give_repeat(s, &recent.e[i]);
    free(recent.e);
    return r;
}

/* ---- all ----------------------------------------------------------------------------- */

int sq_export(struct store_session *sx, enum move_kind kind, move_row_fn *fn,
              void *arg, struct err *err)
{
    struct err own;
    struct sink s = {sq_session(sx), fn, arg, err != NULL ? err : &own, 0};

    switch (kind) {
    case MOVE_STORE:
        return each(&s,
                    "SELECT (SELECT value FROM meta WHERE name='created_ms'),"
                    "next_seq FROM slots WHERE slot=0",
                    one_store);
    case MOVE_SLOT:
        return slots(&s);
    case MOVE_APP:
        return each(&s,
                    "SELECT id,pending,succeeded,dead,canceled,retried "
                    "FROM apps ORDER BY id",
                    one_app);
    case MOVE_POSITION:
        return each(&s,
                    "SELECT cluster,source,topic,partition,next "
                    "FROM source_positions",
                    one_position);
    case MOVE_JOB:
        return jobs(&s);
    case MOVE_WISH:
        return wishes(&s);
    case MOVE_EXECUTION:
        return executions(&s);
    default:
        return repeats(&s);
    }
}
