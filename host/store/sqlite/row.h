/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/row.h - a job as a row: its numbers, and the few ways in which
 * the row is written.  The session's thread; inside its transaction.
 */
#ifndef ONTIME_STORE_SQLITE_ROW_H
#define ONTIME_STORE_SQLITE_ROW_H

#include "store/sqlite/order.h"
#include "store/sqlite/session.h"

/* What the changes of a row need of it. */
struct sq_row {
    int64_t id, pos, due, scheduled, created;
    int32_t app;
    uint32_t version, attempt;
    uint8_t state;
    bool redelivered; /* an earlier attempt may have had its effects */
};

/* Both as one column has them. */
int sq_row_state(enum job_state state, bool redelivered);

/* The row as a job; the caller's.  st stands on a row of JOB_COLUMNS. */
int sq_job_read(struct sq_session *x, sqlite3_stmt *st, struct job **ret,
                struct err *err);
/* 1 and *ret, or 0 when there is no such live job. */
int sq_job_get(struct sq_session *x, int64_t id, struct job **ret,
               struct err *err);
/* The same, without the texts; key (may be NULL) is compared: 0 if different. */
int sq_row_get(struct sq_session *x, int64_t id, const struct span *key,
               struct sq_row *ret, struct err *err);

/* Writes a new row with j's id and pos as given; 0 when the id is taken. */
int sq_row_write(struct sq_session *x, const struct job *j, int32_t app,
                 struct err *err);
/* A new job by itself: gives id and pos, writes row, order and count.  Its
 * name is the caller's to enter.  Sets id, pos and version of j. */
int sq_row_add(struct sq_session *x, struct job *j, int64_t now_ms,
               struct err *err);
/* As sq_row_write for a job in job_order whose id is taken: gives another. */
int sq_row_renumber(struct sq_session *x, struct job *j, int32_t app,
                    int64_t now_ms, struct err *err);
/* Removes row and order. */
int sq_row_delete(struct sq_session *x, const struct sq_row *row,
                  struct err *err);
/* Gives the row new content and the next version, and updates *row. */
int sq_row_replace(struct sq_session *x, struct sq_row *row,
                   const struct job *content, int64_t now_ms, struct err *err);
/* Moves it in time, next version, and updates *row. */
int sq_row_move(struct sq_session *x, struct sq_row *row, int64_t due_ms,
                int64_t scheduled_ms, int64_t now_ms, struct err *err);

#endif
