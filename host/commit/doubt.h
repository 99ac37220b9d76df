/* SPDX-License-Identifier: Apache-2.0
 *
 * commit/doubt.h - reading our own ledger: has a transaction been committed?
 */
#ifndef ONTIME_COMMIT_DOUBT_H
#define ONTIME_COMMIT_DOUBT_H

#include "commit/ledger.h"
#include "kafka/client.h"

struct doubt {
    const struct kafka_settings *kafka;
    const char *topic;
    struct ledger_head expect; /* store, slot, writer; seq: the first one of the
                                  transaction */
    size_t records;            /* so many ledger records it has */
    int64_t from;              /* behind the last transaction that is known */
};

/*
 * After our producer's init and a verify, so that nobody else writes: 1, the
 * transaction is there, *ret_next behind it; 0, it is not.  -EUCLEAN: what is
 * there is neither (somebody else has written to our partition, or it was
 * trimmed).  err.retry: no answer, ask again.
 */
int doubt_resolve(const struct doubt *d, int timeout_ms, int64_t *ret_next,
                  struct err *err);

#endif
