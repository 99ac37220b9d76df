/* SPDX-License-Identifier: Apache-2.0
 *
 * store/mysql/session.h - one connection: its transactions, and what the
 * holder of a slot knows.
 *
 * A session belongs to one thread.  What sessions share is in struct md_store
 * and frozen after open, except where it says otherwise.
 */
#ifndef ONTIME_STORE_MYSQL_SESSION_H
#define ONTIME_STORE_MYSQL_SESSION_H

#include <mysql.h>
/* MariaDB's header has macros of these names. */
#undef list_rest
#undef list_push
#undef list_pop

#include <stdatomic.h>

#include "base/buf.h"
#include "base/hash.h"
#include "store/mysql/apps.h"
#include "store/mysql/url.h"
#include "store/ops.h"

struct md_store {
    struct store base;
    struct md_url url;
    struct hash_key secret; /* of the hashes of names, see names.h */
    char instance[64];
    int64_t idempotency_ms;
    int64_t history_ms;
    size_t packet; /* the longest statement that the server takes */
    bool mariadb;  /* else MySQL */

    /* any session: days that executions has partitions for, see days.h */
    _Atomic int64_t days_until_ms;
};

/* A commit of which we do not know whether it took place. */
struct md_doubt {
    bool open;
    uint64_t mark;    /* of the request it was made for; 0: may be repeated */
    bool taken_place; /* known now, and to be told to the same request */
    int64_t wish;     /* what that request had to be told */
    struct job *job;
};

struct md_session {
    struct store_session base;
    struct md_store *st;
    MYSQL *db; /* NULL: not connected */
    struct buf sql;
    struct md_apps apps;

    /* writing sessions': */
    bool open_txn;
    bool claimed; /* the slot below is ours as far as we know */
    int32_t slot;
    int64_t epoch, wseq;
    struct md_doubt doubt;
    struct shard_set owned;
    job_pos loaded[STORE_SHARDS_MOST];      /* of those owned */
    uint64_t next_id, end_id;               /* what is left of a block of ids */
    uint32_t near_turn, far_turn, far_left; /* see row.h */
    size_t job_bytes;                       /* about; see merge.h */
    int64_t next_sweep_ms;                  /* see prune.h */
    unsigned char sweep_at[16];
    bool sweeping;
    int64_t views_day; /* see days.h */
};

static inline struct md_session *md_session(struct store_session *x)
{
    return (struct md_session *)(void *)x;
}

int md_session_open(struct store *s, bool writing, struct store_session **ret,
                    struct err *err);
void md_session_close(struct store_session *x);

/* ---- owner's writes ------------------------------------------------------ */

struct md_ledger {
    int64_t pos, seq; /* -1: leave */
};

typedef int md_work(struct md_session *x, void *arg, struct err *err);

/*
 * Runs work inside a transaction that ends with the counts, the guarded UPDATE
 * of the slot's row and COMMIT.  Deadlocks and lock waits are tried again, so
 * work may run more than once and begins anew each time.  A connection that is
 * lost is made again; whether a commit that it took along took place is found
 * out by a compare-and-set on wseq.  Where that is not possible now the call
 * fails with err.retry and x->doubt is open: mark it (md_doubtful).
 */
int md_write(struct md_session *x, md_work *work, void *arg,
             const struct md_ledger *ledger, struct err *err);

/*
 * At the beginning of each request that must not be done twice: 1 when it is
 * the one whose commit was in doubt and that commit has taken place, else 0.
 * mark names the request by what it is about.
 */
int md_settle(struct md_session *x, uint64_t mark, struct err *err);
/* After md_write has failed: remembers for md_settle which request it was. */
void md_doubtful(struct md_session *x, uint64_t mark);
/* Mixes v into a mark; begin with 0. */
static inline uint64_t md_mark(uint64_t mark, uint64_t v)
{
    mark = (mark ^ v) * UINT64_C(0x9e3779b97f4a7c15);
    return mark ^ (mark >> 29);
}

/* The slot is not ours (any more): forgets it and all that came with it. */
void md_forget_slot(struct md_session *x);

#endif
