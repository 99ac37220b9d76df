/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/look.h - looking at single jobs, in any session.
 */
#ifndef ONTIME_STORE_SQLITE_LOOK_H
#define ONTIME_STORE_SQLITE_LOOK_H

#include "store/sqlite/session.h"

/* The id that the key's entry names (the row may be another's or gone), or 0. */
int sq_find_id(struct sq_session *x, const struct app_name *app,
               struct span key, int64_t *ret, struct err *err);

/* A job within what has been loaded waits in memory: it shows as SCHEDULED. */
void sq_show_state(const struct sq_session *x, struct job *j);

int sq_get(struct store_session *x, int64_t id, struct job **ret,
           struct err *err);
int sq_find(struct store_session *x, const struct app_name *app,
            struct span key, struct job **ret, struct err *err);

#endif
