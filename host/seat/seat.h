/* SPDX-License-Identifier: Apache-2.0
 *
 * seat/seat.h - this instance among others on one store: it holds a slot (a
 * lease), owns its share of the shards, and takes over from those that died.
 * Only for stores that can be shared; with one instance there is no seat.
 *
 * Two threads.  One beats: it tells the others that we live, on a connection
 * of its own, and knows until when we may be sure of our slot.  The other, the
 * hand, looks at the slots and does one thing at a time: claims, recovers what
 * a dead instance left, acquires and gives back shards.  What the owner of a
 * slot writes goes through the store's writer, so it is in order with the rest.
 *
 * The rules are in rule.h; docs/instances.md tells what a user sees.
 */
#ifndef ONTIME_SEAT_SEAT_H
#define ONTIME_SEAT_SEAT_H

#include "seat/rule.h"
#include "store/writer.h"

struct seat;

struct seat_settings {
    struct store *store;
    struct writer *writer;
    const char *instance_id; /* stays */
    int64_t lease_ms;
    int64_t max_skew_ms; /* our clock may differ from the store's by this */
    /*
     * A slot with a ledger has been claimed to free it: takes what is committed
     * there and not in the store into the store, with owner's writes of x, so
     * that its shards may be given to others.  Hand's thread; may block.  On an
     * error the slot stays owned and is tried again after a lease, by us or
     * another.  NULL: there are no ledgers.
     */
    int (*recover)(void *arg, struct store_session *x,
                   const struct store_slot *slot, struct err *err);
    /* A new tenure of the writer has begun, with this slot or (NULL) without
     * one: everything of earlier ones is to be dropped.  Writer's thread. */
    void (*began)(void *arg, uint32_t tenure, const struct store_slot *slot);
    /* How far the scheduler has loaded (sched_loaded).  Writer's thread. */
    job_pos (*loaded)(void *arg);
    void (*gained)(void *arg, const struct shard_set *shards); /* likewise */
    /* Shards are to be given back: seat_left() when nothing of them is under
     * way.  Hand's thread. */
    void (*leaving)(void *arg, const struct shard_set *shards);
    void *arg;
};

/* Begins; comes back at once, before anything is claimed. */
int seat_start(const struct seat_settings *set, struct seat **ret,
               struct err *err);
/* Gives shards back as they become free, takes no more.  For the stop. */
void seat_retire(struct seat *s);
/* After seat_retire, when nothing of ours is under way any more: gives back
 * what is left, and the slot.  -ETIMEDOUT: not done by the deadline; then it
 * dies by its lease. */
int seat_vacate(struct seat *s, int64_t deadline_boot_ms);
/* Ends the threads.  After writer_close, before writer_stop.  The slot, if it
 * is still ours, is taken over by others after its lease. */
void seat_stop(struct seat **ps);

/* Nothing of these shards, which were to be left, is here any more.  Any thread. */
void seat_left(struct seat *s, const struct shard_set *shards);
/* A write was answered -ESTALE: perhaps our slot is lost.  Any thread. */
void seat_suspect(struct seat *s);

enum seat_permit {
    SEAT_RUN,    /* the job is ours to run */
    SEAT_WAIT,   /* we are not sure of our slot right now */
    SEAT_RETURN, /* its shard is to be given back */
    SEAT_DROP    /* it was handed out before we lost our slot */
};
/* Any thread; does not block. */
enum seat_permit seat_permit(const struct seat *s, const struct job *j);

/* Whether we hold a slot and may fire; else why not. */
bool seat_ready(struct seat *s, char *why, size_t whylen); /* any thread */

/* Our clock is wrong: until it is right we hold no slot.  Any thread. */
bool seat_skewed(const struct seat *s);

struct seat_view {
    int32_t slot; /* STORE_NO_SLOT: none */
    int64_t epoch;
    unsigned owned, leaving;
    int64_t beat_age_ms; /* since the last good beat began; -1: none */
    int64_t skew_ms;     /* our clock minus the store's */
    int64_t lost, takeovers;
    struct seat_world world;     /* as last read */
    bool dead[STORE_SLOTS_MOST]; /* by place in world.slots */
};
void seat_look(struct seat *s, struct seat_view *ret); /* any thread */

#endif
