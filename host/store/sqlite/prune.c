/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/prune.c - see prune.h.  The writing session's thread.
 */
#include "config.h"

#include "store/sqlite/prune.h"

#include <errno.h>

/* How long a verdict can be asked for. */
#define VERDICT_KEPT_MS (60 * 60 * 1000)

/* Deletes with limits (time, rows); returns how many went. */
static int prune_some(struct sq_session *x, enum sql q, int64_t before,
                      size_t rows, struct err *err)
{
    sqlite3_stmt *st = sq_stmt(x, q, err);
    int r;

    if (st == NULL)
        return -EIO;
    (void)sqlite3_bind_int64(st, 1, before);
    if (sqlite3_bind_parameter_count(st) > 1)
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
        {SQL_IDEM_PRUNE, now_ms - x->st->idempotency_ms},
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
    if (r >= 0)
        r = sq_commit(x, NULL, err);
    else
        sq_rollback(x);
    return r < 0 ? r : (int)gone;
}
