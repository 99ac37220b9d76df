/* SPDX-License-Identifier: Apache-2.0
 *
 * dispatch/dispatch.h - runs attempts: queues per app, workers, limits,
 * time-outs, retry decisions.
 *
 * Workers take small batches of one app's jobs, call the plugin, decide what
 * becomes of each job and hand the ended attempts on.  A plugin that blocks
 * gets more workers (up to max_workers) so that others go on; one that hangs
 * past its time-out costs its worker, which is replaced (a few times for each
 * app), and its jobs are tried again.
 */
#ifndef ONTIME_DISPATCH_DISPATCH_H
#define ONTIME_DISPATCH_DISPATCH_H

#include "base/err.h"
#include "job/job.h"
#include "plug/attempt.h"
#include "plug/registry.h"

#include <stdbool.h>

struct dispatch;

/* Whether a job that has been given may be run now. */
enum permit {
    PERMIT_RUN,
    PERMIT_WAIT,   /* not now: it is asked for again a little later */
    PERMIT_RETURN, /* not by us: it is given to returned() */
    PERMIT_DROP    /* nor is anybody to be told: it is freed */
};

struct dispatch_settings {
    unsigned workers; /* 0: one per CPU */
    unsigned
        max_workers; /* one app has at most max_workers - workers of them, or workers */
    uint32_t
        attempts; /* how many may exist at once, ended ones on their way included */
    int64_t overdue_after_ms;
    const char *store_id; /* for idempotency keys */
    bool transactions;    /* else all apps are delivered at_least_once */
    /* Ended attempts with their decisions; they are the receiver's. */
    void (*ended)(void *arg, struct list *attempts, size_t n);
    /* Jobs that will not be run here any more (their app is gone). */
    void (*returned)(void *arg, struct list *jobs, size_t n);
    /* Marks jobs RUNNING in the store before they are run; blocks. */
    int (*mark_running)(void *arg, struct job **jobs, size_t n,
                        struct err *err);
    /* Asked right before each job is run; NULL: always.  Must not block. */
    enum permit (*permit)(void *arg, const struct job *j);
    void (*room)(
        void *arg); /* there is room again; under our lock: must not block or
                                call back */
    void *arg;
};

int dispatch_start(const struct dispatch_settings *set, struct dispatch **ret,
                   struct err *err);
/* Takes no more jobs to run; waits until open attempts have ended.  At the
 * deadline those that are left are cut off: they are not handed on, the store
 * has their jobs as if there had been a crash.  Jobs still queued are freed by
 * dispatch_stop.  After this none of the settings' functions is called, except
 * that a mark_running that is under way may still come back. */
void dispatch_drain(struct dispatch *d, int64_t deadline_boot_ms);
/* After dispatch_drain: ends the threads.  False when a worker hangs inside a
 * plugin: then it and what it uses, all of dispatch, has to stay. */
bool dispatch_join(struct dispatch *d);
/* As dispatch_join, and frees: after all ended attempts were freed, and after
 * the plugins were closed (their threads may use the attempt table until then).
 * False, with nothing freed, when a worker hangs. */
bool dispatch_stop(struct dispatch **pd);

struct attempt_table *dispatch_attempts(struct dispatch *d);

/* Serves these apps from now on (a reference is taken).  An instance that is not
 * served any more is retired; its app's next one waits until it is idle or
 * abandoned.  The queued jobs of apps that are gone are given to returned().
 * -ENOMEM: nothing has changed. */
int dispatch_set_registry(struct dispatch *d, struct registry *r);

/* The scheduler's side: see sched's struct window_taker. */
size_t dispatch_room(struct dispatch *d, const struct app_name *app,
                     unsigned lane, enum job_priority priority);
void dispatch_give(struct dispatch *d, const struct app_name *app,
                   unsigned lane, enum job_priority priority, struct list *jobs,
                   size_t n);

struct dispatch_view { /* of one app */
    size_t queued;
    unsigned open, inside;
    bool waiting; /* for its former instance */
};
void dispatch_look(struct dispatch *d, const struct app_name *app,
                   struct dispatch_view *ret);
unsigned dispatch_workers(struct dispatch *d, unsigned *ret_hung);

#endif
