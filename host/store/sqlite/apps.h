/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/apps.h - a session's knowledge of apps: name <-> the small
 * number that rows carry, and what the open transaction adds to their counts.
 */
#ifndef ONTIME_STORE_SQLITE_APPS_H
#define ONTIME_STORE_SQLITE_APPS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "job/job.h"
#include "store/store.h"

struct sq_session;

struct sq_delta {
    int64_t pending, succeeded, dead, canceled, retried;
};

struct sq_apps {
    int32_t *number; /* by app_name.index; 0: not known */
    size_t number_cap;
    struct sq_app {                  /* by number */
        const struct app_name *name; /* NULL: not known */
        struct sq_delta delta;
        bool touched;
    } * row;
    size_t row_cap;
    int32_t last; /* the highest number known */
    bool added;   /* by the open transaction */
};

void sq_apps_done(struct sq_apps *a);
/* After a rollback: forgets deltas, and what the transaction had added. */
void sq_apps_rollback(struct sq_apps *a);
void sq_apps_committed(struct sq_apps *a);

/* The app's number; with add an unknown one is made, with its views, in the
 * open transaction.  0 (no such app), > 0, or negative errno. */
int32_t sq_app_number(struct sq_session *x, const struct app_name *app,
                      bool add, struct err *err);
/* The name for a row's number; NULL with err filled. */
const struct app_name *sq_app_name(struct sq_session *x, int32_t number,
                                   struct err *err);

/* What to add to the app's counts when this transaction commits.  The number
 * is one that sq_app_number or sq_app_name has answered. */
struct sq_delta *sq_app_delta(struct sq_session *x, int32_t number);
/* Writes the deltas; sq_commit does it. */
int sq_apps_flush(struct sq_session *x, struct err *err);

int sq_counts(struct store_session *x, struct store_count *out, size_t cap,
              struct err *err);

#endif
