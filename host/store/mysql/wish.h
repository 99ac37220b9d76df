/* SPDX-License-Identifier: Apache-2.0
 *
 * store/mysql/wish.h - wishes: changes that are left to a job's owner.
 *
 * Their numbers are drawn from meta inside the transaction that leaves them,
 * which holds that row until its end: so a wish with a smaller number is never
 * seen after one with a greater number, and who reads on from the last number
 * misses none.
 */
#ifndef ONTIME_STORE_MYSQL_WISH_H
#define ONTIME_STORE_MYSQL_WISH_H

#include "store/mysql/row.h"

/* Inside a transaction that has locked the shard's row, or owns it. */
int md_wish_add(struct md_session *x, uint32_t shard, int64_t job_id,
                const struct change *c, int64_t *ret_number, struct err *err);
/* CHANGE_LOAD for each job. */
int md_wish_add_loads(struct md_session *x, struct job *const *jobs, size_t n,
                      int64_t now_ms, struct err *err);
/* 1 when a change of the job is undecided, else 0. */
int md_wish_waits(struct md_session *x, int64_t job_id, struct err *err);

int md_wishes(struct store_session *x, int64_t after, size_t cap,
              struct list *into, struct err *err);
int md_decide(struct store_session *x, const struct wish *w, enum verdict v,
              int64_t now_ms, struct job **ret_job, struct err *err);
int md_verdict(struct store_session *x, int64_t number, enum verdict *ret,
               struct err *err);

#endif
