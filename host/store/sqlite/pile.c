/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/pile.c - see pile.h for threads and for the idea.
 */
#include "config.h"

#include "store/sqlite/pile.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/sqlite/chunk.h"
#include "store/sqlite/session.h"

#define SLOTS_MIN 1024
#define WORK_MIN 512 /* merging less at once would rewrite chunks often */

/* ---- in memory ----------------------------------------------------------------- */

static struct sq_entry *slot_of(const struct sq_pile *p, uint64_t hash,
                                uint64_t rest)
{
    size_t i = (size_t)(hash >> 20) & (p->cap - 1);

    while (p->slots[i].value >= 0 &&
           (p->slots[i].hash != hash || p->slots[i].rest != rest))
        i = (i + 1) & (p->cap - 1);
    return &p->slots[i];
}

/* Makes room for n more; at most three quarters of the slots are used. */
static int reserve(struct sq_pile *p, size_t n)
{
    struct sq_entry *old = p->slots, *slots;
    size_t old_cap = p->cap, cap = old_cap > 0 ? old_cap : SLOTS_MIN;

    while (cap / 4 * 3 < p->used + n)
        cap *= 2;
    if (cap == old_cap)
        return 0;
    slots = malloc(cap * sizeof(*slots));
    if (slots == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < cap; i++)
        slots[i].value = -1;
    p->slots = slots;
    p->cap = cap;
    for (size_t i = 0; i < old_cap; i++) {
        if (old[i].value >= 0)
            *slot_of(p, old[i].hash, old[i].rest) = old[i];
    }
    free(old);
    return 0;
}

/* There is room for it. */
static void enter(struct sq_pile *p, const struct sq_entry *e)
{
    struct sq_entry *slot = slot_of(p, e->hash, e->rest);

    p->used += slot->value < 0;
    *slot = *e;
}

/* The first entry at or behind index `from` that is not before the name;
 * looks further and further, as the names it is asked for are sorted. */
static size_t lower(const struct sq_run *run, size_t from, uint64_t hash,
                    uint64_t rest)
{
    size_t lo = from, step = 1, hi;

    while (lo + step < run->n &&
           sq_entry_compare(run->e[lo + step].hash, run->e[lo + step].rest,
                            hash, rest) < 0) {
        lo += step;
        step *= 2;
    }
    hi = lo + step < run->n ? lo + step : run->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (sq_entry_compare(run->e[mid].hash, run->e[mid].rest, hash, rest) <
            0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* Looks the names up in a run: those not known yet (value < 0) and there. */
static void get_run(const struct sq_run *run, struct sq_name *names, size_t n)
{
    size_t at = 0;

    for (size_t i = 0; i < n && at < run->n; i++) {
        if (names[i].value >= 0)
            continue;
        at = lower(run, at, names[i].hash, names[i].rest);
        if (at < run->n && run->e[at].hash == names[i].hash &&
            run->e[at].rest == names[i].rest)
            names[i].value = run->e[at].value;
    }
}

static void get_memory(struct sq_session *x, struct sq_pile *p,
                       struct sq_name *names, size_t n)
{
    bool writing = x->base.writing;

    if (writing) {
        for (size_t k = p->pending_count; k-- > 0;)
            get_run(&p->pending[k], names, n);
    } else {
        (void)pthread_rwlock_rdlock(&p->lock);
    }
    for (size_t i = 0; i < n && p->cap > 0; i++) {
        if (names[i].value < 0)
            names[i].value = slot_of(p, names[i].hash, names[i].rest)->value;
    }
    get_run(&p->frozen, names, n);
    if (!writing)
        (void)pthread_rwlock_unlock(&p->lock);
}

int sq_pile_get(struct sq_session *x, struct sq_pile *p, struct sq_name *names,
                size_t n, struct err *err)
{
    for (size_t i = 0; i < n; i++)
        names[i].value = -1;
    get_memory(x, p, names, n);
    return sq_chunk_get(x, p, names, n, err);
}

/* ---- setting ------------------------------------------------------------------------ */

/* Does what is due of the merging; at its end the log's rows go. */
static int work(struct sq_session *x, struct sq_pile *p, struct err *err)
{
    size_t at = p->merged_next, start = at;
    sqlite3_stmt *st;
    int r = 0;

    if (at == p->frozen.n || p->debt < WORK_MIN)
        return 0;
    while (r == 0 && at < p->frozen.n && at - start < p->debt)
        r = sq_chunk_merge(x, p, &at, err);
    if (r < 0)
        return r;
    p->debt -= at - start < p->debt ? at - start : p->debt;
    p->merged_next = at;
    if (at < p->frozen.n)
        return 0;
    st = sq_pile_stmt(x, p, P_LOG_TRIM, err);
    if (st == NULL)
        return -EIO;
    (void)sqlite3_bind_int64(st, 1, p->log_frozen);
    return sq_run(x, st, err);
}

/* ---- setting ------------------------------------------------------------------------ */

static int log_add(struct sq_session *x, struct sq_pile *p,
                   const struct sq_run *run, struct err *err)
{
    sqlite3_stmt *st = sq_pile_stmt(x, p, P_LOG_ADD, err);
    unsigned char *data;
    int r;

    if (st == NULL)
        return -EIO;
    data = malloc(run->n * SQ_ENTRY_BYTES);
    if (data == NULL)
        return err_again(err, -ENOMEM, "no memory for %zu names", run->n);
    sq_entries_encode(data, run->e, run->n);
    (void)sqlite3_bind_int64(st, 1, p->log_next);
    (void)sqlite3_bind_blob64(st, 2, data, run->n * SQ_ENTRY_BYTES,
                              SQLITE_STATIC);
    r = sq_run(x, st, err);
    free(data);
    if (r == 0)
        p->log_next++;
    return r;
}

int sq_pile_set(struct sq_session *x, struct sq_pile *p,
                const struct sq_name *names, size_t n, struct err *err)
{
    struct sq_run *run = &p->pending[p->pending_count];
    size_t all = 0;
    int r;

    if (n == 0)
        return 0;
    assert(p->pending_count < SQ_PENDING_MAX);
    run->e = malloc(n * sizeof(*run->e));
    if (run->e == NULL)
        return err_again(err, -ENOMEM, "no memory for %zu names", n);
    run->n = n;
    p->pending_count++;
    for (size_t i = 0; i < n; i++)
        run->e[i] =
            (struct sq_entry){names[i].hash, names[i].rest, names[i].value};
    /* Room now: nothing may fail once it is committed. */
    (void)pthread_rwlock_wrlock(&p->lock);
    for (size_t k = 0; k < p->pending_count; k++)
        all += p->pending[k].n;
    r = reserve(p, all);
    (void)pthread_rwlock_unlock(&p->lock);
    if (r < 0)
        return err_again(err, r, "no memory for %zu names", n);
    r = log_add(x, p, run, err);
    if (r < 0)
        return r;
    /* A little faster than they come in, so that it ends before memory is
     * full again; if it does not, all of it is done at once. */
    p->debt = p->used >= p->limit ? SIZE_MAX / 2 : p->debt + n + n / 4;
    r = work(x, p, err);
    return r < 0 ? r : sq_chunk_feed(x, p, (int)(16 + n / 40), err);
}

static int by_hash(const void *pa, const void *pb)
{
    const struct sq_entry *a = pa, *b = pb;

    return sq_entry_compare(a->hash, a->rest, b->hash, b->rest);
}

/* Moves what is in memory to frozen, sorted.  Without memory: later. */
static void freeze(struct sq_pile *p)
{
    struct sq_entry *e = malloc(p->used * sizeof(*e));
    size_t n = 0;

    if (e == NULL)
        return;
    for (size_t i = 0; i < p->cap; i++) {
        if (p->slots[i].value >= 0)
            e[n++] = p->slots[i];
        p->slots[i].value = -1;
    }
    qsort(e, n, sizeof(*e), by_hash);
    p->frozen = (struct sq_run){e, n};
    p->used = 0;
    p->merged = p->merged_next = 0;
    p->debt = 0;
    p->log_frozen = p->log_next - 1;
}

/* The filter goes on from here; when it has seen all chunks it is in force. */
static void commit_filter(struct sq_pile *p)
{
    p->feed_at = p->feed_next;
    if (p->next_filter.words == NULL || p->feed_at != INT64_MAX)
        return;
    sq_filter_done(&p->filter);
    p->filter = p->next_filter;
    p->filter_began = p->filter.adds;
    p->next_filter = (struct sq_filter){0};
}

void sq_pile_commit(struct sq_pile *p)
{
    p->count_was = p->count;
    if (p->pending_count == 0 && p->merged == p->merged_next)
        return;
    commit_filter(p);
    (void)pthread_rwlock_wrlock(&p->lock);
    for (size_t k = 0; k < p->pending_count; k++) {
        for (size_t i = 0; i < p->pending[k].n; i++)
            enter(p, &p->pending[k].e[i]);
        free(p->pending[k].e);
    }
    p->pending_count = 0;
    p->merged = p->merged_next;
    if (p->merged == p->frozen.n) {
        free(p->frozen.e);
        p->frozen = (struct sq_run){NULL, 0};
        p->merged = p->merged_next = 0;
        if (p->used >= p->limit)
            freeze(p);
    }
    (void)pthread_rwlock_unlock(&p->lock);
}

void sq_pile_rollback(struct sq_pile *p)
{
    for (size_t k = 0; k < p->pending_count; k++)
        free(p->pending[k].e);
    p->pending_count = 0;
    p->count = p->count_was;
    p->merged_next = p->merged;
    p->feed_next = p->feed_at; /* what it was shown may not be there */
}

/* ---- beginning and end -------------------------------------------------------------------- */

void sq_pile_init(struct sq_pile *p, int first_sql)
{
    memset(p, 0, sizeof(*p));
    p->first_sql = first_sql;
    p->limit = SQ_PILE_LIMIT;
    p->log_next = 1;
    (void)pthread_rwlock_init(&p->lock, NULL);
}

void sq_pile_done(struct sq_pile *p)
{
    sq_pile_rollback(p);
    free(p->slots);
    free(p->frozen.e);
    sq_filter_done(&p->filter);
    sq_filter_done(&p->next_filter);
    (void)pthread_rwlock_destroy(&p->lock);
}

int sq_pile_load(struct sq_pile *p, sqlite3 *db, const char *log_table,
                 struct err *err)
{
    sqlite3_stmt *st = NULL;
    char sql[80];
    int r = 0, rc;

    (void)sqlite3_snprintf(sizeof(sql), sql,
                           "SELECT n,entries FROM %s ORDER BY n", log_table);
    if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK)
        return sq_fail(db, err, "read the log of names");
    while ((rc = sqlite3_step(st)) == SQLITE_ROW && r == 0) {
        const struct span s = sq_column_span(st, 1);
        const unsigned char *at = s.data;
        size_t n = s.len / SQ_ENTRY_BYTES;

        p->log_next = sqlite3_column_int64(st, 0) + 1;
        r = reserve(p, n);
        if (r < 0)
            r = err_again(err, r, "no memory for %zu names", n);
        for (size_t i = 0; r == 0 && i < n; i++, at += SQ_ENTRY_BYTES) {
            struct sq_entry e = sq_entry_decode(at);

            enter(p, &e);
        }
    }
    if (r == 0 && rc != SQLITE_DONE)
        r = sq_fail(db, err, "read the log of names");
    (void)sqlite3_finalize(st);
    return r;
}
