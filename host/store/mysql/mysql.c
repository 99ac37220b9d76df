/* SPDX-License-Identifier: Apache-2.0
 *
 * store/mysql/mysql.c - the backend "mysql": opening, and its table of
 * operations.
 *
 * Opened by one thread; sessions are other files' business.
 */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/mysql/change.h"
#include "store/mysql/conn.h"
#include "store/mysql/days.h"
#include "store/mysql/export.h"
#include "store/mysql/finish.h"
#include "store/mysql/history.h"
#include "store/mysql/look.h"
#include "store/mysql/prune.h"
#include "store/mysql/put.h"
#include "store/mysql/schema.h"
#include "store/mysql/slot.h"
#include "store/mysql/wish.h"

static pthread_once_t library_once = PTHREAD_ONCE_INIT;

static void start_library(void)
{
    (void)mysql_library_init(0, NULL, NULL);
}

/* What an operator should know: exactly once rests on commits that stay. */
static void check_durable(struct md_session *x)
{
    struct md_rows q;

    if (md_selectf(x, &q, NULL, "SELECT @@innodb_flush_log_at_trx_commit") ==
            0 &&
        md_next(&q) && md_int(&q, 0) != 1)
        log_warn("store", LOG_EVENT("commits_not_durable"),
                 LOG_INT("innodb_flush_log_at_trx_commit", md_int(&q, 0)));
    md_rows_done(&q);
}

static void md_close(struct store *s)
{
    struct md_store *st = (struct md_store *)(void *)s;

    md_url_done(&st->url);
    free(st);
}

static int prepare(struct md_store *st, const struct store_settings *set,
                   struct err *err)
{
    struct store_session *sx = NULL;
    struct md_session *x;
    int r = md_session_open(&st->base, false, &sx, err);

    if (r < 0)
        return r;
    x = md_session(sx);
    if (set->use == STORE_IMPORT)
        r = md_import_begin(x, set->shards, err);
    else
        r = set->use == STORE_LOOK ? md_schema_look(x, err)
                                   : md_schema_open(x, set->shards, err);
    if (r == 0 && set->use != STORE_LOOK)
        r = md_days_ensure(x, clock_wall_ms(), err);
    if (r == 0)
        check_durable(x);
    md_session_close(sx);
    return r;
}

static int md_open(const struct store_settings *set, struct store **ret,
                   struct err *err)
{
    struct md_store *st;
    int r;

    st = calloc(1, sizeof(*st));
    if (st == NULL)
        return err_again(err, -ENOMEM, "no memory for the store");
    (void)pthread_once(&library_once, start_library);
    st->base.ops = &store_mysql;
    st->idempotency_ms = set->idempotency_ms;
    st->history_ms = set->history_ms;
    (void)snprintf(st->instance, sizeof(st->instance), "%s",
                   set->instance_id != NULL ? set->instance_id : "");
    r = md_url_parse(set->url, &st->url, err);
    if (r == 0)
        r = prepare(st, set, err);
    if (r < 0) {
        md_close(&st->base);
        return r;
    }
    *ret = &st->base;
    return 0;
}

/* ---- reading: once more, where only the connection was gone ---------------------- */

static bool lost(struct store_session *x)
{
    return md_session(x)->db == NULL;
}

static int get(struct store_session *x, int64_t id, struct job **ret,
               struct err *err)
{
    int r = md_get(x, id, ret, err);

    return r < 0 && lost(x) ? md_get(x, id, ret, err) : r;
}

static int find(struct store_session *x, const struct app_name *app,
                struct span key, struct job **ret, struct err *err)
{
    int r = md_find(x, app, key, ret, err);

    return r < 0 && lost(x) ? md_find(x, app, key, ret, err) : r;
}

static int list(struct store_session *x, const struct list_filter *f,
                struct list *into, struct err *err)
{
    int r = md_list(x, f, into, err);

    return r < 0 && lost(x) ? md_list(x, f, into, err) : r;
}

static int executions(struct store_session *x, const struct execution_query *q,
                      execution_fn *fn, void *arg, struct err *err)
{
    int r = md_executions(x, q, fn, arg, err);

    return r < 0 && lost(x) ? md_executions(x, q, fn, arg, err) : r;
}

static int counts(struct store_session *x, struct store_count *out, size_t cap,
                  struct err *err)
{
    int r = md_counts(x, out, cap, err);

    return r < 0 && lost(x) ? md_counts(x, out, cap, err) : r;
}

static int verdict(struct store_session *x, int64_t number, enum verdict *ret,
                   struct err *err)
{
    int r = md_verdict(x, number, ret, err);

    return r < 0 && lost(x) ? md_verdict(x, number, ret, err) : r;
}

static int slots(struct store_session *x, struct store_slot *out, size_t cap,
                 struct err *err)
{
    int r = md_slots(x, out, cap, err);

    return r < 0 && lost(x) ? md_slots(x, out, cap, err) : r;
}

const struct store_ops store_mysql = {
    .name = "mysql",
    .shared = true,
    .scheme = MD_SCHEME,
    .open = md_open,
    .close = md_close,
    .session_open = md_session_open,
    .session_close = md_session_close,
    .put = md_put,
    .position_get = md_position_get,
    .load_due = md_load_due,
    .finish = md_finish,
    .mark_running = md_mark_running,
    .change = md_change,
    .wishes = md_wishes,
    .decide = md_decide,
    .verdict = verdict,
    .get = get,
    .find = find,
    .list = list,
    .executions = executions,
    .history = md_history_walk,
    .counts = counts,
    .prune = md_prune,
    .slots = slots,
    .shard_owners = md_shard_owners,
    .clock = md_clock,
    .claim = md_claim,
    .beat = md_beat,
    .verify = md_verify,
    .ledger_begin = md_ledger_begin,
    .acquire = md_acquire,
    .release = md_release,
    .vacate = md_vacate,
    .export = md_export,
    .import = md_import,
    .import_end = md_import_end,
};
