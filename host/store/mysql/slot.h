/* SPDX-License-Identifier: Apache-2.0
 *
 * store/mysql/slot.h - slots and shards: what store/slots.h asks of a backend.
 */
#ifndef ONTIME_STORE_MYSQL_SLOT_H
#define ONTIME_STORE_MYSQL_SLOT_H

#include "store/mysql/session.h"

int md_slots(struct store_session *x, struct store_slot *out, size_t cap,
             struct err *err);
int md_shard_owners(struct store_session *x, int32_t *out, size_t cap,
                    struct err *err);
int md_clock(struct store_session *x, int64_t *ret_ms, struct err *err);
int md_claim(struct store_session *x, const struct store_slot *seen,
             struct store_slot *ret, struct err *err);
int md_beat(struct store_session *x, int32_t slot, int64_t epoch,
            struct err *err);
int md_verify(struct store_session *x, struct store_slot *ret, struct err *err);
int md_ledger_begin(struct store_session *x, int64_t pos, int64_t seq,
                    struct err *err);
int md_acquire(struct store_session *x, const struct shard_set *want,
               size_t most, job_pos loaded, struct shard_set *ret,
               struct err *err);
int md_release(struct store_session *x, const struct shard_set *shards,
               struct err *err);
int md_vacate(struct store_session *x, bool keep, struct err *err);

#endif
