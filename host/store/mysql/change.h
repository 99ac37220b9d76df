/* SPDX-License-Identifier: Apache-2.0
 *
 * store/mysql/change.h - changes of one job: done at once where its owner has
 * not looked yet, else left to the owner as wishes.  The writing session's
 * thread; md_change_row inside its transaction.
 */
#ifndef ONTIME_STORE_MYSQL_CHANGE_H
#define ONTIME_STORE_MYSQL_CHANGE_H

#include "store/mysql/row.h"

int md_change(struct store_session *x, struct change *c, struct err *err);

/* Changes the locked row, or sets c->wish; updates *row.  A row that comes to
 * where its owner has looked already is shown to it by a wish. */
int md_change_row(struct md_session *x, struct change *c, struct md_row *row,
                  struct err *err);
/* Changes the row, whatever its owner knows. */
int md_change_apply(struct md_session *x, const struct change *c,
                    struct md_row *row, struct err *err);
/* The live job of a key, locked: 1 and *row, or 0. */
int md_change_find(struct md_session *x, const struct app_name *app,
                   struct span key, struct md_row *row, struct err *err);

#endif
