/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/look.c - reading; see look.h.  The session's thread.
 */
#include "config.h"

#include "store/sqlite/look.h"

#include <errno.h>
#include <string.h>

#include "store/sqlite/names.h"
#include "store/sqlite/row.h"

int sq_find_id(struct sq_session *x, const struct app_name *app,
               struct span key, int64_t *ret, struct err *err)
{
    struct sq_name name = {0};
    int r;

    sq_name_hash(x, app, key, &name);
    r = sq_names_get(x, NAMES_KEYS, &name, 1, err);
    *ret = name.value;
    return r;
}

void sq_show_state(const struct sq_session *x, struct job *j)
{
    if (j->state == JOB_CREATED && j->pos <= atomic_load(&x->st->loaded))
        j->state = JOB_SCHEDULED;
}

int sq_get(struct store_session *sx, int64_t id, struct job **ret,
           struct err *err)
{
    struct sq_session *x = sq_session(sx);
    int r = sq_job_get(x, id, ret, err);

    if (r == 0)
        return err_set(err, -ENOENT, "there is no live job %lld",
                       (long long)id);
    if (r < 0)
        return r;
    sq_show_state(x, *ret);
    return 0;
}

int sq_find(struct store_session *sx, const struct app_name *app,
            struct span key, struct job **ret, struct err *err)
{
    struct sq_session *x = sq_session(sx);
    struct job *j = NULL;
    int64_t id;
    int r;

    r = sq_find_id(x, app, key, &id, err);
    if (r == 0 && id != 0)
        r = sq_job_get(x, id, &j, err);
    if (r < 0)
        return r;
    if (j == NULL || j->app != app || !span_eq(j->key, key)) {
        job_free(&j);
        return err_set(err, -ENOENT, "there is no live job of that key");
    }
    sq_show_state(x, j);
    *ret = j;
    return 0;
}
