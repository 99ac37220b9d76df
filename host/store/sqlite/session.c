/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/session.c - connections and transactions; see session.h.  Each
 * session is its thread's.
 */
#include "config.h"

#include "store/sqlite/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/sqlite/checkpoint.h"
#include "store/sqlite/history.h"
#include "store/sqlite/schema.h"

#define READER_CACHE_KB 2048
#define BUSY_MS 1000 /* how long somebody else's transaction is waited for */

int sq_connect(const char *path, int64_t cache_kb, bool writing, sqlite3 **ret,
               struct err *err)
{
    char sql[256];
    int r;

    if (sqlite3_open_v2(path, ret,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
                            (writing ? SQLITE_OPEN_CREATE : 0),
                        NULL) != SQLITE_OK)
        return *ret != NULL ? sq_fail(*ret, err, path)
                            : err_again(err, -ENOMEM, "%s: no memory", path);
    (void)sqlite3_busy_timeout(*ret, BUSY_MS);
    (void)snprintf(sql, sizeof(sql),
                   "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;"
                   "PRAGMA cache_size=-%lld;PRAGMA temp_store=MEMORY;"
                   "PRAGMA journal_size_limit=268435456;PRAGMA query_only=%d;"
                   /* Distributions build it in; it writes what is deleted. */
                   "PRAGMA secure_delete=OFF",
                   (long long)cache_kb, !writing);
    r = sq_exec(*ret, sql, err);
    return r < 0 ? err_wrap(err, "%s", path) : 0;
}

int sq_look(const char *path, sqlite3 **ret, struct err *err)
{
    int r;

    if (*path == '\0')
        return err_set(err, -EINVAL, "the store's url has no path");
    /* Not read-only: the index of the log is shared memory, which it writes. */
    if (sqlite3_open_v2(path, ret, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK)
        return *ret != NULL ? sq_fail(*ret, err, path)
                            : err_again(err, -ENOMEM, "%s: no memory", path);
    (void)sqlite3_busy_timeout(*ret, BUSY_MS);
    r = sq_exec(*ret, "PRAGMA query_only=1;PRAGMA temp_store=MEMORY", err);
    if (r == 0)
        r = sq_schema_ours(*ret, err);
    return r < 0 ? err_wrap(err, "%s", path) : 0;
}

int sq_slot_get(struct sq_session *x, struct err *err)
{
    sqlite3_stmt *st = sq_stmt(x, SQL_SLOT_GET, err);
    struct sq_pile *repeats = &x->st->names[NAMES_REPEATS];
    int r;

    if (st == NULL)
        return -EIO;
    r = sq_row(x, st, err);
    if (r == 0)
        return err_set(err, -EUCLEAN, "the store has lost its slot");
    if (r < 0)
        return r;
    x->epoch = sqlite3_column_int64(st, 0);
    x->wseq = sqlite3_column_int64(st, 1);
    x->next_seq = (uint64_t)sqlite3_column_int64(st, 2);
    x->sorted = (struct sq_sorted){
        .main = {sqlite3_column_int64(st, 3), sqlite3_column_int64(st, 4)},
        .gap = {sqlite3_column_int64(st, 5), sqlite3_column_int64(st, 6)},
        .gap_end_ms = sqlite3_column_int64(st, 7),
    };
    x->was_sorted = x->sorted;
    if (x->base.writing) { /* the piles are its own */
        repeats->count = repeats->count_was = sqlite3_column_int64(st, 8);
        atomic_store(&x->st->remembered, repeats->count);
    }
    (void)sqlite3_reset(st);
    return 0;
}

/* A new epoch: whoever wrote before us will not be able to any more. */
static int claim(struct sq_session *x, struct err *err)
{
    int r;

    r = sq_exec(x->db,
                "UPDATE slots SET epoch=epoch+1,beat=beat+1,wseq=0,"
                "state='owned' WHERE slot=0",
                err);
    if (r == 0)
        r = sq_slot_get(x, err);
    if (r == 0)
        r = sq_history_prepare(x, err);
    return r;
}

static int count_wishes(struct sq_session *x, struct err *err)
{
    sqlite3_stmt *st = sq_stmt(x, SQL_WISH_OPEN, err);
    int r;

    if (st == NULL)
        return -EIO;
    r = sq_row(x, st, err);
    if (r > 0)
        x->open_wishes = sqlite3_column_int64(st, 0);
    (void)sqlite3_reset(st);
    return r < 0 ? r : 0;
}

int sq_session_open(struct store *s, bool writing, struct store_session **ret,
                    struct err *err)
{
    struct sq_store *st = (struct sq_store *)(void *)s;
    struct sq_session *x;
    int r;

    if (writing && atomic_flag_test_and_set(&st->writing))
        return err_set(err, -EBUSY, "the store has a writing session already");
    x = calloc(1, sizeof(*x));
    if (x == NULL) {
        if (writing)
            atomic_flag_clear(&st->writing);
        return err_again(err, -ENOMEM, "no memory for a store session");
    }
    x->base = (struct store_session){s, writing};
    x->st = st;
    r = sq_connect(st->path, writing ? st->cache_kb : READER_CACHE_KB, writing,
                   &x->db, err);
    if (r == 0 && writing)
        r = claim(x, err);
    if (r == 0 && writing)
        r = sq_sweep_init(&x->sweep, x->db, err);
    if (r == 0 && writing)
        r = count_wishes(x, err);
    if (r == 0 && writing)
        r = sq_checkpoint_start(x->db, st->path, &x->checkpoint, err);
    if (r < 0) {
        sq_session_close(&x->base);
        return r;
    }
    *ret = &x->base;
    return 0;
}

void sq_session_close(struct store_session *sx)
{
    struct sq_session *x = sq_session(sx);

    sq_rollback(x);
    sq_checkpoint_stop(&x->checkpoint);
    for (int i = 0; i < SQL_COUNT; i++)
        (void)sqlite3_finalize(x->stmts[i]);
    (void)sqlite3_close(x->db);
    sq_apps_done(&x->apps);
    if (x->base.writing)
        atomic_flag_clear(&x->st->writing);
    free(x);
}

static int run(struct sq_session *x, enum sql q, struct err *err)
{
    sqlite3_stmt *st = sq_stmt(x, q, err);

    return st == NULL ? -EIO : sq_run(x, st, err);
}

int sq_begin(struct sq_session *x, bool sync, struct err *err)
{
    int r;

    sync = sync || x->st->sync_full;
    if (sync != x->synced) {
        r = sq_exec(x->db,
                    sync ? "PRAGMA synchronous=FULL"
                         : "PRAGMA synchronous=NORMAL",
                    err);
        if (r < 0)
            return r;
        x->synced = sync;
    }
    sq_checkpoint_enter(x->checkpoint);
    r = run(x, SQL_BEGIN, err);
    if (r == 0)
        x->open_txn = true;
    else
        sq_checkpoint_leave(x->checkpoint);
    return r;
}

void sq_rollback(struct sq_session *x)
{
    if (!x->open_txn)
        return;
    x->open_txn = false;
    /* On a full disk an emptied log is room for what comes next. */
    if ((sqlite3_errcode(x->db) & 0xff) == SQLITE_FULL)
        sq_checkpoint_want(x->checkpoint);
    for (int i = 0; i < SQL_COUNT; i++) {
        if (x->stmts[i] != NULL)
            (void)sqlite3_reset(x->stmts[i]);
    }
    /* Some failures have rolled it back already. */
    if (!sqlite3_get_autocommit(x->db))
        (void)run(x, SQL_ROLLBACK, NULL);
    sq_checkpoint_leave(x->checkpoint);
    sq_apps_rollback(&x->apps);
    sq_names_rollback(x->st);
    x->sorted = x->was_sorted;
}

/* The owner's write: says that we still are the owner, or fails. */
static int guard(struct sq_session *x, const struct sq_ledger *ledger,
                 struct err *err)
{
    sqlite3_stmt *st = sq_stmt(x, SQL_SLOT_GUARD, err);
    int r;

    if (st == NULL)
        return -EIO;
    (void)sqlite3_bind_int64(st, 1, x->epoch);
    (void)sqlite3_bind_int64(st, 2, x->wseq);
    (void)sqlite3_bind_int64(st, 3, (int64_t)x->next_seq);
    (void)sqlite3_bind_int64(st, 4, ledger != NULL ? ledger->pos : -1);
    (void)sqlite3_bind_int64(st, 5, ledger != NULL ? ledger->seq : -1);
    (void)sqlite3_bind_int64(st, 6, x->sorted.main.until_ms);
    (void)sqlite3_bind_int64(st, 7, x->sorted.main.cursor);
    (void)sqlite3_bind_int64(st, 8, x->sorted.gap.until_ms);
    (void)sqlite3_bind_int64(st, 9, x->sorted.gap.cursor);
    (void)sqlite3_bind_int64(st, 10, x->sorted.gap_end_ms);
    (void)sqlite3_bind_int64(st, 11, x->st->names[NAMES_REPEATS].count);
    r = sq_run(x, st, err);
    if (r == 0 && sqlite3_changes(x->db) != 1)
        r = err_set(err, -ESTALE,
                    "another instance has taken the store over "
                    "(epoch %lld, write %lld are no longer ours)",
                    (long long)x->epoch, (long long)x->wseq);
    return r;
}

int sq_commit(struct sq_session *x, const struct sq_ledger *ledger,
              struct err *err)
{
    int r;

    r = sq_apps_flush(x, err);
    if (r == 0)
        r = guard(x, ledger, err);
    if (r == 0)
        r = run(x, SQL_COMMIT, err);
    if (r < 0) {
        sq_rollback(x);
        return r;
    }
    x->open_txn = false;
    sq_checkpoint_leave(x->checkpoint);
    x->wseq++;
    sq_apps_committed(&x->apps);
    sq_names_commit(x->st);
    x->was_sorted = x->sorted;
    atomic_store(&x->st->remembered, x->st->names[NAMES_REPEATS].count);
    return 0;
}

int sq_read_begin(struct sq_session *x, struct err *err)
{
    return run(x, SQL_BEGIN_READ, err);
}

void sq_read_end(struct sq_session *x)
{
    if (!sqlite3_get_autocommit(x->db))
        (void)run(x, SQL_COMMIT, NULL);
}
