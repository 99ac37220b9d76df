/* SPDX-License-Identifier: Apache-2.0
 *
 * commit/commit.h - what ended attempts leave behind: records to Kafka, then the
 * outcome to the store, then word to the scheduler.
 *
 * Lanes, by what an outcome needs:
 *   store only      no records: finished in the store
 *   at_least_once   records are sent at once by an idempotent producer; when
 *                   all have been reported delivered, finished in the store.  A
 *                   crash in between sends them again
 *   exactly_once    records go out in a transaction, together with a record of
 *                   the ledger that says which jobs it ends; then finished in
 *                   the store.  After a crash the ledger tells (recover.h).
 *                   Needs a seat: commit_seat()
 * A record that Kafka refuses for good (too large, not allowed) makes the job
 * DEAD with the reason; one that cannot be sent now is sent again until it is.
 * Dead letters of jobs are records too.
 *
 * Two threads; memory is bounded by the number of attempts.
 */
#ifndef ONTIME_COMMIT_COMMIT_H
#define ONTIME_COMMIT_COMMIT_H

#include "base/err.h"
#include "job/settled.h"
#include "kafka/client.h"
#include "plug/attempt.h"
#include "store/writer.h"

#include <stdbool.h>

struct commit;

enum commit_lane {
    COMMIT_STORE_ONLY,
    COMMIT_AT_LEAST_ONCE,
    COMMIT_EXACTLY_ONCE,
    COMMIT_LANES
};

/* Of the exactly_once lane. */
enum exactly_state {
    EXACTLY_OFF,     /* no slot */
    EXACTLY_WAITING, /* for a broker or the store; it goes on by itself */
    EXACTLY_READY,
    EXACTLY_HELD,  /* something is wrong that a person has to mend */
    EXACTLY_FENCED /* somebody else has the slot */
};

struct commit_settings {
    const struct kafka_settings *kafka;
    struct writer *writer;
    size_t batch_jobs;       /* outcomes in one write to the store */
    int64_t linger_ms;       /* how long an outcome may wait for others */
    size_t inflight_records; /* sent and not yet reported */
    /* The exactly_once lane; prefix NULL: there is none.  Strings outlive it. */
    const char
        *transactional_prefix; /* of the id: "ontime-<cluster>-<store>" */
    const char *ledger_topic;
    const char *store_id;
    size_t transaction_jobs; /* ended by one transaction */
    int64_t transaction_linger_ms;
    /* May be NULL.  The lane's thread; must not block. */
    void (*exactly_changed)(void *arg, enum exactly_state state);
    /* Outcomes are in the store.  Writer's thread; must not block. */
    void (*settled)(void *arg, struct settled_batch *batch);
    /* Follow-up jobs that were stored with them; the receiver's.  Writer's thread. */
    void (*stored)(void *arg, struct list *jobs, size_t count);
    /* A follow-up has left a wish in the store; may be NULL.  Writer's thread. */
    void (*wished)(void *arg);
    void *arg;
};

int commit_start(const struct commit_settings *set, struct commit **ret,
                 struct err *err);
/* Takes ended attempts with their decisions.  Any thread. */
void commit_submit(struct commit *c, struct list *attempts, size_t n);
/* Waits until everything handed in is in the store: 0, or -ETIMEDOUT. */
int commit_drain(struct commit *c, int64_t deadline_boot_ms);
/* Ends the thread and frees what is still here (it will be done again after the
 * next start).  After writer_close, so that no request of ours is under way, and
 * before writer_stop. */
void commit_stop(struct commit **pc);

/*
 * The exactly_once lane works for a slot that the writer's session holds and
 * that was recovered; until then its attempts wait.  0: it is ready.  err.retry:
 * not within timeout_ms, it goes on trying.  -EUCLEAN: as EXACTLY_HELD, FENCED
 * (trying goes on when held).  -ENOTSUP: there is no such lane.  Any thread.
 */
int commit_seat(struct commit *c, int32_t slot, int timeout_ms,
                struct err *err);
/* The slot is no longer ours: no transaction begins any more. */
void commit_unseat(struct commit *c);

struct commit_view {
    size_t unsettled;    /* attempts handed in and not yet in the store */
    int64_t outstanding; /* records sent and not yet reported */
    bool connected;      /* to a broker */
    enum exactly_state exactly;
    char why[200]; /* WAITING, HELD, FENCED: what for */
};
const char *exactly_state_name(enum exactly_state s); /* "ready", ... */
void commit_look(struct commit *c, struct commit_view *ret);

#endif
