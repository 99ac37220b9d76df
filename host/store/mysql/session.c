/* SPDX-License-Identifier: Apache-2.0
 *
 * store/mysql/session.c - sessions and owner's writes; see session.h.  Each
 * session is its thread's.
 */
#include "config.h"

#include "store/mysql/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "store/mysql/conn.h"

#define TRIES 12                         /* of a transaction that met a lock */
#define CONNECTS 2                       /* within one call */
#define NOT_COMMITTED (INT64_C(1) << 20) /* see settle() */

int md_session_open(struct store *s, bool writing, struct store_session **ret,
                    struct err *err)
{
    struct md_session *x = calloc(1, sizeof(*x));
    unsigned char r8[4];
    int r;

    if (x == NULL)
        return err_again(err, -ENOMEM, "no memory for a store session");
    x->base = (struct store_session){s, writing};
    x->st = (struct md_store *)(void *)s;
    random_bytes(r8, sizeof(r8)); /* so that instances begin apart */
    x->far_turn = (uint32_t)(r8[0] | r8[1] << 8);
    x->near_turn = r8[2];
    r = md_connect(x, err);
    if (r < 0) {
        md_session_close(&x->base);
        return r;
    }
    *ret = &x->base;
    return 0;
}

void md_session_close(struct store_session *sx)
{
    struct md_session *x = md_session(sx);

    md_disconnect(x);
    md_apps_done(&x->apps);
    job_free(&x->doubt.job);
    buf_done(&x->sql);
    free(x);
}

void md_forget_slot(struct md_session *x)
{
    x->claimed = false;
    x->owned = (struct shard_set){{0}};
    job_free(&x->doubt.job);
    x->doubt = (struct md_doubt){0};
}

/* ---- the guard -------------------------------------------------------------- */

static int fenced(struct md_session *x, struct err *err)
{
    md_forget_slot(x);
    return err_set(err, -ESTALE, "another instance has taken slot %d over",
                   x->slot);
}

/* Why no row of the slot was as we knew it. */
static int explain(struct md_session *x, int64_t *ret_wseq, struct err *err)
{
    struct md_rows q;
    int64_t epoch = -1;
    int r;

    r = md_selectf(x, &q, err, "SELECT epoch,wseq FROM slots WHERE slot=%d",
                   x->slot);
    if (r < 0)
        return r;
    if (md_next(&q)) {
        epoch = md_int(&q, 0);
        *ret_wseq = md_int(&q, 1);
    }
    md_rows_done(&q);
    return epoch == x->epoch ? 0 : fenced(x, err);
}

static int guard(struct md_session *x, const struct md_ledger *ledger,
                 struct err *err)
{
    char more[80] = "";
    int64_t wseq = 0;
    int r;

    if (ledger != NULL && ledger->pos >= 0)
        (void)snprintf(more, sizeof(more), ",ledger_pos=%lld,ledger_seq=%lld",
                       (long long)ledger->pos, (long long)ledger->seq);
    r = md_runf(x, err,
                "UPDATE slots SET wseq=wseq+1%s WHERE slot=%d AND epoch=%lld "
                "AND wseq=%lld",
                more, x->slot, (long long)x->epoch, (long long)x->wseq);
    if (r < 0 || md_affected(x) == 1)
        return r;
    r = explain(x, &wseq, err);
    if (r < 0)
        return r;
    md_forget_slot(x);
    return err_set(err, -ESTALE,
                   "the store has gone back: slot %d stands at write %lld, "
                   "we know of %lld",
                   x->slot, (long long)wseq, (long long)x->wseq);
}

/* ---- commits in doubt --------------------------------------------------------- */

/*
 * Finds out whether the write in doubt (from x->wseq) has taken place.  A look
 * would not do: the commit may still be under way.  A compare-and-set waits for
 * its row and, where it succeeds, makes it impossible.
 */
static int settle(struct md_session *x, struct err *err)
{
    int64_t wseq = 0;
    int r = md_connect(x, err);

    if (r == 0)
        r = md_runf(x, err,
                    "UPDATE slots SET wseq=wseq+%lld WHERE slot=%d AND "
                    "epoch=%lld AND wseq=%lld",
                    (long long)NOT_COMMITTED, x->slot, (long long)x->epoch,
                    (long long)x->wseq);
    if (r == 0)
        r = explain(x, &wseq, err);
    if (r < 0)
        return r;
    x->doubt.open = false;
    x->doubt.taken_place = wseq == x->wseq + 1;
    if (!x->doubt.taken_place && wseq != x->wseq + NOT_COMMITTED) {
        md_forget_slot(x);
        return err_set(err, -ESTALE, "the store has gone back: write %lld",
                       (long long)wseq);
    }
    x->wseq = wseq;
    return 0;
}

int md_settle(struct md_session *x, uint64_t mark, struct err *err)
{
    int r;

    if (x->doubt.open && x->claimed) {
        r = settle(x, err);
        if (r < 0)
            return r;
    }
    r = x->doubt.taken_place && x->doubt.mark == mark && mark != 0;
    x->doubt.taken_place = false;
    x->doubt.mark = 0;
    if (r == 0)
        job_free(&x->doubt.job);
    return r;
}

void md_doubtful(struct md_session *x, uint64_t mark)
{
    if (x->doubt.open)
        x->doubt.mark = mark;
}

/* ---- transactions --------------------------------------------------------------- */

static void rollback(struct md_session *x)
{
    if (x->open_txn && x->db != NULL)
        (void)md_runs(x, "ROLLBACK", NULL);
    x->open_txn = false;
    md_apps_rollback(&x->apps);
}

/* Once.  *ret_number: the server's number of what went wrong. */
static int attempt(struct md_session *x, md_work *work, void *arg,
                   const struct md_ledger *ledger, unsigned *ret_number,
                   struct err *err)
{
    int r;

    *ret_number = 0;
    r = md_runs(x, "START TRANSACTION", err);
    x->open_txn = r == 0;
    if (r == 0)
        r = work(x, arg, err);
    if (r == 0)
        r = md_apps_flush(x, err);
    if (r == 0)
        r = guard(x, ledger, err);
    if (r == 0) {
        r = md_runs(x, "COMMIT", err);
        x->doubt.open = r < 0 && !md_is_deadlock(md_errno(x));
    }
    if (r < 0) {
        *ret_number = md_errno(x);
        rollback(x);
        if (x->doubt.open) /* whatever it was, this connection may still */
            md_disconnect(x);
        return r;
    }
    x->open_txn = false;
    x->wseq++;
    md_apps_rollback(&x->apps);
    return 0;
}

static void wait_a_little(int try)
{
    unsigned char random = 0;
    struct timespec t = {0, 0};

    random_bytes(&random, 1);
    t.tv_nsec = (long)(1 + random % 8) * (1 + try) * 500000;
    (void)nanosleep(&t, NULL);
}

/* What to do after a failed attempt: 1 once more, 0 it had taken place, or
 * negative. */
static int recover(struct md_session *x, int r, unsigned number, int try,
                   int *connects, struct err *err)
{
    struct err why = {0};

    if (x->doubt.open) {
        for (int i = 0; i < CONNECTS && x->doubt.open; i++) {
            if (settle(x, &why) == -ESTALE) {
                if (err != NULL)
                    *err = why;
                return -ESTALE;
            }
        }
        if (x->doubt.open)
            return r;
        if (x->doubt.taken_place) {
            x->doubt.taken_place = false;
            return 0;
        }
        return 1;
    }
    if (md_is_deadlock(number) && try < TRIES) {
        wait_a_little(try);
        return 1;
    }
    if (x->db == NULL && (*connects)++ < CONNECTS && md_connect(x, NULL) == 0)
        return 1;
    return r;
}

int md_write(struct md_session *x, md_work *work, void *arg,
             const struct md_ledger *ledger, struct err *err)
{
    struct err why = {0};
    unsigned number;
    int r, connects = 0;

    if (!x->claimed)
        return err_set(err, -ESTALE, "this session holds no slot");
    r = md_connect(x, err);
    if (r == 0)
        r = md_settle(x, 0, err);
    if (r < 0)
        return r;
    for (int try = 0;; try++) {
        r = attempt(x, work, arg, ledger, &number, &why);
        if (r < 0)
            r = recover(x, r, number, try, &connects, &why);
        if (r <= 0)
            break;
    }
    if (r < 0 && err != NULL)
        *err = why;
    return r;
}
