/* SPDX-License-Identifier: Apache-2.0
 *
 * store/move.c - what is done with a whole store: see move.h.  The caller's
 * thread.
 */
#include "config.h"

#include "store/move.h"

#include <assert.h>
#include <errno.h>

#include "store/ops.h"

int move_tell(const struct move_tell *t, const struct move_progress *p,
              struct err *err)
{
    if (t == NULL || t->fn == NULL || t->fn(t->arg, p))
        return 0;
    return err_set(err, -ECANCELED, "stopped before the end");
}

const char *move_kind_name(enum move_kind kind)
{
    static const char *const names[MOVE_KINDS] = {
        [MOVE_STORE] = "identity",
        [MOVE_SLOT] = "slots",
        [MOVE_APP] = "apps",
        [MOVE_POSITION] = "source positions",
        [MOVE_JOB] = "jobs",
        [MOVE_WISH] = "undecided changes",
        [MOVE_EXECUTION] = "executions",
        [MOVE_REPEAT] = "idempotency keys",
    };

    return names[kind];
}

void move_row_done(struct move_row *row)
{
    if (row->kind == MOVE_JOB)
        job_free(&row->job);
    else if (row->kind == MOVE_WISH)
        wish_free(&row->wish);
}

int store_export(struct store_session *x, enum move_kind kind, move_row_fn *fn,
                 void *arg, struct err *err)
{
    return x->store->ops->export(x, kind, fn, arg, err);
}

int store_import(struct store_session *x, struct move_row *rows, size_t n,
                 struct err *err)
{
    assert(x->writing);
    return n == 0 ? 0 : x->store->ops->import(x, rows, n, err);
}

int store_import_end(struct store_session *x, struct err *err)
{
    assert(x->writing);
    return x->store->ops->import_end(x, err);
}

static int no_such(const char *what, const struct store_ops *ops,
                   struct err *err)
{
    return err_set(err, -ENOTSUP,
                   "no %s of %s stores here: the database has tools for it",
                   what, ops->name);
}

int store_backup(const struct backup_request *q, uint64_t *ret_bytes,
                 struct err *err)
{
    const struct store_ops *ops = store_ops_of(q->url, err);

    if (ops == NULL)
        return -ENOTSUP;
    if (ops->backup == NULL)
        return no_such("backup", ops, err);
    return ops->backup(q, ret_bytes, err);
}

int store_check(const char *url, const struct move_tell *tell,
                struct check_result *ret, struct err *err)
{
    const struct store_ops *ops = store_ops_of(url, err);

    if (ops == NULL)
        return -ENOTSUP;
    if (ops->check == NULL)
        return no_such("check", ops, err);
    return ops->check(url, tell, ret, err);
}
