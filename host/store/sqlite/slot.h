/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/slot.h - the one slot and the one shard of a store that has one
 * instance at a time.
 */
#ifndef ONTIME_STORE_SQLITE_SLOT_H
#define ONTIME_STORE_SQLITE_SLOT_H

#include "store/slots.h"

int sq_slots(struct store_session *x, struct store_slot *out, size_t cap,
             struct err *err);
int sq_shard_owners(struct store_session *x, int32_t *out, size_t cap,
                    struct err *err);
int sq_clock(struct store_session *x, int64_t *ret_ms, struct err *err);
int sq_verify(struct store_session *x, struct store_slot *ret, struct err *err);
int sq_ledger_begin(struct store_session *x, int64_t pos, int64_t seq,
                    struct err *err);

#endif
