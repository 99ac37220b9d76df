/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/sweep.h - deletes many rows that lie close together, with one
 * statement for a run of them.  The writing session's thread.
 *
 * Jobs that are due together lie together and end together.  A statement for
 * each costs more than the deletion itself; so one statement walks over the run
 * and asks a function of ours, row by row, whether the row is one of those.
 * Where that does not pay (too many rows in between that stay) it is left for a
 * while, longer each time.
 */
#ifndef ONTIME_STORE_SQLITE_SWEEP_H
#define ONTIME_STORE_SQLITE_SWEEP_H

#include "store/sqlite/sql.h"

#include <stdbool.h>
#include <stddef.h>

struct sq_mark { /* a row that is to go, when it is still as we know it */
    int64_t key; /* jobs: id, job_order: pos */
    int64_t pos;
    uint32_t version;
    uint32_t item; /* the caller's */
    bool gone;     /* out: it was there and has been deleted */
};

struct sq_sweep {
    /* of the statement under way */
    struct sq_mark *at, *end;
    size_t visits, hits;
    /* how it has gone so far */
    size_t run;               /* marks in a run, at most */
    size_t pause, next_pause; /* marks to leave alone */
};

/* Makes the function known to a connection. */
int sq_sweep_init(struct sq_sweep *s, sqlite3 *db, struct err *err);

/* Deletes what is marked, where it pays, with SQL_JOB_SWEEP or SQL_ORDER_SWEEP.
 * The marks ascend by key; those that are not gone afterwards are the
 * caller's to delete. */
int sq_sweep(struct sq_session *x, enum sql q, struct sq_mark *marks, size_t n,
             struct err *err);

#endif
