/* SPDX-License-Identifier: Apache-2.0
 *
 * dispatch/slot.c - one app's place in dispatch; see internal.h.  Everything
 * here is under dispatch's lock.
 */
#include "config.h"

#include "dispatch/internal.h"

#include "metrics/metrics.h"

#include <stdlib.h>

static int slots_grow(struct dispatch *d, size_t need)
{
    size_t n = d->slot_count == 0 ? 16 : d->slot_count;
    struct slot **s;

    while (n < need)
        n *= 2;
    s = realloc(d->slots, n * sizeof(struct slot *));
    if (s == NULL)
        return -1;
    for (size_t i = d->slot_count; i < n; i++)
        s[i] = NULL;
    d->slots = s;
    d->slot_count = n;
    return 0;
}

struct slot *slot_find(const struct dispatch *d, const struct app_name *name)
{
    return name->index < d->slot_count ? d->slots[name->index] : NULL;
}

struct slot *slot_get(struct dispatch *d, const struct app_name *name)
{
    struct slot *s = slot_find(d, name);

    if (s != NULL)
        return s;
    if (name->index >= d->slot_count && slots_grow(d, name->index + 1) < 0)
        return NULL;
    s = calloc(1, sizeof(*s));
    if (s == NULL)
        return NULL;
    s->name = name;
    queues_init(&s->queues);
    s->m_lateness = metric_series("ontime_lateness_seconds", name->text);
    s->m_execute = metric_series("ontime_execute_seconds", name->text);
    s->m_queue = metric_series("ontime_queue_depth", name->text);
    s->m_open = metric_series("ontime_attempts_open", name->text);
    d->slots[name->index] = s;
    return s;
}

static void sooner(int64_t *wake_ns, int64_t at_ns)
{
    if (at_ns < *wake_ns)
        *wake_ns = at_ns;
}

static bool may_run(const struct dispatch *d, const struct slot *s)
{
    unsigned most = s->serial ? 1 : d->app_most;

    return s->queues.count > 0 && s->instance != NULL && s->former == NULL &&
           s->inside < most && s->hung < HUNG_MOST;
}

size_t slot_runnable(const struct dispatch *d, const struct slot *s,
                     int64_t now_ns, int64_t *wake_ns)
{
    size_t n = s->queues.count;
    int64_t at;

    if (!may_run(d, s))
        return 0;
    if (s->policy->concurrency > 0) {
        if (s->open >= s->policy->concurrency)
            return 0;
        if (n > s->policy->concurrency - s->open)
            n = s->policy->concurrency - s->open;
    }
    at = bucket_next_ns(&s->bucket, now_ns);
    if (at < s->rest_ns)
        at = s->rest_ns;
    if (at > now_ns) {
        sooner(wake_ns, at);
        return 0;
    }
    return n;
}

struct slot *slot_next(const struct dispatch *d, int64_t now_ns,
                       int64_t *wake_ns, size_t *ret_most)
{
    for (size_t i = 0; i < d->slot_count; i++) {
        struct slot *s = d->slots[(d->turn + i) % d->slot_count];
        size_t n = s == NULL ? 0 : slot_runnable(d, s, now_ns, wake_ns);

        if (n > 0) {
            *ret_most = n;
            return s;
        }
    }
    return NULL;
}

void slot_put_back(struct dispatch *d, struct slot *s, struct list *jobs,
                   size_t n, struct list *gone)
{
    bool closed = s->instance == NULL && !atomic_load(&d->draining);

    s->open -= (unsigned)n;
    bucket_return(&s->bucket, n);
    if (closed)
        list_splice(gone, jobs);
    while (!list_empty(jobs)) { /* the last one first: each goes to the front */
        struct job *j = list_of(jobs->prev, struct job, link);

        list_remove(&j->link);
        queues_return(&s->queues, j);
    }
    if (d->idle > 0)
        pthread_cond_signal(&d->work);
}

bool slot_former_gone(struct slot *s)
{
    if (s == NULL || s->former == NULL)
        return false;
    if (!instance_idle(s->former) && !instance_zombie(s->former))
        return false;
    instance_unref(&s->former);
    return true;
}

void slot_free(struct slot **ps)
{
    struct slot *s = *ps;
    struct list jobs;

    *ps = NULL;
    if (s == NULL)
        return;
    list_init(&jobs);
    queues_drain(&s->queues, &jobs);
    for (struct list *e; (e = list_pop(&jobs)) != NULL;) {
        struct job *j = list_of(e, struct job, link);

        job_free(&j);
    }
    if (s->instance != NULL)
        instance_unref(&s->instance);
    if (s->former != NULL)
        instance_unref(&s->former);
    policy_unref(&s->policy);
    free(s);
}
