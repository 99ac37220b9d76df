/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/pile.c - see pile.h for threads and for the idea.
 */
#include "config.h"

#include "store/sqlite/pile.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/sqlite/session.h"

#define ENTRY_BYTES 24
#define CHUNK_FILL 112   /* entries in a new chunk: room to grow */
#define SLOTS_MIN 1024
#define WORK_MIN 512     /* merging less at once would rewrite chunks often */

enum { /* behind first_sql */
    P_FLOOR, P_NEXT, P_WRITE, P_DELETE, P_LOG_ADD, P_LOG_TRIM, P_FROM
};

static sqlite3_stmt *stmt(struct sq_session *x, const struct sq_pile *p,
                          int which, struct err *err)
{
    return sq_stmt(x, (enum sql)(p->first_sql + which), err);
}

/* ---- entries as bytes ------------------------------------------------------- */

/* The order of rows, which are signed, is that of hashes, which are not. */
static int64_t place(uint64_t hash)
{
    return (int64_t)(hash ^ (UINT64_C(1) << 63));
}

static uint64_t read64(const unsigned char *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof(v));
    return le64toh(v);
}

static struct sq_entry decode(const unsigned char *p)
{
    return (struct sq_entry){read64(p), read64(p + 8), (int64_t)read64(p + 16)};
}

static void encode(unsigned char *p, const struct sq_entry *e, size_t n)
{
    for (size_t i = 0; i < n; i++, p += ENTRY_BYTES) {
        const uint64_t v[3] = {htole64(e[i].hash), htole64(e[i].rest),
                               htole64((uint64_t)e[i].value)};

        memcpy(p, v, ENTRY_BYTES);
    }
}

static int compare(uint64_t ah, uint64_t ar, uint64_t bh, uint64_t br)
{
    if (ah != bh)
        return ah < bh ? -1 : 1;
    return ar < br ? -1 : ar > br;
}

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
           compare(run->e[lo + step].hash, run->e[lo + step].rest, hash,
                   rest) < 0) {
        lo += step;
        step *= 2;
    }
    hi = lo + step < run->n ? lo + step : run->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (compare(run->e[mid].hash, run->e[mid].rest, hash, rest) < 0)
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

/* ---- in chunks ------------------------------------------------------------------ */

struct chunk { /* borrowed from its statement */
    const unsigned char *data;
    size_t n;
};

static struct chunk chunk_of(sqlite3_stmt *st, int column)
{
    struct span s = sq_column_span(st, column);

    return (struct chunk){s.data, s.len / ENTRY_BYTES};
}

static int64_t get_chunk(const struct chunk *c, uint64_t hash, uint64_t rest)
{
    size_t lo = 0, hi = c->n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        const unsigned char *at = c->data + mid * ENTRY_BYTES;
        int d = compare(read64(at), read64(at + 8), hash, rest);

        if (d == 0)
            return (int64_t)read64(at + 16);
        if (d < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return 0;
}

static int get_chunks(struct sq_session *x, const struct sq_pile *p,
                      struct sq_name *names, size_t n, struct err *err)
{
    sqlite3_stmt *st = stmt(x, p, P_FLOOR, err);
    struct chunk c = {NULL, 0};
    int r = 0;

    if (st == NULL)
        return -EIO;
    for (size_t i = 0; i < n && r >= 0; i++) {
        struct sq_name *name = &names[i];

        if (name->value >= 0)
            continue;
        if (c.n == 0 ||
            read64(c.data + (c.n - 1) * ENTRY_BYTES) < name->hash) {
            (void)sqlite3_reset(st);
            (void)sqlite3_bind_int64(st, 1, place(name->hash));
            r = sq_row(x, st, err);
            c = r > 0 ? chunk_of(st, 1) : (struct chunk){NULL, 0};
        }
        name->value = c.n > 0 ? get_chunk(&c, name->hash, name->rest) : 0;
    }
    (void)sqlite3_reset(st);
    return r < 0 ? r : 0;
}

int sq_pile_get(struct sq_session *x, struct sq_pile *p,
                struct sq_name *names, size_t n, struct err *err)
{
    for (size_t i = 0; i < n; i++)
        names[i].value = -1;
    get_memory(x, p, names, n);
    return get_chunks(x, p, names, n, err);
}

/* ---- merging ----------------------------------------------------------------------- */

struct merge { /* of one chunk with what falls into it */
    int64_t at, end; /* its place, and the next one's; end 0: it is the last */
    bool last;
    struct sq_entry old[SQ_CHUNK_MAX];
    size_t old_n;
    struct sq_entry *out;
    size_t n;
};

/* Reads the chunk into which the hash falls. */
static int find_chunk(struct sq_session *x, const struct sq_pile *p,
                      uint64_t hash, struct merge *m, struct err *err)
{
    sqlite3_stmt *st = stmt(x, p, P_FLOOR, err);
    struct chunk c;
    int r;

    if (st == NULL)
        return -EIO;
    m->at = INT64_MIN;
    m->old_n = 0;
    (void)sqlite3_bind_int64(st, 1, place(hash));
    r = sq_row(x, st, err);
    if (r < 0)
        return r;
    if (r > 0) {
        m->at = sqlite3_column_int64(st, 0);
        c = chunk_of(st, 1);
        for (; m->old_n < c.n && m->old_n < SQ_CHUNK_MAX; m->old_n++)
            m->old[m->old_n] = decode(c.data + m->old_n * ENTRY_BYTES);
        (void)sqlite3_reset(st);
    }
    st = stmt(x, p, P_NEXT, err);
    if (st == NULL)
        return -EIO;
    (void)sqlite3_bind_int64(st, 1, m->at);
    r = sq_row(x, st, err);
    m->last = r <= 0;
    m->end = r > 0 ? sqlite3_column_int64(st, 0) : 0;
    (void)sqlite3_reset(st);
    return r < 0 ? r : 0;
}

static int write_chunk(struct sq_session *x, const struct sq_pile *p,
                       int64_t at, const struct sq_entry *e, size_t n,
                       struct err *err)
{
    unsigned char data[SQ_CHUNK_MAX * ENTRY_BYTES];
    sqlite3_stmt *st = stmt(x, p, n > 0 ? P_WRITE : P_DELETE, err);

    if (st == NULL)
        return -EIO;
    assert(n <= SQ_CHUNK_MAX);
    (void)sqlite3_bind_int64(st, 1, at);
    if (n > 0) {
        encode(data, e, n);
        (void)sqlite3_bind_blob(st, 2, data, (int)(n * ENTRY_BYTES),
                                SQLITE_STATIC);
    }
    return sq_run(x, st, err);
}

/* Writes the merged entries as one chunk, or as several when they are many. */
static int write_chunks(struct sq_session *x, const struct sq_pile *p,
                        const struct merge *m, struct err *err)
{
    size_t pieces =
        m->n <= SQ_CHUNK_MAX ? 1 : (m->n + CHUNK_FILL - 1) / CHUNK_FILL;
    size_t from = 0, to;
    int r = 0;

    for (size_t i = 1; i <= pieces && r == 0; i++, from = to) {
        to = m->n * i / pieces;
        while (to > 0 && to < m->n && m->out[to].hash == m->out[to - 1].hash)
            to++; /* one hash, one chunk */
        r = write_chunk(x, p, i == 1 ? m->at : place(m->out[from].hash),
                        m->out + from, to - from, err);
    }
    return r;
}

static void keep(struct merge *m, const struct sq_entry *e, int64_t floor)
{
    if (e->value > floor)
        m->out[m->n++] = *e;
}

/* Merges entries [from, to) of frozen over the chunk's. */
static void merge_entries(const struct sq_pile *p, struct merge *m, size_t from,
                          size_t to)
{
    const struct sq_entry *f = p->frozen.e;
    size_t i = 0;

    m->n = 0;
    while (i < m->old_n || from < to) {
        int d = i == m->old_n ? 1
                : from == to  ? -1
                              : compare(m->old[i].hash, m->old[i].rest,
                                        f[from].hash, f[from].rest);

        if (d < 0) {
            keep(m, &m->old[i++], p->floor);
        } else {
            i += d == 0;
            keep(m, &f[from++], p->floor);
        }
    }
}

/* Merges frozen's entries from index `from` that fall into one chunk; returns
 * the index behind them. */
static int merge_one(struct sq_session *x, struct sq_pile *p, size_t *from,
                     struct err *err)
{
    const struct sq_run *f = &p->frozen;
    struct merge m;
    size_t to = *from;
    int r;

    r = find_chunk(x, p, f->e[to].hash, &m, err);
    if (r < 0)
        return r;
    while (to < f->n && (m.last || place(f->e[to].hash) < m.end))
        to++;
    m.out = malloc((m.old_n + to - *from) * sizeof(*m.out));
    if (m.out == NULL)
        return err_again(err, -ENOMEM, "no memory to merge names");
    merge_entries(p, &m, *from, to);
    r = write_chunks(x, p, &m, err);
    free(m.out);
    *from = to;
    return r;
}

/* Does what is due of the merging; at its end the log's rows go. */
static int work(struct sq_session *x, struct sq_pile *p, struct err *err)
{
    size_t at = p->merged_next, start = at;
    sqlite3_stmt *st;
    int r = 0;

    if (at == p->frozen.n || p->debt < WORK_MIN)
        return 0;
    while (r == 0 && at < p->frozen.n && at - start < p->debt)
        r = merge_one(x, p, &at, err);
    if (r < 0)
        return r;
    p->debt -= at - start < p->debt ? at - start : p->debt;
    p->merged_next = at;
    if (at < p->frozen.n)
        return 0;
    st = stmt(x, p, P_LOG_TRIM, err);
    if (st == NULL)
        return -EIO;
    (void)sqlite3_bind_int64(st, 1, p->log_frozen);
    return sq_run(x, st, err);
}

/* ---- setting ------------------------------------------------------------------------ */

static int log_add(struct sq_session *x, struct sq_pile *p,
                   const struct sq_run *run, struct err *err)
{
    sqlite3_stmt *st = stmt(x, p, P_LOG_ADD, err);
    unsigned char *data;
    int r;

    if (st == NULL)
        return -EIO;
    data = malloc(run->n * ENTRY_BYTES);
    if (data == NULL)
        return err_again(err, -ENOMEM, "no memory for %zu names", run->n);
    encode(data, run->e, run->n);
    (void)sqlite3_bind_int64(st, 1, p->log_next);
    (void)sqlite3_bind_blob64(st, 2, data, run->n * ENTRY_BYTES,
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
        run->e[i] = (struct sq_entry){names[i].hash, names[i].rest,
                                      names[i].value};
    /* Room now: nothing may fail once it is committed. */
    (void)pthread_rwlock_wrlock(&p->lock);
    r = reserve(p, n * p->pending_count);
    (void)pthread_rwlock_unlock(&p->lock);
    if (r < 0)
        return err_again(err, r, "no memory for %zu names", n);
    r = log_add(x, p, run, err);
    if (r < 0)
        return r;
    /* A little faster than they come in, so that it ends before memory is
     * full again; if it does not, all of it is done at once. */
    p->debt = p->used >= p->limit ? SIZE_MAX / 2 : p->debt + n + n / 4;
    return work(x, p, err);
}

static int by_hash(const void *pa, const void *pb)
{
    const struct sq_entry *a = pa, *b = pb;

    return compare(a->hash, a->rest, b->hash, b->rest);
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

void sq_pile_commit(struct sq_pile *p)
{
    if (p->pending_count == 0 && p->merged == p->merged_next)
        return;
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
    p->merged_next = p->merged;
}

/* ---- sweeping -------------------------------------------------------------------------- */

/* Rewrites one chunk without what is not above floor; how many went. */
static int sweep_chunk(struct sq_session *x, struct sq_pile *p, int64_t at,
                       const struct chunk *c, struct err *err)
{
    struct sq_entry e[SQ_CHUNK_MAX];
    size_t n = 0, gone = 0;
    int r;

    for (size_t i = 0; i < c->n && n < SQ_CHUNK_MAX; i++) {
        e[n] = decode(c->data + i * ENTRY_BYTES);
        if (e[n].value > p->floor)
            n++;
        else
            gone++;
    }
    if (gone == 0)
        return 0;
    r = write_chunk(x, p, at, e, n, err);
    return r < 0 ? r : (int)gone;
}

int sq_pile_sweep(struct sq_session *x, struct sq_pile *p, size_t chunks,
                  bool *ret_end, struct err *err)
{
    sqlite3_stmt *st = stmt(x, p, P_FROM, err);
    int gone = 0, r = 1;

    if (st == NULL)
        return -EIO;
    *ret_end = false;
    if (!p->sweeping)
        p->sweep_at = INT64_MIN;
    p->sweeping = true;
    while (chunks-- > 0) {
        struct chunk c;
        int64_t at;

        (void)sqlite3_bind_int64(st, 1, p->sweep_at);
        r = sq_row(x, st, err);
        if (r <= 0)
            break;
        at = sqlite3_column_int64(st, 0);
        c = chunk_of(st, 1);
        r = sweep_chunk(x, p, at, &c, err);
        (void)sqlite3_reset(st);
        if (r < 0)
            return r;
        gone += r;
        p->sweep_at = at + 1;
        r = 1;
    }
    if (r < 0)
        return r;
    *ret_end = r == 0;
    p->sweeping = r != 0;
    return gone;
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
        struct chunk c = chunk_of(st, 1);

        p->log_next = sqlite3_column_int64(st, 0) + 1;
        r = reserve(p, c.n);
        if (r < 0)
            r = err_again(err, r, "no memory for %zu names", c.n);
        for (size_t i = 0; r == 0 && i < c.n; i++) {
            struct sq_entry e = decode(c.data + i * ENTRY_BYTES);

            enter(p, &e);
        }
    }
    if (r == 0 && rc != SQLITE_DONE)
        r = sq_fail(db, err, "read the log of names");
    (void)sqlite3_finalize(st);
    return r;
}
