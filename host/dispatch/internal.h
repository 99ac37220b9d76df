/* SPDX-License-Identifier: Apache-2.0
 *
 * dispatch/internal.h - what dispatch.c, slot.c and worker.c share.
 */
#ifndef ONTIME_DISPATCH_INTERNAL_H
#define ONTIME_DISPATCH_INTERNAL_H

#include "dispatch/bucket.h"
#include "dispatch/dispatch.h"
#include "dispatch/policy.h"
#include "dispatch/queues.h"

#include <pthread.h>

#define BATCH_MOST 64 /* jobs a worker takes at a time */

/* One app; all under dispatch.mtx. */
struct slot {
    const struct app_name *name;       /* NULL: never seen */
    struct plugin_instance *instance;  /* NULL: not served; a reference */
    struct plugin_instance *former;    /* to be idle first; NULL: none; a reference */
    struct policy *policy;             /* a reference; NULL with instance */
    struct queues queues;
    struct bucket bucket;
    unsigned open;     /* attempts, and jobs in a worker's batch */
    unsigned inside;   /* workers with a batch of this app */
    bool serial;
    int64_t run_ns;    /* moving average of one execute */
    struct metric *m_lateness, *m_queue, *m_open;
};

struct worker {
    struct dispatch *d;
    struct list link;   /* in dispatch.workers, under dispatch.mtx */
    pthread_t thread;

    /* shared with the ticker, under mtx */
    pthread_mutex_t mtx;
    struct job *batch[BATCH_MOST]; /* [next, count): not yet begun */
    unsigned next, count;
    uint64_t token;     /* being executed; 0: none */
    int64_t since_ns;   /* when that began */
    bool lost;          /* hangs; replaced: ends when it comes back */

    /* the worker's own */
    struct slot *slot;
    struct plugin_instance *instance;
    struct policy *policy;
    struct list ended;  /* struct attempt.link, not yet handed on */
    size_t ended_count;
};

struct dispatch {
    struct dispatch_settings set; /* frozen */
    struct attempt_table *attempts;

    /* shared, under mtx */
    pthread_mutex_t mtx;
    pthread_cond_t work;     /* CLOCK_MONOTONIC */
    struct slot **slots;     /* by app_name.index; entries never move */
    size_t slot_count;
    size_t turn;             /* whose turn among the slots */
    struct list workers;
    unsigned worker_count, idle, hung;
    struct registry *registry;
    bool draining, stopping;

    pthread_t ticker;
    bool ticker_started;
};

/* ---- slot.c; all under dispatch.mtx ---------------------------------------- */

struct slot *slot_get(struct dispatch *d, const struct app_name *name); /* NULL: no memory */
/* NULL for an app never seen. */
struct slot *slot_find(const struct dispatch *d, const struct app_name *name);
/* How many jobs of the slot may be begun now; 0: none. *wake_ns is lowered to
 * when that may change by time alone. */
size_t slot_runnable(struct slot *s, int64_t now_ns, int64_t *wake_ns);
/* The next slot that has something to do, or NULL. */
struct slot *slot_next(struct dispatch *d, int64_t now_ns, int64_t *wake_ns,
                       size_t *ret_most);
/* The former instance is idle or given up: goes on.  True when that is news. */
bool slot_former_gone(struct slot *s);
void slot_free(struct slot **ps);

/* ---- worker.c ---------------------------------------------------------------- */

/* Under dispatch.mtx. */
int worker_start(struct dispatch *d, struct err *err);
/* Looks after one worker (under dispatch.mtx): takes its batch away when it
 * hangs.  Whether it is blocked inside a plugin for longer than patience_ns. */
bool worker_check(struct worker *w, int64_t now_ns, int64_t patience_ns);
void worker_free(struct worker **pw);
/* The attempt table's callback. */
void worker_ended(void *arg, struct attempt *a);

#endif
