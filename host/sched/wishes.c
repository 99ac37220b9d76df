/* SPDX-License-Identifier: Apache-2.0
 *
 * sched/wishes.c - changes of jobs that are in memory; see wishes.h.
 */
#include "config.h"

#include "sched/wishes.h"

#include <errno.h>
#include <stdlib.h>

void change_work_free(struct change_work **pwork)
{
    struct change_work *work = *pwork;

    *pwork = NULL;
    if (work == NULL)
        return;
    wish_free(&work->wish);
    job_free(&work->request.decide.job);
    free(work);
}

/* The verdict on a wish for a job that is not with a worker. */
static enum verdict verdict_on(const struct hold *h, const struct wish *wish)
{
    if (!h->ended || wish->kind == CHANGE_REPLACE || wish->kind == CHANGE_LOAD)
        return VERDICT_OK;
    return VERDICT_LATE;
}

static void send_first(const struct wishes *x, struct hold *h)
{
    struct change_work *work =
        list_of(list_pop(&h->wishes), struct change_work, link);

    h->state = HOLD_CHANGING;
    x->send(x->arg, work, verdict_on(h, work->wish));
}

static bool is_idle(const struct hold *h)
{
    return h->state == HOLD_WAITING || h->state == HOLD_DUE;
}

/* -ENOMEM: the work is still the caller's. */
static int meet(const struct wishes *x, struct window *w,
                struct change_work *work)
{
    struct hold *h = window_find(w, work->id);
    bool idle = h == NULL || is_idle(h);

    if (h == NULL)
        h = window_claim(w, work->id, work->wish->shard);
    if (h == NULL)
        return -ENOMEM;
    list_push(&h->wishes, &work->link);
    if (idle) {
        window_grab(w, h);
        send_first(x, h);
    }
    return 0;
}

int wishes_meet(const struct wishes *x, struct window *w, struct wish *wish)
{
    struct change_work *work = calloc(1, sizeof(*work));
    int r;

    if (work == NULL) {
        wish_free(&wish);
        return -ENOMEM;
    }
    list_init(&work->link);
    work->id = wish->job_id;
    work->wish = wish;
    r = meet(x, w, work);
    if (r < 0)
        change_work_free(&work);
    return r;
}

bool wishes_settled(const struct wishes *x, struct hold *h, bool again)
{
    if (list_empty(&h->wishes))
        return false;
    h->ended = !again;
    send_first(x, h);
    return true;
}

/* What was wished for a job that has been replaced by a new one is meant for
 * that one. */
static void follow(const struct wishes *x, struct window *w,
                   struct list *wishes, int64_t id)
{
    for (struct list *e; (e = list_pop(wishes)) != NULL;) {
        struct change_work *work = list_of(e, struct change_work, link);

        work->id = work->wish->job_id = id;
        if (meet(x, w, work) < 0)
            change_work_free(&work); /* undecided until the next start */
    }
}

struct job *wishes_decided(const struct wishes *x, struct window *w,
                           struct change_work **pwork)
{
    struct hold *h = window_find(w, (*pwork)->id);
    struct job *job = (*pwork)->request.decide.job;
    struct list others;

    (*pwork)->request.decide.job = NULL;
    change_work_free(pwork);
    if (h == NULL)
        return job; /* only a lost id could do that: let the window see */
    list_init(&others);
    if (job != NULL && job->id != h->id)
        list_splice(&others, &h->wishes);
    if (!list_empty(&h->wishes)) {
        h->ended = h->ended && job == NULL;
        job_free(&job); /* about to change again */
        send_first(x, h);
        return NULL;
    }
    window_drop(w, &h);
    if (job != NULL)
        follow(x, w, &others, job->id);
    return job;
}

void wishes_forget(struct window *w)
{
    size_t at = 0;

    for (struct hold *h; (h = idset_next(&w->ids, &at)) != NULL;)
        for (struct list *e; (e = list_pop(&h->wishes)) != NULL;) {
            struct change_work *work = list_of(e, struct change_work, link);

            change_work_free(&work);
        }
}
