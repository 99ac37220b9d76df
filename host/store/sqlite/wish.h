/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/wish.h - changes left to the owner, and its decisions.
 */
#ifndef ONTIME_STORE_SQLITE_WISH_H
#define ONTIME_STORE_SQLITE_WISH_H

#include "store/sqlite/session.h"

/* Leaves a wish, inside the transaction. */
int sq_wish_add(struct sq_session *x, int64_t job_id, const struct change *c,
                int64_t *ret_number, struct err *err);
/* Whether a change of the job waits for a decision: 1, 0 or negative. */
int sq_wish_waits(struct sq_session *x, int64_t job_id, struct err *err);

int sq_wishes(struct store_session *x, int64_t after, size_t cap,
              struct list *into, struct err *err);
int sq_decide(struct store_session *x, const struct wish *w, enum verdict v,
              int64_t now_ms, struct job **ret_job, struct err *err);
int sq_verdict(struct store_session *x, int64_t number, enum verdict *ret,
               struct err *err);

#endif
