/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/support/fakestore.h - the slots and shards of a store that instances
 * share, in memory: for tests of what stands on store/slots.h.  No jobs.
 */
#ifndef ONTIME_TESTS_FAKESTORE_H
#define ONTIME_TESTS_FAKESTORE_H

#include "store/ops.h"

struct fakedb; /* the database */

struct fakedb *fakedb_new(uint32_t shards);
void fakedb_free(struct fakedb **pdb); /* after its stores */

/* An instance's store; store_close() frees it. */
struct store *fakestore_open(struct fakedb *db, const char *instance_id);
/* While away, all that an instance asks fails and may be tried again. */
void fakestore_away(struct store *s, bool away);
/* The database's clock, as this instance sees it, is so much behind. */
void fakestore_skew(struct store *s, int64_t ms);

/* The owner of a shard's slot, or "". */
const char *fakedb_owner(struct fakedb *db, uint32_t shard);
/* A slot now has another owner. */
void fakedb_steal(struct fakedb *db, int32_t slot, const char *owner);
struct store_slot fakedb_slot(struct fakedb *db, int32_t slot);
/* A ledger is in use for it. */
void fakedb_ledger(struct fakedb *db, int32_t slot);

#endif
