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

int wishes_meet(const struct wishes *x, struct window *w, struct wish *wish)
{
    struct hold *h = window_find(w, wish->job_id);
    struct change_work *work = calloc(1, sizeof(*work));
    bool idle;

    if (work != NULL && h == NULL) {
        h = window_claim(w, wish->job_id);
        idle = true;
    } else {
        idle = h != NULL && (h->state == HOLD_WAITING || h->state == HOLD_DUE);
    }
    if (work == NULL || h == NULL) {
        free(work);
        wish_free(&wish);
        return -ENOMEM;
    }
    list_init(&work->link);
    work->id = wish->job_id;
    work->wish = wish;
    list_push(&h->wishes, &work->link);
    if (idle) {
        window_grab(w, h);
        send_first(x, h);
    }
    return 0;
}

bool wishes_settled(const struct wishes *x, struct hold *h, bool again)
{
    if (list_empty(&h->wishes))
        return false;
    h->ended = !again;
    send_first(x, h);
    return true;
}

struct job *wishes_decided(const struct wishes *x, struct window *w,
                           struct change_work **pwork)
{
    struct hold *h = window_find(w, (*pwork)->id);
    struct job *job = (*pwork)->request.decide.job;

    (*pwork)->request.decide.job = NULL;
    change_work_free(pwork);
    if (h == NULL)
        return job; /* only a lost id could do that: let the window see */
    if (!list_empty(&h->wishes)) {
        if (job != NULL && job->id == h->id) {
            job_free(&job); /* about to change again */
            h->ended = false;
        }
        send_first(x, h);
        return job;
    }
    window_drop(w, &h);
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
