/* SPDX-License-Identifier: Apache-2.0
 *
 * dispatch/internal.h - what dispatch.c, slot.c, ticker.c and worker.c share.
 *
 * Locks, in this order: dispatch.mtx, then a worker's mtx.  No callback of the
 * settings but room() is called with one of them held.
 */
#ifndef ONTIME_DISPATCH_INTERNAL_H
#define ONTIME_DISPATCH_INTERNAL_H

#include "dispatch/bucket.h"
#include "dispatch/dispatch.h"
#include "dispatch/policy.h"
#include "dispatch/queues.h"

#include <pthread.h>
#include <stdatomic.h>

#define BATCH_MOST 64 /* jobs a worker takes at a time */
#define HUNG_MOST 8   /* workers that one app may cost */

/* One app; all under dispatch.mtx. */
struct slot {
    const struct app_name *name;      /* NULL: never seen */
    struct plugin_instance *instance; /* NULL: not served; a reference */
    struct plugin_instance
        *former;           /* to be idle first; NULL: none; a reference */
    unsigned serving;      /* counts instances: which one a batch is of */
    struct policy *policy; /* a reference; NULL with instance */
    struct queues queues;
    struct bucket bucket;
    unsigned open;   /* attempts, and jobs in a worker's batch */
    unsigned inside; /* workers with a batch of instance */
    unsigned hung;   /* of them: given up */
    bool serial;
    int64_t rest_ns; /* nothing is begun before this: something was short */
    int64_t run_ns;  /* moving average of one execute */
    struct metric *m_lateness, *m_execute, *m_queue, *m_open;
};

struct worker {
    struct dispatch *d;
    struct list link; /* in dispatch.workers, under dispatch.mtx */
    pthread_t thread;

    /* shared with the ticker, under mtx */
    pthread_mutex_t mtx;
    struct job *batch[BATCH_MOST]; /* [next, count): not yet begun */
    unsigned next, count;
    uint64_t token;    /* being executed; 0: none */
    int64_t since_ns;  /* when that, or marking, began */
    bool marking;      /* waits for the store */
    bool lost;         /* hangs; replaced: ends when it comes back */
    struct list ended; /* struct attempt.link, not yet handed on */
    size_t ended_count;

    bool over; /* its thread has ended, to be joined; under dispatch.mtx */

    /* the worker's own */
    struct slot *slot;
    unsigned serving; /* slot.serving when the batch was taken */
    struct plugin_instance *instance;
    struct policy *policy;
};

struct dispatch {
    /* frozen */
    struct dispatch_settings set;
    struct attempt_table *attempts;
    unsigned
        app_most; /* workers that one app may have: the others need some too */

    /* shared, under mtx */
    pthread_mutex_t mtx;
    pthread_cond_t work; /* CLOCK_MONOTONIC */
    struct slot **slots; /* by app_name.index; entries never move */
    size_t slot_count;
    size_t turn; /* whose turn among the slots */
    struct list workers;
    unsigned worker_count, idle, hung;
    int64_t timer_ns; /* an idle worker waits for this time */
    struct registry *registry;
    bool stopping;

    /* shared: any thread.  Whoever is about to call out counts itself first
     * and then looks at draining; drain sets that and then waits for nobody to
     * be counted: so nobody calls out after it. */
    atomic_bool draining;
    atomic_uint
        underway; /* jobs begun and not yet handed on, and calls of returned */
    atomic_uint marking; /* calls of mark_running */

    pthread_t ticker;
    bool ticker_started;
};

/* ---- slot.c; all under dispatch.mtx ---------------------------------------- */

struct slot *slot_get(struct dispatch *d,
                      const struct app_name *name); /* NULL: no memory */
/* NULL for an app never seen. */
struct slot *slot_find(const struct dispatch *d, const struct app_name *name);
/* How many jobs of the slot may be begun now; 0: none. *wake_ns is lowered to
 * when that may change by time alone. */
size_t slot_runnable(const struct dispatch *d, const struct slot *s,
                     int64_t now_ns, int64_t *wake_ns);
/* The next slot that has something to do, or NULL. */
struct slot *slot_next(const struct dispatch *d, int64_t now_ns,
                       int64_t *wake_ns, size_t *ret_most);
/* Jobs that were taken out and not begun go back to the front, in their order;
 * those of an app that has gone to *gone. */
void slot_put_back(struct dispatch *d, struct slot *s, struct list *jobs,
                   size_t n, struct list *gone);
/* The former instance is idle or given up: goes on.  True when that is news. */
bool slot_former_gone(struct slot *s);
void slot_free(struct slot **ps);

/* ---- worker.c ---------------------------------------------------------------- */

/* Under dispatch.mtx. */
int worker_start(struct dispatch *d, struct err *err);
void worker_free(struct worker **pw);
/* The attempt table's callback. */
void worker_ended(void *arg, struct attempt *a);
/* Under the worker's lock: the rest of its batch; returns how many. */
size_t worker_take_rest(struct worker *w, struct list *jobs);
/* Hands ended attempts to whoever is next.  Not under a lock. */
void worker_hand_on(struct dispatch *d, struct list *ended, size_t n);

/* ---- ticker.c ------------------------------------------------------------------ */

int ticker_start(struct dispatch *d, struct err *err);
/* One look at all workers; not under a lock. */
void ticker_sweep(struct dispatch *d, int64_t patience_ns);
/* Jobs whose app has gone go back to where they came from.  Not under a lock. */
void ticker_give_back(struct dispatch *d, struct list *jobs);

#endif
