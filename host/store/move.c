/* SPDX-License-Identifier: Apache-2.0
 *
 * store/move.c - what is done with a whole store: see move.h.  The caller's
 * thread.
 */
#include "config.h"

#include "store/move.h"

#include <errno.h>

#include "store/ops.h"

int move_tell(const struct move_tell *t, const struct move_progress *p,
              struct err *err)
{
    if (t == NULL || t->fn == NULL || t->fn(t->arg, p))
        return 0;
    return err_set(err, -ECANCELED, "stopped before the end");
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
