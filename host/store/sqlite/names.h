/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/names.h - from a name within an app to what is known of it:
 * job keys (to the id of the live job) and idempotency keys (to the time at
 * which they were accepted).
 *
 * A name is known by its hash (store/name.h) under the store's secret, random
 * key.  Somebody who does not know the secret cannot make two names meet, and
 * by chance 2^48 names are needed for one collision to be likely, so two names
 * of equal hash are the same name.  Rows of jobs are all the same
 * compared with the real key all the same.
 *
 * Both are piles (pile.h) and work on sorted batches.
 */
#ifndef ONTIME_STORE_SQLITE_NAMES_H
#define ONTIME_STORE_SQLITE_NAMES_H

#include "base/buf.h"
#include "job/job.h"
#include "store/sqlite/pile.h"

struct sq_store;

enum sq_names { NAMES_KEYS, NAMES_REPEATS, NAMES };

/* Fills hash and rest. */
void sq_name_hash(const struct sq_session *x, const struct app_name *app,
                  struct span name, struct sq_name *ret);
/* By hash, then by item. */
void sq_names_sort(struct sq_name *names, size_t n);

/* As sq_pile_get and sq_pile_set. */
int sq_names_get(struct sq_session *x, enum sq_names which,
                 struct sq_name *names, size_t n, struct err *err);
int sq_names_set(struct sq_session *x, enum sq_names which,
                 const struct sq_name *names, size_t n, struct err *err);

/* All piles: */
void sq_names_init(struct sq_store *st);
int sq_names_load(struct sq_store *st, sqlite3 *db, struct err *err);
void sq_names_done(struct sq_store *st);
void sq_names_commit(struct sq_store *st);
void sq_names_rollback(struct sq_store *st);

#endif
