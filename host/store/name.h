/* SPDX-License-Identifier: Apache-2.0
 *
 * store/name.h - the hash by which a store knows a name within an app: a job's
 * key, or an idempotency key.
 *
 * 96 bits of a SipHash-128 under the store's secret, a random key made with the
 * store: ret[0], and ret[1] below 2^32.
 * Backends that keep nothing but this of an idempotency key can hand it to each
 * other: a store that is converted takes its secret along.  So never change
 * what is hashed.  Pure; any thread.
 */
#ifndef ONTIME_STORE_NAME_H
#define ONTIME_STORE_NAME_H

#include "base/hash.h"
#include "job/job.h"

void store_name_hash(const struct hash_key *secret, const struct app_name *app,
                     struct span name, uint64_t ret[2]);

#endif
