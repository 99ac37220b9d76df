/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/session.h - one connection: its transactions and the state that
 * the writing one carries.
 *
 * A session belongs to one thread.  What sessions share is in struct sq_store
 * and is frozen after open, except where it says otherwise.
 */
#ifndef ONTIME_STORE_SQLITE_SESSION_H
#define ONTIME_STORE_SQLITE_SESSION_H

#include <sqlite3.h>

#include <stdatomic.h>

#include "base/hash.h"
#include "store/ops.h"
#include "store/sqlite/apps.h"
#include "store/sqlite/names.h"
#include "store/sqlite/order.h"
#include "store/sqlite/sql.h"
#include "store/sqlite/sweep.h"

struct sq_store {
    struct store base;
    char *path;
    int lock_fd;
    struct hash_key secret; /* of the name indexes, see names.h */
    int64_t cache_kb;
    int64_t idempotency_ms;
    int64_t history_ms;
    bool sync_full;

    /* any session: the shard's loaded mark, raised by the writing one */
    _Atomic int64_t loaded;
    atomic_flag writing;        /* there is a writing session */
    _Atomic int64_t remembered; /* idempotency keys, as committed */

    struct sq_pile names[NAMES]; /* see pile.h for who may */
};

struct sq_session {
    struct store_session base;
    struct sq_store *st;
    sqlite3 *db;
    sqlite3_stmt *stmts[SQL_COUNT];
    struct sq_apps apps;

    /* the writing session's */
    struct sq_checkpoint *checkpoint;
    struct sq_sweep sweep;
    bool open_txn;
    bool synced;             /* `synchronous` stands at FULL */
    int64_t epoch, wseq;     /* of slot 0, as we know them */
    uint64_t next_seq;       /* of ids and positions, kept in the slot's row */
    struct sq_sorted sorted; /* as this transaction has it */
    struct sq_sorted was_sorted; /* as committed */
    int64_t next_sweep_ms;       /* see prune.c */
    int64_t last_log, last_more; /* see history.h */
    int64_t open_wishes; /* undecided ones, so that most changes need no look */
};

static inline struct sq_session *sq_session(struct store_session *x)
{
    return (struct sq_session *)(void *)x;
}

#define SQ_SCHEME "sqlite:"
/* The path in a url that begins with it. */
static inline const char *sq_path(const char *url)
{
    return url + sizeof(SQ_SCHEME) - 1;
}

int sq_session_open(struct store *s, bool writing, struct store_session **ret,
                    struct err *err);
void sq_session_close(struct store_session *x);

/* Opens a connection with our settings; the caller closes it also when this
 * failed and *ret is not NULL. */
int sq_connect(const char *path, int64_t cache_kb, bool writing, sqlite3 **ret,
               struct err *err);

/* A connection that only reads, beside whoever uses the database, which must be
 * there and be ours.  The caller closes it as above. */
int sq_look(const char *path, sqlite3 **ret, struct err *err);

/* Reads slot 0's row into the session. */
int sq_slot_get(struct sq_session *x, struct err *err);

/* Begins a writing transaction; sync: its commit survives a power cut. */
int sq_begin(struct sq_session *x, bool sync, struct err *err);

struct sq_ledger {
    int64_t pos, seq; /* -1: leave */
};
/*
 * Ends it: writes the counts, then the slot's guard, which fails when this
 * instance is no longer the owner (-ESTALE), then commits.  After a negative
 * return the transaction has been rolled back.  ledger may be NULL.
 */
int sq_commit(struct sq_session *x, const struct sq_ledger *ledger,
              struct err *err);
/* Ends it the other way.  Harmless when there is none. */
void sq_rollback(struct sq_session *x);

/* A reading transaction: what is read until sq_read_end is of one moment. */
int sq_read_begin(struct sq_session *x, struct err *err);
void sq_read_end(struct sq_session *x);

#endif
