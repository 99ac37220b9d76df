/* SPDX-License-Identifier: Apache-2.0
 *
 * sched/plan.h - what to load next.  Pure; scheduler thread only.
 *
 * Two lanes of loading.  The main lane moves one cursor forward over all apps
 * and stays ahead of the clock.  When it falls behind (a start after a stop, a
 * burst larger than the window, a clock step) it does not crawl: it jumps to
 * now, and what it jumped over becomes every app's backlog, a range that the
 * backlog lane looks through, app by app, oldest first, as room allows.  So a
 * million overdue jobs do not stand in front of those that are on time, and an
 * app that does not get on does not stand in front of the others.
 *
 * Shards that have become ours are looked through up to the main lane's cursor
 * by a third lane, which loads from these shards only; what is overdue in them
 * is backlog like any other.
 */
#ifndef ONTIME_SCHED_PLAN_H
#define ONTIME_SCHED_PLAN_H

#include "sched/window.h"
#include "store/store.h"

enum plan_lane { PLAN_MAIN, PLAN_BACKLOG, PLAN_GAINED, PLAN_LANES };

struct gain { /* shards that are to be looked through */
    struct shard_set shards;
    struct range range;
};

struct plan {
    int64_t ahead_ms;
    job_pos cursor; /* the main lane has looked at everything <= cursor */
    job_pos seen;   /* the highest position that any load has looked at: changes
                           of jobs up to here are ours to decide */
    bool main_busy, backlog_busy, gained_busy; /* a load is under way */
    bool main_done; /* the main lane has reached its horizon at least once */
    size_t turn;    /* whose backlog is next */
    uint32_t backlog_app;  /* whose is being loaded */
    struct gain gain;      /* being looked through */
    struct gain gain_next; /* after that */
};

/* Fills q with the main lane's next load; false when there is nothing to do now. */
bool plan_main(struct plan *p, struct window *w, int64_t now_ms,
               struct load_request *q);
/* Likewise the backlog lane's. */
bool plan_backlog(struct plan *p, struct window *w, int64_t now_ms,
                  struct load_request *q);

/* Likewise the gained shards' lane's; q->shards points into the plan and has to
 * be copied before anything else is asked of it. */
bool plan_gained(struct plan *p, struct window *w, struct load_request *q);

/* What came back: takes the jobs in, moves the cursor or shortens the backlog. */
void plan_main_loaded(struct plan *p, struct window *w, struct load_result *r,
                      int64_t now_ms);
void plan_backlog_loaded(struct plan *p, struct window *w,
                         struct load_result *r, int64_t now_ms);

void plan_gained_loaded(struct plan *p, struct window *w, struct load_result *r,
                        int64_t now_ms);

/* These shards are ours now, and what is in them has not been looked at. */
void plan_gain(struct plan *p, struct window *w, const struct shard_set *shards,
               int64_t now_ms);
/* They are not to be ours any more. */
void plan_leave(struct plan *p, struct window *w,
                const struct shard_set *shards);
/* Nothing is ours any more (window_clear). */
void plan_clear(struct plan *p, struct window *w, uint32_t tenure);

/* When the main lane wants to load again, given that nothing else happens. */
int64_t plan_wake(const struct plan *p, const struct window *w, int64_t now_ms);

/* An app is served from now on: all of its jobs up to the cursor are to be found. */
void plan_serve(const struct plan *p, struct window_app *a);
/* Jobs somewhere in [from, to) were let go without a look at their apps. */
void plan_missed(struct window *w, job_pos from, job_pos to);
bool plan_has_backlog(const struct window *w);
/*
 * A job as the store has it now, told by the writer: taken in, or freed when a
 * load that is yet to come will find it.  A full window lets go of waiting jobs
 * that are later than this one, up to a quarter of it; the main lane comes by
 * again.
 */
void plan_take(struct plan *p, struct window *w, struct job *job,
               int64_t now_ms);

/* Within the plan: how much one load brings at most, a few ms of the writer's
 * time and the memory that is left; and it taken in. */
#define PLAN_LOAD_MOST 4096 /* jobs */
size_t plan_load_bytes(const struct window *w);
void plan_take_loaded(struct window *w, struct load_result *r, int64_t now_ms);
/* Lets go of up to a quarter of what waits, the latest, behind pos. */
void plan_shed(struct plan *p, struct window *w, job_pos pos);

#endif
