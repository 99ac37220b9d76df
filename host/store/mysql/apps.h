/* SPDX-License-Identifier: Apache-2.0
 *
 * store/mysql/apps.h - a session's knowledge of apps: name <-> the small
 * number that rows carry, and what the open transaction adds to their counts.
 *
 * Each slot counts in rows of its own, so that instances do not wait for one
 * another; an app's counts are the sums.
 */
#ifndef ONTIME_STORE_MYSQL_APPS_H
#define ONTIME_STORE_MYSQL_APPS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "job/job.h"
#include "store/store.h"

struct md_session;

struct md_delta {
    int64_t pending, succeeded, dead, canceled, retried;
};

struct md_apps {
    int32_t *number; /* by app_name.index; 0: not known */
    size_t number_cap;
    struct md_app {                  /* by number */
        const struct app_name *name; /* NULL: not known */
        struct md_delta delta;
        bool touched;
    } * row;
    size_t row_cap;
};

void md_apps_done(struct md_apps *a);
void md_apps_rollback(struct md_apps *a); /* forgets the deltas */

/* The app's number; 0: the store does not know it, or negative errno.  Outside
 * of transactions, with add: makes it, with its views. */
int32_t md_app_number(struct md_session *x, const struct app_name *app,
                      bool add, struct err *err);
/* What is known without asking the store; 0: nothing. */
int32_t md_app_known(const struct md_session *x, const struct app_name *app);
/* The name for a row's number; NULL with err filled. */
const struct app_name *md_app_name(struct md_session *x, int32_t number,
                                   struct err *err);

/* What to add to the app's counts when this transaction commits.  The number
 * is one that a function above has answered. */
struct md_delta *md_app_delta(struct md_session *x, int32_t number);
/* Writes the deltas; md_write does it. */
int md_apps_flush(struct md_session *x, struct err *err);

int md_counts(struct store_session *x, struct store_count *out, size_t cap,
              struct err *err);

#endif
