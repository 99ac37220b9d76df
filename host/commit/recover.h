/* SPDX-License-Identifier: Apache-2.0
 *
 * commit/recover.h - what a slot's last holder has sent and not yet told the
 * store: read from the ledger and finished, before any of its jobs may fire.
 *
 * Belongs between the claim of a slot and everything else that is done with it,
 * the freeing of its shards included.  Safe to be cut short and done again.
 */
#ifndef ONTIME_COMMIT_RECOVER_H
#define ONTIME_COMMIT_RECOVER_H

#include "base/list.h"
#include "kafka/client.h"
#include "store/slots.h"

struct recover_settings {
    const struct kafka_settings *kafka;
    const char *transactional_prefix; /* as in struct commit_settings */
    const char *ledger_topic;
    const char *store_id;
    int timeout_ms; /* how long each step waits for a broker */
    /* Follow-ups that were stored; the receiver's.  NULL: nobody has loaded
     * anything yet.  On the thread of the session. */
    void (*stored)(void *arg, struct list *jobs, size_t n);
    void *arg;
};

/*
 * All of it, for a session that holds the slot as it was claimed; arg is a
 * const struct recover_settings *.  0: every committed firing of the slot is in
 * the store (nothing was to be done when the slot has used no ledger).
 * err.retry: no broker, ask again.  -ESTALE: the slot is no longer ours.
 * -EUCLEAN: the ledger does not continue what the store knows (trimmed,
 * deleted, made anew, another store's): the slot must not be used until
 * somebody says that the loss is accepted (store_ledger_begin at the ledger's
 * end does that).  Blocks.
 */
int recover_slot(void *arg, struct store_session *x,
                 const struct store_slot *slot, struct err *err);

/* The two halves of it, for a caller that does not want to hold the session
 * while the first, which needs only Kafka, is under way. */
int recover_fence(const struct recover_settings *set,
                  const struct store_slot *slot, struct err *err);
int recover_replay(const struct recover_settings *set, struct store_session *x,
                   struct err *err);

/* After -EUCLEAN, when somebody has accepted that what the ledger lacks may fire
 * again: it is gone on with at its end. */
int recover_accept_loss(const struct recover_settings *set,
                        struct store_session *x, struct err *err);

#endif
