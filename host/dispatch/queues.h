/* SPDX-License-Identifier: Apache-2.0
 *
 * dispatch/queues.h - one app's jobs that wait for a worker: two lanes, three
 * priorities each.  Pure; under dispatch's lock.
 *
 * Jobs that are on time go before overdue ones, but one pick in sixteen is an
 * overdue one when there are any.  Within a lane priorities are served by
 * weight, 16 : 4 : 1, so low is never starved.
 */
#ifndef ONTIME_DISPATCH_QUEUES_H
#define ONTIME_DISPATCH_QUEUES_H

#include "job/job.h"

#define QUEUE_LANES 2   /* on time, overdue */
#define QUEUE_MOST 4096 /* jobs in one queue; the rest waits upstream */

struct queue {
    struct list jobs; /* struct job.link */
    size_t count;
    bool full; /* was filled: somebody may have more for it */
};

struct queues {
    struct queue q[QUEUE_LANES][JOB_PRIORITIES];
    size_t count; /* over all */
    unsigned credit[QUEUE_LANES][JOB_PRIORITIES];
    unsigned turn;
};

void queues_init(struct queues *x);
size_t queues_room(const struct queues *x, unsigned lane, enum job_priority p);
void queues_add(struct queues *x, unsigned lane, enum job_priority p,
                struct list *jobs, size_t n);
/* Puts a job back to the front of its queue. */
void queues_return(struct queues *x, struct job *job);
struct job *queues_pick(struct queues *x); /* NULL: empty */
/* True once after a queue was full and half of it is free again. */
bool queues_room_again(struct queues *x);
/* Empties into *into; returns how many. */
size_t queues_drain(struct queues *x, struct list *into);

#endif
