/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/pile.h - a large map from hashes to numbers that takes many
 * random entries at little cost.
 *
 * In a b-tree each random key dirties a page of its own, which is written
 * twice (log, then database): with a million entries that is most of the
 * price of taking a job in.  Here new entries are written to a log, one
 * sorted blob a transaction, and kept in memory; when there are many, they are
 * merged, a slice with each transaction, into chunks: rows of the database
 * that hold up to SQ_CHUNK_MAX sorted entries each.  So a page is written for
 * many entries at once, and memory is bounded.
 *
 * All of it is in the database's transactions: after a crash the log's
 * entries are read back, and repeating some that had been merged is harmless.
 * A blob is entries of 24 bytes: hash, rest, value, each little-endian.
 *
 * The writing session's thread changes a pile; get works in any session.
 */
#ifndef ONTIME_STORE_SQLITE_PILE_H
#define ONTIME_STORE_SQLITE_PILE_H

#include <sqlite3.h>

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "store/sqlite/filter.h"

struct sq_session;

#define SQ_CHUNK_MAX 160 /* entries, so that a chunk fits into a page */
/* Entries in memory before they are merged: with a batch of 20,000 they fit
 * three quarters of 2^17 slots, 3 MB. */
#define SQ_PILE_LIMIT 78000
#define SQ_PENDING_MAX 8 /* sets in one transaction */

struct sq_name { /* an entry, and a question */
    uint64_t hash, rest;
    int64_t value; /* > 0; 0: unknown, or to be removed */
    uint32_t item; /* the caller's */
};

struct sq_entry {
    uint64_t hash, rest;
    int64_t value; /* 0: removed */
};

struct sq_run { /* sorted, one entry for a hash */
    struct sq_entry *e;
    size_t n;
};

struct sq_pile {
    /* frozen by init */
    int first_sql; /* of its statements, see sql.h */
    size_t limit;

    /* written by the writing session's thread under lock; it reads without */
    pthread_rwlock_t lock;
    struct sq_entry *slots; /* open addressing; value < 0: free */
    size_t cap, used;
    struct sq_run frozen; /* being merged */

    /* the writing session's thread's */
    size_t merged;      /* so many of frozen are in chunks */
    size_t merged_next; /* and after this transaction */
    size_t debt;        /* entries that are to be merged soon */
    struct sq_run pending[SQ_PENDING_MAX]; /* of this transaction */
    size_t pending_count;
    int64_t log_next, log_frozen; /* next row; last row of what is frozen */
    int64_t floor;                /* values not above it need not be kept */
    /* New names less those dropped for the floor: the caller adds, and keeps it
     * in the same transactions. */
    int64_t count, count_was; /* as committed */
    int64_t sweep_at;         /* where sq_pile_sweep goes on */
    bool sweeping;
    /* What is in chunks, so that new names need not be looked for there; it
     * lacks nothing that is in them.  Made step by step after an open, and
     * again when it is full. */
    struct sq_filter filter, next_filter;
    size_t filter_began; /* adds when it came into force */
    int64_t feed_at;     /* chunks before it are in next_filter */
    int64_t feed_next;   /* and after this transaction */
};

void sq_pile_init(struct sq_pile *p, int first_sql);
void sq_pile_done(struct sq_pile *p);
/* Reads the log back; once, before sessions are opened. */
int sq_pile_load(struct sq_pile *p, sqlite3 *db, const char *log_table,
                 struct err *err);

/* Sets value of each name, 0 where it is unknown.  Names are sorted. */
int sq_pile_get(struct sq_session *x, struct sq_pile *p, struct sq_name *names,
                size_t n, struct err *err);
/* Enters (value > 0) or removes (0) sorted, different names, and does a share
 * of the merging.  Inside a transaction. */
int sq_pile_set(struct sq_session *x, struct sq_pile *p,
                const struct sq_name *names, size_t n, struct err *err);
void sq_pile_commit(struct sq_pile *p);
void sq_pile_rollback(struct sq_pile *p);

/* Looks at up to `chunks` chunks for values not above p->floor and removes
 * them.  Returns how many; *ret_end is set at the end of a pass. */
int sq_pile_sweep(struct sq_session *x, struct sq_pile *p, size_t chunks,
                  bool *ret_end, struct err *err);

#endif
