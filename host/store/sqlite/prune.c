/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/prune.c - see prune.h.  The writing session's thread.
 */
#include "config.h"

#include "store/sqlite/prune.h"

#include <errno.h>

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

/* Deletes with limits (time, rows); returns how many went. */
static int prune_some(struct sq_session *x, enum sql q, int64_t before,
                      size_t rows, struct err *err)
{
    sqlite3_stmt *st = sq_stmt(x, q, err);
    int r;

    if (st == NULL)
        return -EIO;
    (void)sqlite3_bind_int64(st, 1, before);
    (void)sqlite3_bind_int64(st, 2, (int64_t)rows);
    r = sq_run(x, st, err);
    return r < 0 ? r : sqlite3_changes(x->db);
}

int sq_prune(struct store_session *sx, int64_t now_ms, size_t rows,
             struct err *err)
{
    struct sq_session *x = sq_session(sx);
    const struct {
        enum sql q;
        int64_t before;
    } work[] = {
        {SQL_EXEC_PRUNE, job_pos_at(now_ms - x->st->history_ms)},
        {SQL_WISH_PRUNE, now_ms - VERDICT_KEPT_MS},
    };
    size_t gone = 0;
    int r;

    r = sq_begin(x, false, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < sizeof(work) / sizeof(work[0]) && gone < rows; i++) {
        r = prune_some(x, work[i].q, work[i].before, rows - gone, err);
        if (r < 0)
            break;
        gone += (size_t)r;
    }
    if (r >= 0 && gone < rows)
        r = prune_repeats(x, now_ms, rows - gone, err);
    gone += r > 0 && gone < rows ? (size_t)r : 0;
    if (r >= 0)
        r = sq_commit(x, NULL, err);
    else
        sq_rollback(x);
    return r < 0 ? r : (int)gone;
}
