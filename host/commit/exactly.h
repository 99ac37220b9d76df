/* SPDX-License-Identifier: Apache-2.0
 *
 * commit/exactly.h - the exactly_once lane: ended attempts gathered into Kafka
 * transactions, each with the ledger's record of them.
 *
 * A thread of its own, with one transaction at a time; while a commit is under
 * way the next attempts gather.  It works for a slot of the store and under the
 * transactional id that belongs to it, from exactly_seat() on.  The protocol
 * and why it holds: docs/exactly-once.md.
 */
#ifndef ONTIME_COMMIT_EXACTLY_H
#define ONTIME_COMMIT_EXACTLY_H

#include "commit/commit.h"
#include "commit/work.h"

struct exactly;

struct exactly_settings {
    const struct commit_settings *commit; /* outlives it */
    /* Works that need nothing more of Kafka: in a committed transaction (exact,
     * the last one with the ledger's position), to be told to the store alone,
     * or dropped.  Those of one transaction come together, transactions in order.
     * The lane's thread. */
    void (*ended)(void *arg, struct list *works, size_t n);
    void *arg;
};

int exactly_start(const struct exactly_settings *set, struct exactly **ret,
                  struct err *err);
/* After writer_close: it may be waiting for the store. */
void exactly_stop(struct exactly **pe);

void exactly_take(struct exactly *e, struct work *w); /* any thread */
/* n of the works that were `exact` are in the store.  Any thread. */
void exactly_stored(struct exactly *e, size_t n);

/* See commit_seat() and commit_look(). */
int exactly_seat(struct exactly *e, int32_t slot, int timeout_ms,
                 struct err *err);
void exactly_unseat(struct exactly *e);
enum exactly_state exactly_look(struct exactly *e, char *why, size_t whylen);

#endif
