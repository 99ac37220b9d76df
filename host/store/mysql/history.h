/* SPDX-License-Identifier: Apache-2.0
 *
 * store/mysql/history.h - executions: adding and looking.  By day, see days.h.
 */
#ifndef ONTIME_STORE_MYSQL_HISTORY_H
#define ONTIME_STORE_MYSQL_HISTORY_H

#include "store/mysql/conn.h"

struct md_execution {
    int64_t job_id, scheduled;
    uint32_t version, attempt; /* from 1 */
    int32_t app;
    const struct outcome *o;
    struct span key;
};
/* Begins a statement in x->sql, adds to it, and runs it when it is long or at
 * the end.  Nothing else may be run in between. */
void md_history_begin(struct md_session *x);
int md_history_add(struct md_session *x, const struct md_execution *e,
                   struct err *err);
int md_history_end(struct md_session *x, struct err *err);

int md_history_walk(struct store_session *x, struct history_walk *w,
                    execution_fn *fn, void *arg, struct err *err);
int md_executions(struct store_session *x, const struct execution_query *q,
                  execution_fn *fn, void *arg, struct err *err);

#endif
