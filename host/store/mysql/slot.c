/* SPDX-License-Identifier: Apache-2.0
 *
 * store/mysql/slot.c - seats of instances; see slot.h.  shard.c has what they
 * own.  The session's thread.
 */
#include "config.h"

#include "store/mysql/slot.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "store/mysql/conn.h"

#define SLOT_COLUMNS                                                           \
    "slot,state='owned',owner,boot,epoch,beat,wseq,ledger_used,ledger_pos,"    \
    "ledger_seq"

static void read_slot(const struct md_rows *q, struct store_slot *ret)
{
    *ret = (struct store_slot){
        .slot = (int32_t)md_int(q, 0),
        .owned = md_int(q, 1) != 0,
        .epoch = md_int(q, 4),
        .beat = md_int(q, 5),
        .wseq = md_int(q, 6),
        .ledger_used = md_int(q, 7) != 0,
        .ledger_pos = md_int(q, 8),
        .ledger_seq = md_int(q, 9),
    };
    md_copy(q, 2, ret->owner, sizeof(ret->owner));
    md_copy(q, 3, ret->boot, sizeof(ret->boot));
}

int md_slots(struct store_session *sx, struct store_slot *out, size_t cap,
             struct err *err)
{
    struct md_session *x = md_session(sx);
    struct md_rows q = {0};
    int n = 0, r = md_connect(x, err);

    if (r == 0)
        r = md_selectf(x, &q, err,
                       "SELECT " SLOT_COLUMNS " FROM slots ORDER BY slot");
    while (r == 0 && (size_t)n < cap && md_next(&q))
        read_slot(&q, &out[n++]);
    md_rows_done(&q);
    return r < 0 ? r : n;
}

int md_clock(struct store_session *sx, int64_t *ret_ms, struct err *err)
{
    struct md_session *x = md_session(sx);
    struct md_rows q = {0};
    int r = md_connect(x, err);

    if (r == 0)
        r = md_selectf(x, &q, err,
                       "SELECT CAST(UNIX_TIMESTAMP(NOW(3))*1000 AS SIGNED)");
    if (r == 0 && md_next(&q))
        *ret_ms = md_int(&q, 0);
    md_rows_done(&q);
    return r;
}

int md_beat(struct store_session *sx, int32_t slot, int64_t epoch,
            struct err *err)
{
    struct md_session *x = md_session(sx);
    int r = md_connect(x, err);

    if (r == 0)
        r = md_runf(x, err,
                    "UPDATE slots SET beat=beat+1 WHERE slot=%d AND "
                    "epoch=%" PRId64 " AND state='owned'",
                    slot, epoch);
    if (r == 0 && md_affected(x) != 1)
        r = err_set(err, -ESTALE, "another instance has taken slot %d over",
                    slot);
    return r;
}

/* ---- claiming -------------------------------------------------------------------- */

/* The slot of a claim, if it took place: 1 and *ret, or 0. */
static int find_claim(struct md_session *x, const char *boot,
                      struct store_slot *ret, struct err *err)
{
    struct md_rows q = {0};
    int r;

    r = md_selectf(x, &q, err,
                   "SELECT " SLOT_COLUMNS " FROM slots WHERE boot='%s' "
                   "FOR UPDATE",
                   boot);
    if (r == 0 && md_next(&q)) {
        read_slot(&q, ret);
        r = 1;
    }
    md_rows_done(&q);
    return r;
}

static int claim_seen(struct md_session *x, const struct store_slot *seen,
                      const char *boot, struct err *err)
{
    int r;

    (void)md_sql(x, "UPDATE slots SET epoch=epoch+1,state='owned',beat=beat+1,"
                    "wseq=0,owner=");
    md_add_text(x, x->st->instance);
    (void)buf_adds(&x->sql, "boot=");
    md_add_text(x, boot);
    md_end_list(x, " WHERE ");
    (void)buf_addf(&x->sql, "slot=%d AND epoch=%" PRId64 " AND beat=%" PRId64,
                   seen->slot, seen->epoch, seen->beat);
    r = md_run(x, err);
    if (r == 0 && md_affected(x) != 1)
        r = err_set(err, -ESTALE, "slot %d is not as it was", seen->slot);
    return r;
}

static int claim_new(struct md_session *x, const char *boot, struct err *err)
{
    struct md_rows q;
    int64_t next = 0;
    int r;

    r = md_selectf(x, &q, err, "SELECT COALESCE(MAX(slot),-1)+1 FROM slots");
    if (r == 0 && md_next(&q))
        next = md_int(&q, 0);
    md_rows_done(&q);
    if (r == 0 && next >= STORE_SLOTS_MOST)
        return err_set(err, -ENOSPC, "there are %d slots, all of them in use",
                       STORE_SLOTS_MOST);
    if (r < 0)
        return r;
    (void)md_sql(x, "INSERT INTO slots(slot,epoch,state,beat,wseq,owner,boot) "
                    "VALUES(");
    (void)buf_addf(&x->sql, "%" PRId64 ",1,'owned',1,0,", next);
    md_add_text(x, x->st->instance);
    md_add_text(x, boot);
    md_end_list(x, ")");
    r = md_run(x, err);
    if (r < 0 && md_is_duplicate(md_errno(x)))
        r = err_set(err, -ESTALE, "somebody else has made slot %" PRId64, next);
    return r;
}

int md_claim(struct store_session *sx, const struct store_slot *seen,
             struct store_slot *ret, struct err *err)
{
    struct md_session *x = md_session(sx);
    struct err why = {0};
    char boot[37];
    int r;

    random_uuid(boot);
    md_forget_slot(x);
    for (int try = 0;; try++) {
        r = md_connect(x, &why);
        if (r == 0)
            r = seen != NULL ? claim_seen(x, seen, boot, &why)
                             : claim_new(x, boot, &why);
        /* A lost connection, or a second try: has it taken place? */
        if ((r == 0 || r == -ESTALE) || try >= 2 || !why.retry)
            break;
    }
    if (r == 0 || r == -ESTALE) {
        int found = find_claim(x, boot, ret, &why);

        r = found > 0 ? 0 : found < 0 ? found : r < 0 ? r : -ESTALE;
    }
    if (r < 0) {
        if (err != NULL)
            *err = why;
        return r;
    }
    x->claimed = true;
    x->slot = ret->slot;
    x->epoch = ret->epoch;
    x->wseq = ret->wseq;
    return 0;
}
