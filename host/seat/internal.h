/* SPDX-License-Identifier: Apache-2.0
 *
 * seat/internal.h - what seat.c, beat.c, hand.c and steps.c share.
 */
#ifndef ONTIME_SEAT_INTERNAL_H
#define ONTIME_SEAT_INTERNAL_H

#include "base/log.h"
#include "metrics/metrics.h"
#include "seat/seat.h"

#include <pthread.h>
#include <stdatomic.h>

struct beat { /* a slot that is kept alive */
    int32_t slot;
    int64_t epoch;
};

struct seat {
    /* frozen */
    struct seat_settings set;
    int64_t period_ms;
    pthread_t beater, hand;
    bool beater_started, hand_started;
    struct metric *m_lost, *m_takeovers, *m_owned, *m_age;

    /* any thread */
    _Atomic(int64_t) sure_until_ms; /* boot clock; we may fire before this */
    _Atomic(int64_t) beat_ms;       /* the last good beat began; 0: none */
    _Atomic(uint64_t) leaving[STORE_SHARDS_MOST / 64];
    atomic_bool leaves; /* everything is to be given back */
    atomic_bool skewed;

    /* shared, under mtx */
    pthread_mutex_t mtx;
    pthread_cond_t wake; /* CLOCK_MONOTONIC; both threads and seat_vacate */
    struct seat_world world;
    struct seat_place place;
    struct seat_rule rule;  /* the hand's; others read dead[] under mtx */
    struct shard_set left;  /* told by seat_left, not yet released */
    struct beat recovering; /* slot STORE_NO_SLOT: none */
    int64_t skew_ms;
    bool hint; /* the hand is to look now */
    bool retiring, vacate, vacated, stop;

    /* the beater's own */
    struct store_session *beat_session;
    struct log_complaint beat_story;

    /* the hand's own */
    struct store_session *eyes;
    struct log_complaint story;
    int64_t clock_at_ms; /* when to look at the store's clock */
};

/* beat.c, hand.c: the threads */
void *seat_beat_run(void *arg);
void *seat_hand_run(void *arg);
/* Waits for the time or a hint; false: stop. */
bool seat_nap(struct seat *s, int64_t ms, bool for_hint);

/* steps.c; hand's thread.  They log what goes wrong. */
void seat_fall(struct seat *s); /* our slot is lost */
int seat_sit(struct seat *s, const struct seat_step *step);
int seat_stand_up(struct seat *s);
int seat_acquire(struct seat *s, const struct seat_step *step);
void seat_leave(struct seat *s, const struct shard_set *shards);
int seat_release(struct seat *s, const struct shard_set *shards);
/* takeover.c */
int seat_take_over(struct seat *s, const struct store_slot *slot);

#endif
