/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/chunk.c - see chunk.h.
 */
#include "config.h"

#include "store/sqlite/chunk.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/sqlite/session.h"

#define CHUNK_FILL 112 /* entries in a new chunk: room to grow */

sqlite3_stmt *sq_pile_stmt(struct sq_session *x, const struct sq_pile *p,
                           enum sq_pile_sql which, struct err *err)
{
    return sq_stmt(x, (enum sql)(p->first_sql + (int)which), err);
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

struct sq_entry sq_entry_decode(const unsigned char *p)
{
    return (struct sq_entry){read64(p), read64(p + 8), (int64_t)read64(p + 16)};
}

void sq_entries_encode(unsigned char *p, const struct sq_entry *e, size_t n)
{
    for (size_t i = 0; i < n; i++, p += SQ_ENTRY_BYTES) {
        const uint64_t v[3] = {htole64(e[i].hash), htole64(e[i].rest),
                               htole64((uint64_t)e[i].value)};

        memcpy(p, v, SQ_ENTRY_BYTES);
    }
}

int sq_entry_compare(uint64_t ah, uint64_t ar, uint64_t bh, uint64_t br)
{
    if (ah != bh)
        return ah < bh ? -1 : 1;
    return ar < br ? -1 : ar > br;
}

/* ---- in chunks ------------------------------------------------------------------ */

struct chunk { /* borrowed from its statement */
    const unsigned char *data;
    size_t n;
};

static struct chunk chunk_of(sqlite3_stmt *st, int column)
{
    struct span s = sq_column_span(st, column);

    return (struct chunk){s.data, s.len / SQ_ENTRY_BYTES};
}

static int64_t get_chunk(const struct chunk *c, uint64_t hash, uint64_t rest)
{
    size_t lo = 0, hi = c->n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        const unsigned char *at = c->data + mid * SQ_ENTRY_BYTES;
        int d = sq_entry_compare(read64(at), read64(at + 8), hash, rest);

        if (d == 0)
            return (int64_t)read64(at + 16);
        if (d < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return 0;
}

int sq_chunk_get(struct sq_session *x, const struct sq_pile *p,
                 struct sq_name *names, size_t n, struct err *err)
{
    sqlite3_stmt *st = sq_pile_stmt(x, p, P_FLOOR, err);
    struct chunk c = {NULL, 0};
    int r = 0;

    if (st == NULL)
        return -EIO;
    for (size_t i = 0; i < n && r >= 0; i++) {
        struct sq_name *name = &names[i];

        if (name->value >= 0)
            continue;
        if (x->base.writing &&
            !sq_filter_may(&p->filter, name->hash, name->rest)) {
            name->value = 0;
            continue;
        }
        if (c.n == 0 ||
            read64(c.data + (c.n - 1) * SQ_ENTRY_BYTES) < name->hash) {
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

/* ---- merging ----------------------------------------------------------------------- */

struct merge {       /* of one chunk with what falls into it */
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
    sqlite3_stmt *st = sq_pile_stmt(x, p, P_FLOOR, err);
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
            m->old[m->old_n] =
                sq_entry_decode(c.data + m->old_n * SQ_ENTRY_BYTES);
        (void)sqlite3_reset(st);
    }
    st = sq_pile_stmt(x, p, P_NEXT, err);
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
    unsigned char data[SQ_CHUNK_MAX * SQ_ENTRY_BYTES];
    sqlite3_stmt *st = sq_pile_stmt(x, p, n > 0 ? P_WRITE : P_DELETE, err);

    if (st == NULL)
        return -EIO;
    assert(n <= SQ_CHUNK_MAX);
    (void)sqlite3_bind_int64(st, 1, at);
    if (n > 0) {
        sq_entries_encode(data, e, n);
        (void)sqlite3_bind_blob(st, 2, data, (int)(n * SQ_ENTRY_BYTES),
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
        if (to <= from && m->n > 0)
            continue;
        r = write_chunk(x, p, i == 1 ? m->at : place(m->out[from].hash),
                        m->out + from, to - from, err);
    }
    return r;
}

static bool keep(struct sq_pile *p, struct merge *m, const struct sq_entry *e)
{
    if (e->value <= p->floor) {
        p->count--;
        return false;
    }
    m->out[m->n++] = *e;
    return true;
}

static void keep_new(struct sq_pile *p, struct merge *m,
                     const struct sq_entry *e)
{
    if (!keep(p, m, e))
        return;
    sq_filter_add(&p->filter, e->hash, e->rest);
    sq_filter_add(&p->next_filter, e->hash, e->rest);
}

/* Merges entries [from, to) of frozen over the chunk's. */
static void merge_entries(struct sq_pile *p, struct merge *m, size_t from,
                          size_t to)
{
    const struct sq_entry *f = p->frozen.e;
    size_t i = 0;

    m->n = 0;
    while (i < m->old_n || from < to) {
        int d = i == m->old_n ? 1
                : from == to  ? -1
                              : sq_entry_compare(m->old[i].hash, m->old[i].rest,
                                                 f[from].hash, f[from].rest);

        if (d < 0) {
            (void)keep(p, m, &m->old[i++]);
        } else {
            i += d == 0;
            keep_new(p, m, &f[from++]);
        }
    }
}

int sq_chunk_merge(struct sq_session *x, struct sq_pile *p, size_t *from,
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

/* ---- sweeping -------------------------------------------------------------------------- */

/* Rewrites one chunk without what is not above floor; how many went. */
static int sweep_chunk(struct sq_session *x, struct sq_pile *p, int64_t at,
                       const struct chunk *c, struct err *err)
{
    struct sq_entry e[SQ_CHUNK_MAX];
    size_t n = 0, gone = 0;
    int r;

    for (size_t i = 0; i < c->n && n < SQ_CHUNK_MAX; i++) {
        e[n] = sq_entry_decode(c->data + i * SQ_ENTRY_BYTES);
        if (e[n].value > p->floor)
            n++;
        else
            gone++;
    }
    if (gone == 0)
        return 0;
    p->count -= (int64_t)gone;
    r = write_chunk(x, p, at, e, n, err);
    return r < 0 ? r : (int)gone;
}

int sq_pile_sweep(struct sq_session *x, struct sq_pile *p, size_t chunks,
                  bool *ret_end, struct err *err)
{
    sqlite3_stmt *st = sq_pile_stmt(x, p, P_FROM, err);
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
        (void)sqlite3_bind_int(st, 2, 1);
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

/* ---- the filter ------------------------------------------------------------------------- */

/* Begins another one when there is none, or ours has become too small. */
static void begin_filter(struct sq_pile *p)
{
    size_t names = p->filter.adds;

    if (p->next_filter.words != NULL) {
        if (!sq_filter_full(&p->next_filter) ||
            p->next_filter.mask + 1 == SQ_FILTER_BITS_MAX)
            return;
        names = 2 * p->next_filter.adds; /* it has turned out too small */
        sq_filter_done(&p->next_filter);
    } else if (p->filter.words != NULL &&
               (!sq_filter_full(&p->filter) ||
                p->filter.adds < 2 * p->filter_began)) {
        return;
    }
    (void)sq_filter_init(&p->next_filter, names);
    p->feed_at = p->feed_next = INT64_MIN;
}

int sq_chunk_feed(struct sq_session *x, struct sq_pile *p, int chunks,
                  struct err *err)
{
    sqlite3_stmt *st;
    int r = 1;

    begin_filter(p);
    if (p->next_filter.words == NULL)
        return 0;
    st = sq_pile_stmt(x, p, P_FROM, err);
    if (st == NULL)
        return -EIO;
    (void)sqlite3_bind_int64(st, 1, p->feed_next);
    (void)sqlite3_bind_int(st, 2, chunks);
    while (chunks > 0 && (r = sq_row(x, st, err)) > 0) {
        struct chunk c = chunk_of(st, 1);

        for (size_t i = 0; i < c.n; i++) {
            const unsigned char *at = c.data + i * SQ_ENTRY_BYTES;

            sq_filter_add(&p->next_filter, read64(at), read64(at + 8));
        }
        p->feed_next = sqlite3_column_int64(st, 0) + 1;
        chunks--;
    }
    (void)sqlite3_reset(st);
    if (r == 0) /* all chunks are in: after the commit it is ours */
        p->feed_next = INT64_MAX;
    return r < 0 ? r : 0;
}
