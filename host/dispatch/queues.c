/* SPDX-License-Identifier: Apache-2.0
 *
 * dispatch/queues.c - one app's waiting jobs; see queues.h.  Under dispatch's
 * lock.
 */
#include "config.h"

#include "dispatch/queues.h"

#include <assert.h>

#define OVERDUE_EVERY 16 /* this many picks, one goes to the overdue lane */

static const unsigned weights[JOB_PRIORITIES] = {16, 4, 1};

void queues_init(struct queues *x)
{
    *x = (struct queues){0};
    for (unsigned l = 0; l < QUEUE_LANES; l++)
        for (unsigned p = 0; p < JOB_PRIORITIES; p++)
            list_init(&x->q[l][p].jobs);
}

size_t queues_room(const struct queues *x, unsigned lane, enum job_priority p)
{
    size_t used = x->q[lane][p].count;

    return used < QUEUE_MOST ? QUEUE_MOST - used : 0;
}

void queues_add(struct queues *x, unsigned lane, enum job_priority p,
                struct list *jobs, size_t n)
{
    list_splice(&x->q[lane][p].jobs, jobs);
    x->q[lane][p].count += n;
    x->count += n;
    if (x->q[lane][p].count >= QUEUE_MOST)
        x->q[lane][p].full = true;
}

void queues_return(struct queues *x, struct job *job)
{
    struct queue *q = &x->q[job->overdue][job->priority];

    list_push(q->jobs.next, &job->link); /* before the first: at the front */
    q->count++;
    x->count++;
}

static struct job *take(struct queues *x, struct queue *q)
{
    struct list *e = list_pop(&q->jobs);

    assert(e != NULL && q->count > 0);
    q->count--;
    x->count--;
    return list_of(e, struct job, link);
}

static bool lane_empty(const struct queues *x, unsigned lane)
{
    for (unsigned p = 0; p < JOB_PRIORITIES; p++)
        if (x->q[lane][p].count > 0)
            return false;
    return true;
}

static struct job *pick_lane(struct queues *x, unsigned lane)
{
    for (;;) { /* the second time round there is credit */
        for (unsigned p = 0; p < JOB_PRIORITIES; p++)
            if (x->q[lane][p].count > 0 && x->credit[lane][p] > 0) {
                x->credit[lane][p]--;
                return take(x, &x->q[lane][p]);
            }
        for (unsigned p = 0; p < JOB_PRIORITIES; p++)
            x->credit[lane][p] = weights[p];
    }
}

struct job *queues_pick(struct queues *x)
{
    bool overdue_turn = ++x->turn % OVERDUE_EVERY == 0;

    if (x->count == 0)
        return NULL;
    if (!lane_empty(x, 0) && (!overdue_turn || lane_empty(x, 1)))
        return pick_lane(x, 0);
    return pick_lane(x, 1);
}

bool queues_room_again(struct queues *x)
{
    bool again = false;

    for (unsigned l = 0; l < QUEUE_LANES; l++)
        for (unsigned p = 0; p < JOB_PRIORITIES; p++) {
            struct queue *q = &x->q[l][p];

            if (!q->full || q->count > QUEUE_MOST / 2)
                continue;
            q->full = false;
            again = true;
        }
    return again;
}

size_t queues_drain(struct queues *x, struct list *into)
{
    size_t n = x->count;

    for (unsigned l = 0; l < QUEUE_LANES; l++)
        for (unsigned p = 0; p < JOB_PRIORITIES; p++) {
            list_splice(into, &x->q[l][p].jobs);
            x->q[l][p].count = 0;
        }
    x->count = 0;
    return n;
}
