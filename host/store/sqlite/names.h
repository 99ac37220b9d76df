/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/names.h - from a name within an app to what is known of it:
 * job keys (to the id of the live job) and idempotency keys (to the time at
 * which they were accepted).
 *
 * A name is known by its SipHash-128 under the store's secret, random key, in
 * two 64-bit halves.  Somebody who does not know the secret cannot make two
 * names meet, and by chance 2^64 names are needed for one collision to be
 * likely, so two names of equal hash are the same name.  Rows of jobs are
 * compared with the real key all the same.
 *
 * Everything works on sorted batches: neighbours share pages.
 */
#ifndef ONTIME_STORE_SQLITE_NAMES_H
#define ONTIME_STORE_SQLITE_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "job/job.h"

struct sq_session;

enum sq_names { NAMES_KEYS, NAMES_IDEMPOTENCY };

struct sq_name {
    uint64_t hash, rest;
    int64_t value; /* > 0; 0: unknown, or to be removed */
    uint32_t item; /* the caller's */
};

/* Fills hash and rest. */
void sq_name_hash(const struct sq_session *x, const struct app_name *app,
                  struct span name, struct sq_name *ret);
/* By hash, then by item. */
void sq_names_sort(struct sq_name *names, size_t n);

/* The three below take sorted names and work inside the transaction. */
int sq_names_get(struct sq_session *x, enum sq_names which,
                 struct sq_name *names, size_t n, struct err *err);
int sq_names_set(struct sq_session *x, enum sq_names which,
                 const struct sq_name *names, size_t n, struct err *err);
int sq_names_remove(struct sq_session *x, enum sq_names which,
                    const struct sq_name *names, size_t n, struct err *err);

#endif
