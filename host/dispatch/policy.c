/* SPDX-License-Identifier: Apache-2.0
 *
 * dispatch/policy.c - an app's rules for its attempts; see policy.h.  Pure but
 * for the reference count.
 */
#include "config.h"

#include "dispatch/policy.h"

#include <stdlib.h>
#include <string.h>

static void set_backoff(struct backoff *b, const struct conf_app *conf)
{
    *b = (struct backoff){
        .max_attempts = (uint32_t)conf->max_attempts,
        .first_ms = conf->backoff_first_ms,
        .factor = conf->backoff_factor,
        .cap_ms = conf->backoff_cap_ms,
        .jitter = conf->backoff_jitter,
        .table_len = conf->backoff_table_len,
    };
    if (b->table_len > BACKOFF_TABLE_MAX)
        b->table_len = BACKOFF_TABLE_MAX;
    memcpy(b->table_ms, conf->backoff_table_ms,
           b->table_len * sizeof(b->table_ms[0]));
}

struct policy *policy_new(const struct conf_app *conf, int64_t overdue_after_ms)
{
    struct policy *p = calloc(1, sizeof(*p));

    if (p == NULL)
        return NULL;
    atomic_init(&p->refs, 1);
    set_backoff(&p->backoff, conf);
    p->misfire = strcmp(conf->misfire, "skip") == 0          ? MISFIRE_SKIP
                 : strcmp(conf->misfire, "fire_within") == 0 ? MISFIRE_WITHIN
                                                             : MISFIRE_FIRE;
    p->late_ms =
        p->misfire == MISFIRE_WITHIN ? conf->misfire_ms : overdue_after_ms;
    p->timeout_ms = conf->timeout_ms;
    p->concurrency = (unsigned)conf->concurrency;
    p->rate = conf->rate;
    p->burst = (double)conf->burst;
    p->track_running = conf->track_running;
    if (conf->dead_letter_topic != NULL && conf->dead_letter_topic[0] != '\0')
        p->dead_letters = topic_name_s(conf->dead_letter_topic);
    return p;
}

struct policy *policy_ref(struct policy *p)
{
    atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
    return p;
}

void policy_unref(struct policy **pp)
{
    struct policy *p = *pp;

    *pp = NULL;
    if (p != NULL &&
        atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) == 1)
        free(p);
}

bool policy_skips(const struct policy *p, const struct job *job, int64_t now_ms)
{
    return p->misfire != MISFIRE_FIRE && job->attempt == 0 &&
           now_ms - job->due_ms > p->late_ms;
}

/* When the next attempt would be due, or -1. */
static int64_t again_at(const struct policy *p, const struct attempt *a)
{
    uint32_t ended = a->job->attempt + 1;
    int64_t delay = backoff_next_ms(&p->backoff, ended, a->retry_ms,
                                    (uint64_t)a->job->id * 31 + ended);

    return delay < 0 ? -1 : a->ended_ms + delay;
}

void policy_decide(const struct policy *p, struct attempt *a)
{
    struct attempt_decision *d = &a->decision;

    *d = (struct attempt_decision){.fate = ATTEMPT_DIES,
                                   .dead_letters = p->dead_letters,
                                   .exactly_once = p->exactly_once};
    if (a->ended_by == ATTEMPT_SKIPPED) {
        d->fate = ATTEMPT_SKIPS;
        return;
    }
    if (a->outcome == ONTIME_FAIL)
        return;
    d->again_ms = again_at(p, a);
    if (a->outcome == ONTIME_DONE)
        d->fate = ATTEMPT_SUCCEEDS;
    else if (d->again_ms >= 0 || a->ended_by == ATTEMPT_RELOAD)
        d->fate = ATTEMPT_AGAIN;
    if (d->fate == ATTEMPT_AGAIN && d->again_ms < 0)
        d->again_ms = a->ended_ms; /* our doing: nothing that a job dies of */
}
