/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/slot.c - the one slot and the one shard; see slot.h.
 */
#include "config.h"

#include "store/sqlite/slot.h"

#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "store/sqlite/session.h"

static void read_slot(sqlite3_stmt *st, struct store_slot *ret)
{
    struct span owner = sq_column_span(st, 2), boot = sq_column_span(st, 3);

    *ret = (struct store_slot){
        .slot = sqlite3_column_int(st, 0),
        .owned = sqlite3_column_int(st, 1) != 0,
        .epoch = sqlite3_column_int64(st, 4),
        .beat = sqlite3_column_int64(st, 5),
        .wseq = sqlite3_column_int64(st, 6),
        .ledger_used = sqlite3_column_int(st, 7) != 0,
        .ledger_pos = sqlite3_column_int64(st, 8),
        .ledger_seq = sqlite3_column_int64(st, 9),
    };
    if (owner.len > 0)
        (void)snprintf(ret->owner, sizeof(ret->owner), "%.*s", (int)owner.len,
                       (const char *)owner.data);
    if (boot.len > 0)
        (void)snprintf(ret->boot, sizeof(ret->boot), "%.*s", (int)boot.len,
                       (const char *)boot.data);
}

int sq_slots(struct store_session *sx, struct store_slot *out, size_t cap,
             struct err *err)
{
    struct sq_session *x = sq_session(sx);
    sqlite3_stmt *st = sq_stmt(x, SQL_SLOT_ALL, err);
    int r = 0, n = 0;

    if (st == NULL)
        return -EIO;
    while ((size_t)n < cap && (r = sq_row(x, st, err)) > 0)
        read_slot(st, &out[n++]);
    (void)sqlite3_reset(st);
    return r < 0 ? r : n;
}

int sq_shard_owners(struct store_session *sx, int32_t *out, size_t cap,
                    struct err *err)
{
    (void)sx;
    if (cap < 1)
        return err_set(err, -EINVAL, "no room for the owners of shards");
    out[0] = 0;
    return 1;
}

int sq_clock(struct store_session *sx, int64_t *ret_ms, struct err *err)
{
    (void)sx;
    (void)err;
    *ret_ms = clock_wall_ms(); /* it is in our process */
    return 0;
}

int sq_verify(struct store_session *sx, struct store_slot *ret, struct err *err)
{
    struct sq_session *x = sq_session(sx);
    int r = sq_begin(x, false, err);

    if (r == 0)
        r = sq_commit(x, NULL, err);
    if (r == 0)
        r = sq_slots(sx, ret, 1, err);
    return r < 0 ? r : 0;
}

int sq_ledger_begin(struct store_session *sx, int64_t pos, int64_t seq,
                    struct err *err)
{
    struct sq_session *x = sq_session(sx);
    sqlite3_stmt *st;
    int r = sq_begin(x, true, err);

    if (r < 0)
        return r;
    st = sq_stmt(x, SQL_SLOT_LEDGER, err);
    if (st == NULL) {
        sq_rollback(x);
        return -EIO;
    }
    (void)sqlite3_bind_int64(st, 1, pos);
    (void)sqlite3_bind_int64(st, 2, seq);
    r = sq_run(x, st, err);
    if (r < 0) {
        sq_rollback(x);
        return r;
    }
    return sq_commit(x, NULL, err);
}
