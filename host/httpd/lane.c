/* SPDX-License-Identifier: Apache-2.0
 *
 * httpd/lane.c - threads that do what may block; see lane.h.
 */
#include "config.h"

#include "httpd/lane.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/thread.h"

/* Moves up to l->take requests to *batch; false: stopped and empty. */
static bool take(struct lane *l, struct list *batch)
{
    struct list *e;

    pthread_mutex_lock(&l->mtx);
    while (list_empty(&l->queue) && !l->stop)
        pthread_cond_wait(&l->wake, &l->mtx);
    for (size_t n = 0; n < l->take && (e = list_pop(&l->queue)) != NULL; n++)
        list_push(batch, e);
    pthread_mutex_unlock(&l->mtx);
    return !list_empty(batch);
}

static void *run(void *arg)
{
    struct store_session *session = NULL;
    struct lane *l = arg;
    struct list batch;

    list_init(&batch);
    while (take(l, &batch))
        l->work(l, &batch, &session);
    store_session_close(&session);
    return NULL;
}

int lane_start(struct lane *l, const struct lane_settings *set, struct err *err)
{
    assert(set->threads <= LANE_THREADS);
    memset(l, 0, sizeof(*l));
    pthread_mutex_init(&l->mtx, NULL);
    pthread_cond_init(&l->wake, NULL);
    list_init(&l->queue);
    l->ready = true;
    l->name = set->name;
    l->take = set->take;
    l->work = set->work;
    l->answered = set->answered;
    while (l->threads < set->threads) {
        int r = thread_start(&l->thread[l->threads], set->name, run, l, err);

        if (r < 0) {
            lane_stop(l);
            lane_done(l);
            return r;
        }
        l->threads++;
    }
    return 0;
}

void lane_stop(struct lane *l)
{
    if (!l->ready)
        return;
    pthread_mutex_lock(&l->mtx);
    l->stop = true;
    pthread_cond_broadcast(&l->wake);
    pthread_mutex_unlock(&l->mtx);
    while (l->threads > 0)
        pthread_join(l->thread[--l->threads], NULL);
}

void lane_done(struct lane *l)
{
    if (!l->ready)
        return;
    assert(l->threads == 0 && list_empty(&l->queue));
    pthread_cond_destroy(&l->wake);
    pthread_mutex_destroy(&l->mtx);
    l->ready = false;
}

int lane_submit(struct lane *l, struct request *rq, int64_t now_ms)
{
    int r = 0;

    pthread_mutex_lock(&l->mtx);
    if (l->stop) {
        r = -EPIPE;
    } else if (!list_empty(&l->queue)) {
        const struct request *head =
            list_of(l->queue.next, struct request, link);

        if (now_ms - head->queued_ms > LANE_PATIENCE_MS)
            r = -EAGAIN;
    }
    if (r == 0) {
        rq->queued_ms = now_ms;
        list_push(&l->queue, &rq->link);
        pthread_cond_signal(&l->wake);
    }
    pthread_mutex_unlock(&l->mtx);
    return r;
}

void lane_run_each(struct lane *l, struct list *batch,
                   struct store_session **session)
{
    struct list *e;

    while ((e = list_pop(batch)) != NULL) {
        struct request *rq = list_of(e, struct request, link);

        rq->session = session;
        rq->route->run(rq);
        rq->session = NULL;
        l->answered(rq);
    }
}
