/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/change.h - changes of live jobs, at once or as wishes.
 */
#ifndef ONTIME_STORE_SQLITE_CHANGE_H
#define ONTIME_STORE_SQLITE_CHANGE_H

#include "store/sqlite/row.h"

/*
 * Inside the open transaction: changes the row, or, when its owner may have
 * it in memory, leaves a wish and sets c->wish.  *row is kept up to date; the
 * key's entry after a cancel is the caller's.  c->job is not touched.
 */
int sq_change_row(struct sq_session *x, struct change *c, struct sq_row *row,
                  struct err *err);

/* The change itself, whoever has the job in memory. */
int sq_change_apply(struct sq_session *x, const struct change *c,
                    struct sq_row *row, struct err *err);

/* Removes the key's entry of a job that has ended. */
int sq_change_forget(struct sq_session *x, const struct app_name *app,
                     struct span key, struct err *err);

int sq_change(struct store_session *x, struct change *c, struct err *err);

#endif
