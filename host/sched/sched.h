/* SPDX-License-Identifier: Apache-2.0
 *
 * sched/sched.h - decides what fires when: loads the window of jobs that are
 * due soon, arms the wheel, hands on what is due, and settles changes of jobs
 * that are in its hands.
 *
 * One thread.  It never waits for the store or for a plugin: loads and
 * decisions are requests to the store's writer, and what is due goes to a
 * function that takes as much as it has room for.  Everything that others tell
 * it is mail.  Losing a hint costs lateness, never a job: the store has them.
 *
 * The parts: window.h (what is in memory), plan.h (what to load next), wishes.h
 * (changes), all pure; sched.c is the thread around them.
 */
#ifndef ONTIME_SCHED_SCHED_H
#define ONTIME_SCHED_SCHED_H

#include "base/err.h"
#include "job/settled.h"
#include "sched/window.h"
#include "store/writer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sched;

struct sched_settings {
    struct window_settings window;
    int64_t ahead_ms; /* jobs due within this are loaded before they are due */
    struct writer *writer;
    /* Where due jobs go; must not block.  When room() said less than was
     * wanted, sched_room() tells that there is room again. */
    struct window_taker taker;
    /* Several instances share the store: no shard is ours until sched_gained,
     * and others leave wishes for us that nobody here tells of. */
    bool shared;
    /* Nothing of these shards (of sched_leaving) is in memory or under way any
     * more.  Scheduler's thread; must not block. */
    void (*left)(void *arg, const struct shard_set *shards);
    void *left_arg;
};

int sched_start(const struct sched_settings *set, struct sched **ret,
                struct err *err);
/* Stops firing at once; what was handed on may still be settled. */
void sched_pause(struct sched *s);
/* Ends the thread and forgets the window.  After writer_close (so that requests
 * of ours that are under way come back), before writer_stop, and after the last
 * sched_settled. */
void sched_stop(struct sched **ps);

/* ---- mail; any thread unless it says otherwise ----------------------------- */

/* The apps that are served from now on; the jobs of all others stay in the store. */
int sched_set_apps(struct sched *s, const struct app_name *const *apps,
                   size_t n);

/* Jobs that were just stored; they become the scheduler's (kept if due soon,
 * else freed).  Writer's thread only. */
void sched_offer(struct sched *s, struct list *jobs, size_t count);

/* Attempts that have ended and are finished in the store.  Takes the batch over
 * (free()d when read).  Writer's thread only: that keeps it behind the loads
 * that were done before it, or a job could come back after its end.  Jobs that
 * were given and not begun may be told from any thread, each with itself as
 * `again`: for them the store has changed nothing. */
void sched_settled(struct sched *s, struct settled_batch *batch);

void sched_wished(struct sched *s); /* there are new wishes in the store */
void sched_room(struct sched *s);   /* the taker has room again */

/* ---- shards; only when the store is shared --------------------------------- */

/* How far the scheduler has looked: what store_acquire() wants to know.
 * Writer's thread only. */
job_pos sched_loaded(const struct sched *s);
/* These shards have been acquired.  Writer's thread only, at once. */
void sched_gained(struct sched *s, const struct shard_set *shards);
/* They are to be given back: left() tells, one after the other, when nothing
 * of them is here any more.  Any thread. */
void sched_leaving(struct sched *s, const struct shard_set *shards);
/* The slot is lost: everything is dropped, nothing that was handed on will be
 * settled, and no shard is ours.  Writer's thread only, with the new tenure. */
void sched_fenced(struct sched *s, uint32_t tenure);

/* For status pages. */
struct sched_view {
    size_t held, capacity,
        held_bytes;          /* jobs in memory, their bound, their memory */
    int64_t loaded_until_ms; /* the main lane has looked this far */
    bool backlog;            /* overdue jobs are still to be loaded */
    bool started;            /* the first load has been done */
};
void sched_look(struct sched *s, struct sched_view *ret);

#endif
