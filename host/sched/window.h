/* SPDX-License-Identifier: Apache-2.0
 *
 * sched/window.h - the jobs in memory: waiting in the wheel, due and queued per
 * app, or given away and not yet settled.  Pure; one thread.
 *
 * An id that is held is never taken a second time: that is what makes it
 * harmless to read a range of the store twice.
 *
 * Only jobs of shards that are ours are taken.  A shard that is to be given
 * back is no longer ours from the first moment: what waits is let go, what was
 * given away stays held until it is settled.
 */
#ifndef ONTIME_SCHED_WINDOW_H
#define ONTIME_SCHED_WINDOW_H

#include "base/idset.h"
#include "job/job.h"
#include "store/slots.h"
#include "wheel/wheel.h"

#include <stdbool.h>

enum lane { LANE_ON_TIME, LANE_OVERDUE, LANES };

struct window_settings {
    size_t jobs;              /* how many may be held */
    size_t bytes;             /* and how much memory they may take */
    int64_t overdue_after_ms; /* later than this: the overdue lane */
};

/* Where due jobs go: one queue per app, lane and priority. */
struct window_taker {
    /* How many jobs it has room for now; only give() makes that less. */
    size_t (*room)(void *arg, const struct app_name *app, enum lane lane,
                   enum job_priority priority);
    /* Takes all n of them over. */
    void (*give)(void *arg, const struct app_name *app, enum lane lane,
                 enum job_priority priority, struct list *jobs, size_t n);
    void *arg;
};

/* A range of the store that has to be looked through again for one app. */
struct range {
    job_pos from, to; /* [from, to); from >= to: nothing */
};
void range_widen(struct range *r, job_pos from, job_pos to);

struct window_app {
    const struct app_name *name; /* NULL: never seen */
    bool served;
    size_t held;         /* in any state */
    size_t due_count;    /* in due[][] */
    size_t overdue_held; /* taken when already overdue, in any state */
    struct list due[LANES][JOB_PRIORITIES]; /* struct job.link */
    struct range backlog; /* being looked through; only the plan shortens it */
    struct range missed;  /* what has to be added to it */
};

enum hold_state { HOLD_WAITING, HOLD_DUE, HOLD_GIVEN, HOLD_CHANGING };

struct hold { /* one id in the window */
    struct timer timer;
    struct job *job; /* NULL once given away or while changing */
    int64_t id;
    uint32_t app; /* index, or HOLD_NO_APP */
    uint32_t bytes;
    uint16_t shard;
    uint8_t state;
    bool was_overdue;
    bool ended; /* settled without another attempt; only wishes keep it */
    struct list
        wishes; /* struct change_work.link, oldest first; see wishes.h */
};
#define HOLD_NO_APP UINT32_MAX

struct window {
    struct window_settings set;
    struct wheel *wheel;
    struct idset ids; /* id -> struct hold */
    size_t bytes;
    size_t due_count;   /* over all apps */
    int64_t on_time_ms; /* when a job last became due and was not overdue */
    struct window_app *apps; /* by app_name.index */
    size_t app_count;
    size_t served_count;
    int64_t parked; /* jobs turned away because their app is not served */
    struct shard_set ours; /* all, until told otherwise */
    size_t ours_count;
    uint32_t held_of[STORE_SHARDS_MOST]; /* by shard, in any state */
    uint32_t tenure; /* what is given away is marked with it */
};

int window_init(struct window *w, const struct window_settings *set,
                int64_t now_ms);
void window_done(struct window *w); /* frees the jobs inside */

struct window_app *window_app(
    struct window *w, const struct app_name *name); /* NULL: no memory */
void window_serve(struct window *w, struct window_app *a, bool served);
/* Not served any more: what waits or is due is let go, it stays in the store. */
void window_park(struct window *w, struct window_app *a);

size_t window_room(
    const struct window *w); /* how many more jobs may be taken */

/* These shards are ours now. */
void window_gain(struct window *w, const struct shard_set *shards);
/* They are to be ours no longer: what waits or is due is let go. */
void window_leave(struct window *w, const struct shard_set *shards);
/* Nothing is held any more, no shard is ours, a new tenure begins.  Wishes that
 * hang on ids are the caller's. */
void window_clear(struct window *w, uint32_t tenure);

enum window_answer { WINDOW_TAKEN, WINDOW_KNOWN, WINDOW_PARKED, WINDOW_FULL };
/* Takes a job over.  KNOWN and PARKED (nobody serves its app, or its shard is
 * not ours): it was freed.  FULL: it was freed, and
 * its app's missed range now covers it. */
enum window_answer window_take(struct window *w, struct job *job,
                               int64_t now_ms);

/* Moves what is due to the apps' queues, at most max; returns how many. */
size_t window_expire(struct window *w, int64_t now_ms, size_t max);
/* Offers what is due; returns how many were given. */
size_t window_give(struct window *w, const struct window_taker *to);
/* Frees jobs of apps that hold more than their share of due ones; they go back to
 * the backlog. */
size_t window_evict(struct window *w);

struct hold *window_find(const struct window *w, int64_t id);
/* The id is no longer held.  Wishes that hang on it are the caller's. */
void window_drop(struct window *w, struct hold **ph);
/* Takes the job out of wheel or queue; the id stays held, CHANGING. */
void window_grab(struct window *w, struct hold *h);
/* Holds an id without a job, CHANGING.  NULL: no memory. */
struct hold *window_claim(struct window *w, int64_t id, uint32_t shard);

#endif
