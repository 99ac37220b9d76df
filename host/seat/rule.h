/* SPDX-License-Identifier: Apache-2.0
 *
 * seat/rule.h - what an instance does about slots and shards: who is dead, what
 * to claim, how many shards are its share.  Pure; time is an argument.
 *
 * A slot whose owner lives changes its (epoch, beat) often.  One that stays the
 * same for three quarters of the lease, by our own boot clock, is dead: we may
 * claim it, recover what its owner left and free its shards.
 */
#ifndef ONTIME_SEAT_RULE_H
#define ONTIME_SEAT_RULE_H

#include "store/slots.h"

struct seat_world { /* as read from the store */
    struct store_slot slots[STORE_SLOTS_MOST];
    size_t slot_count;
    int32_t owners[STORE_SHARDS_MOST]; /* a slot, or STORE_NO_SLOT */
    uint32_t shards;
};

struct seat_place { /* what we hold, by our own books */
    int32_t slot;   /* STORE_NO_SLOT: none */
    int64_t epoch;
    struct shard_set owned;
    struct shard_set leaving; /* of these: to be given back */
    bool sat;                 /* has held a slot before, in this process */
    bool leaves;              /* wants to give everything back */
};

struct seat_rule {
    const char *me; /* instance.id */
    int64_t lease_ms;
    int64_t read_ms; /* when the last reading ended; 0: never */
    struct seat_seen {
        int64_t epoch, beat, since_ms;
        bool known, dead;
    } seen[STORE_SLOTS_MOST]; /* by slot number */
};

enum seat_do {
    SEAT_REST,
    SEAT_TAKE_OVER, /* recover slot, free it */
    SEAT_SIT,       /* claim slot for ourselves; NULL: a new one */
    SEAT_STAND_UP,  /* nothing is ours any more: free our slot */
    SEAT_ACQUIRE,   /* at most `most` of shards */
    SEAT_LEAVE      /* give shards back */
};

struct seat_step {
    enum seat_do what;
    const struct store_slot *slot; /* in the world */
    struct shard_set shards;
    size_t most;
};

/* How often to beat and to look. */
static inline int64_t seat_period_ms(int64_t lease_ms)
{
    return lease_ms / 8;
}

/* A reading of all slots that began and ended then (boot clock).  After a gap
 * in which we did not look (perhaps we were stopped) nobody is dead before we
 * have looked for a while. */
void seat_saw(struct seat_rule *r, const struct seat_world *w, int64_t began_ms,
              int64_t ended_ms);
bool seat_is_dead(const struct seat_rule *r, const struct store_slot *slot);
/* Our slot has another owner, or is gone. */
bool seat_is_lost(const struct seat_world *w, const struct seat_place *p);
/* Slots with a living owner, ours included. */
size_t seat_living(const struct seat_rule *r, const struct seat_world *w,
                   const struct seat_place *p);
/* What to do next. */
struct seat_step seat_next(const struct seat_rule *r,
                           const struct seat_world *w,
                           const struct seat_place *p);

#endif
