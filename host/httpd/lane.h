/* SPDX-License-Identifier: Apache-2.0
 *
 * httpd/lane.h - threads that do what may block, so that the listeners' never
 * do: health and metrics answer while the store is away.
 *
 * A lane is a queue and a few threads.  Its length is bounded by the number of
 * connections: a suspended connection asks for one thing at a time.
 */
#ifndef ONTIME_HTTPD_LANE_H
#define ONTIME_HTTPD_LANE_H

#include "httpd/request.h"

#include <pthread.h>

#define LANE_THREADS 4
/* When the oldest has waited so long, new ones are refused. */
#define LANE_PATIENCE_MS 5000

struct lane {
    /* shared, under mtx */
    pthread_mutex_t mtx;
    pthread_cond_t wake;
    struct list queue;
    bool stop;

    /* set before the threads start */
    const char *name;
    size_t take; /* at most so many at once */
    /* Answers all in *batch and hands each to `answered`, on the lane's thread.
     * *session is the thread's: see request_session(). */
    void (*work)(struct lane *l, struct list *batch,
                 struct store_session **session);
    void (*answered)(struct request *rq); /* the lane does not touch it after */
    pthread_t thread[LANE_THREADS];
    unsigned threads;
    bool ready;
};

struct lane_settings {
    const char *name;
    unsigned threads;
    size_t take;
    void (*work)(struct lane *l, struct list *batch,
                 struct store_session **session);
    void (*answered)(struct request *rq);
};

int lane_start(struct lane *l, const struct lane_settings *set,
               struct err *err);
/* Does what is queued, then ends the threads; lane_submit() then refuses.  A
 * zeroed lane is fine, twice too. */
void lane_stop(struct lane *l);
/* After that, when nobody can submit any more. */
void lane_done(struct lane *l);

/* 0: it is the lane's now.  -EAGAIN: too much is waiting; -EPIPE: stopping;
 * then the request is the caller's. */
int lane_submit(struct lane *l, struct request *rq, int64_t now_ms);

/* The ordinary work: each request's route, one after the other. */
void lane_run_each(struct lane *l, struct list *batch,
                   struct store_session **session);

#endif
