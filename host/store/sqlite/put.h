/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/put.h - jobs in, and the source positions that go with them.
 */
#ifndef ONTIME_STORE_SQLITE_PUT_H
#define ONTIME_STORE_SQLITE_PUT_H

#include "store/sqlite/session.h"

int sq_put(struct store_session *x, struct put_batch *b, struct err *err);
int sq_position_get(struct store_session *x, struct store_position *p,
                    struct err *err);

/* Moves one inside the open transaction. */
int sq_position_move(struct sq_session *x, const struct store_position *p,
                     struct err *err);

/* Puts items inside the open transaction; for sq_put and for follow-ups. */
int sq_put_items(struct sq_session *x, struct put_item *const *items, size_t n,
                 int64_t now_ms, struct err *err);

#endif
