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
    s->m_queue = metric_series("ontime_queue_depth", name->text);
    s->m_open = metric_series("ontime_attempts_open", name->text);
    d->slots[name->index] = s;
    return s;
}

size_t slot_runnable(struct slot *s, int64_t now_ns, int64_t *wake_ns)
{
    size_t n = s->queues.count;
    int64_t at;

    if (n == 0 || s->instance == NULL || s->former != NULL)
        return 0;
    if (s->serial && s->inside > 0)
        return 0;
    if (s->policy->concurrency > 0) {
        if (s->open >= s->policy->concurrency)
            return 0;
        if (n > s->policy->concurrency - s->open)
            n = s->policy->concurrency - s->open;
    }
    at = bucket_next_ns(&s->bucket, now_ns);
    if (at > now_ns) {
        if (at < *wake_ns)
            *wake_ns = at;
        return 0;
    }
    return n;
}

struct slot *slot_next(struct dispatch *d, int64_t now_ns, int64_t *wake_ns,
                       size_t *ret_most)
{
    for (size_t i = 0; i < d->slot_count; i++) {
        size_t at = (d->turn + i) % d->slot_count;
        struct slot *s = d->slots[at];
        size_t n = s == NULL ? 0 : slot_runnable(s, now_ns, wake_ns);

        if (n == 0)
            continue;
        d->turn = at + 1;
        *ret_most = n;
        return s;
    }
    return NULL;
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
