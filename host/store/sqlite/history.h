/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/history.h - the history of executions.
 *
 * Nearly every job is executed once, so the first execution of a job is a row
 * under the job's own id, which needs no index and lies beside its neighbours
 * in time; further ones are rows of a second table.  A log has the order in
 * time: blobs of up to 200 references, 16 bytes each, little-endian: job id
 * (or, negative, the number of a further execution), app, 0.
 */
#ifndef ONTIME_STORE_SQLITE_HISTORY_H
#define ONTIME_STORE_SQLITE_HISTORY_H

#include "store/sqlite/session.h"

/* At the start of the writing session: where the log stands. */
int sq_history_prepare(struct sq_session *x, struct err *err);

struct sq_execution {
    int64_t job_id, scheduled;
    uint32_t version, attempt; /* from 1 */
    int32_t app;
    const struct outcome *o;
    struct span key;
};
/* Adds one inside the open transaction, and its reference to h. */
struct sq_history {
    unsigned char *refs; /* room for all, the caller's */
    size_t count;
};
int sq_history_add(struct sq_session *x, struct sq_history *h,
                   const struct sq_execution *e, struct err *err);
/* Writes the references to the log. */
int sq_history_log(struct sq_session *x, const struct sq_history *h,
                   int64_t now_ms, struct err *err);
#define SQ_REF_BYTES 16

int sq_executions(struct store_session *x, const struct execution_query *q,
                  execution_fn *fn, void *arg, struct err *err);
int sq_history_walk(struct store_session *x, struct history_walk *w,
                    execution_fn *fn, void *arg, struct err *err);

/* Gives the executions of the next row of the log after *at (-1: from the
 * oldest) to fn, and moves *at there.  1; 0 when there is none. */
int sq_history_piece(struct sq_session *x, int64_t *at, execution_fn *fn,
                     void *arg, struct err *err);

/* Removes about `rows` executions that ended before; returns how many. */
int sq_history_prune(struct sq_session *x, int64_t before_ms, size_t rows,
                     struct err *err);

#endif
