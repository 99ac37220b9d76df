/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/prune.c - see prune.h.  The writing session's thread.
 */
#include "config.h"

#include "store/sqlite/prune.h"

#include <errno.h>

#include "store/sqlite/history.h"

/* How long a verdict can be asked for. */
#define VERDICT_KEPT_MS (60 * 60 * 1000)

#define ENTRIES_A_CHUNK 100 /* about */

/* Idempotency keys that are past their window, a part of a pass; a pass is
 * made now and then, as it reads all of them. */
static int prune_repeats(struct sq_session *x, int64_t now_ms, size_t rows,
                         struct err *err)
{
    struct sq_pile *p = &x->st->names[NAMES_REPEATS];
    bool end;
    int r;

    if (now_ms - x->st->idempotency_ms > p->floor)
        p->floor = now_ms - x->st->idempotency_ms;
    if (!p->sweeping && now_ms < x->next_sweep_ms)
        return 0;
    r = sq_pile_sweep(x, p, rows / ENTRIES_A_CHUNK + 1, &end, err);
    if (r >= 0 && end)
        x->next_sweep_ms = now_ms + x->st->idempotency_ms / 32;
    return r == 0 && !end ? 1 : r; /* there is more to look at */
}

static int prune_wishes(struct sq_session *x, int64_t before_ms, size_t rows,
                        struct err *err)
{
    sqlite3_stmt *st = sq_stmt(x, SQL_WISH_PRUNE, err);
    int r;

    if (st == NULL)
        return -EIO;
    (void)sqlite3_bind_int64(st, 1, before_ms);
    (void)sqlite3_bind_int64(st, 2, (int64_t)rows);
    r = sq_run(x, st, err);
    return r < 0 ? r : sqlite3_changes(x->db);
}

/* One kind after the other, until there are enough. */
static int prune(struct sq_session *x, int64_t now_ms, size_t rows,
                 struct err *err)
{
    size_t gone;
    int r;

    r = sq_history_prune(x, now_ms - x->st->history_ms, rows, err);
    if (r < 0 || (size_t)r >= rows)
        return r;
    gone = (size_t)r;
    r = prune_wishes(x, now_ms - VERDICT_KEPT_MS, rows - gone, err);
    if (r < 0)
        return r;
    gone += (size_t)r;
    if (gone >= rows)
        return (int)gone;
    r = prune_repeats(x, now_ms, rows - gone, err);
    return r < 0 ? r : (int)gone + r;
}

int sq_prune(struct store_session *sx, int64_t now_ms, size_t rows,
             struct err *err)
{
    struct sq_session *x = sq_session(sx);
    int r, done;

    r = sq_begin(x, false, err);
    if (r < 0)
        return r;
    done = prune(x, now_ms, rows, err);
    if (done < 0) {
        sq_rollback(x);
        return done;
    }
    r = sq_commit(x, NULL, err);
    return r < 0 ? r : done;
}
