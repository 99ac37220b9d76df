/* SPDX-License-Identifier: Apache-2.0
 *
 * sched/window.c - the jobs in memory; see window.h.  Scheduler thread only.
 */
#include "config.h"

#include "sched/window.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

void range_widen(struct range *r, job_pos from, job_pos to)
{
    if (from >= to)
        return;
    if (r->from >= r->to) {
        *r = (struct range){from, to};
        return;
    }
    if (from < r->from)
        r->from = from;
    if (to > r->to)
        r->to = to;
}

int window_init(struct window *w, const struct window_settings *set,
                int64_t now_ms)
{
    *w = (struct window){.set = *set};
    for (size_t i = 0; i < STORE_SHARDS_MOST; i++)
        shard_add(&w->ours, (uint32_t)i);
    w->ours_count = STORE_SHARDS_MOST;
    w->wheel = wheel_new(now_ms);
    return w->wheel == NULL ? -ENOMEM : 0;
}

static void hold_free(struct hold *h)
{
    job_free(&h->job);
    free(h);
}

void window_done(struct window *w)
{
    size_t at = 0;

    for (struct hold *h; (h = idset_next(&w->ids, &at)) != NULL;)
        hold_free(h);
    idset_done(&w->ids);
    wheel_free(&w->wheel);
    free(w->apps);
    *w = (struct window){0};
}

/* ---- apps ---------------------------------------------------------------- */

static int apps_grow(struct window *w, size_t need)
{
    size_t n = w->app_count == 0 ? 16 : w->app_count;
    struct window_app *a;

    while (n < need)
        n *= 2;
    a = calloc(n, sizeof(*a));
    if (a == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < w->app_count; i++) {
        struct window_app *old = &w->apps[i];

        a[i] = *old;
        for (int l = 0; l < LANES && old->name != NULL; l++)
            for (int p = 0; p < JOB_PRIORITIES; p++) {
                list_init(&a[i].due[l][p]);
                list_splice(&a[i].due[l][p], &old->due[l][p]);
            }
    }
    free(w->apps);
    w->apps = a;
    w->app_count = n;
    return 0;
}

struct window_app *window_app(struct window *w, const struct app_name *name)
{
    struct window_app *a;

    if (name->index >= w->app_count && apps_grow(w, name->index + 1) < 0)
        return NULL;
    a = &w->apps[name->index];
    if (a->name == NULL) {
        a->name = name;
        for (int l = 0; l < LANES; l++)
            for (int p = 0; p < JOB_PRIORITIES; p++)
                list_init(&a->due[l][p]);
    }
    return a;
}

void window_serve(struct window *w, struct window_app *a, bool served)
{
    if (a->served == served)
        return;
    a->served = served;
    if (served)
        w->served_count++;
    else
        w->served_count--;
}

/* ---- holds ---------------------------------------------------------------- */

size_t window_room(const struct window *w)
{
    if (w->ids.used >= w->set.jobs || w->bytes >= w->set.bytes)
        return 0;
    return w->set.jobs - w->ids.used;
}

struct hold *window_find(const struct window *w, int64_t id)
{
    return idset_get(&w->ids, id);
}

struct hold *window_claim(struct window *w, int64_t id, uint32_t shard)
{
    struct hold *h = calloc(1, sizeof(*h));

    if (h == NULL)
        return NULL;
    timer_init(&h->timer);
    list_init(&h->wishes);
    h->id = id;
    h->shard = (uint16_t)shard;
    h->app = HOLD_NO_APP;
    h->state = HOLD_CHANGING;
    if (idset_add(&w->ids, id, h) < 0) {
        free(h);
        return NULL;
    }
    w->held_of[h->shard]++;
    return h;
}

static void count_bytes(struct window *w, struct hold *h, size_t bytes)
{
    w->bytes = w->bytes - h->bytes + bytes;
    h->bytes = (uint32_t)bytes;
}

static int64_t fires_at(const struct job *j)
{
    int64_t at = job_pos_ms(j->pos);

    return at > j->due_ms ? at : j->due_ms;
}

static void queue_due(struct window *w, struct hold *h, int64_t now_ms)
{
    struct window_app *a = &w->apps[h->app];
    struct job *j = h->job;

    j->overdue = now_ms - fires_at(j) > w->set.overdue_after_ms;
    h->state = HOLD_DUE;
    if (!j->overdue)
        w->on_time_ms = now_ms;
    list_push(&a->due[j->overdue ? LANE_OVERDUE : LANE_ON_TIME][j->priority],
              &j->link);
    a->due_count++;
    w->due_count++;
}

static void job_drop(struct job *job)
{
    job_free(&job);
}

static enum window_answer turn_away(struct window_app *a, struct job *job)
{
    range_widen(&a->missed, job->pos, job->pos + 1);
    job_drop(job);
    return WINDOW_FULL;
}

enum window_answer window_take(struct window *w, struct job *job,
                               int64_t now_ms)
{
    struct window_app *a;
    struct hold *h;

    if (window_find(w, job->id) != NULL) {
        job_drop(job);
        return WINDOW_KNOWN;
    }
    if (!shard_in(&w->ours, job->shard)) {
        job_drop(job);
        return WINDOW_PARKED;
    }
    a = window_app(w, job->app);
    if (a == NULL || !a->served) {
        w->parked++;
        job_drop(job);
        return WINDOW_PARKED;
    }
    if (window_room(w) == 0)
        return turn_away(a, job);
    h = window_claim(w, job->id, job->shard);
    if (h == NULL)
        return turn_away(a, job);
    h->app = a->name->index;
    a->held++;
    h->job = job;
    count_bytes(w, h, job_size(job));
    if (fires_at(job) <= now_ms) {
        queue_due(w, h, now_ms);
        h->was_overdue = job->overdue;
        a->overdue_held += job->overdue;
    } else {
        h->state = HOLD_WAITING;
        wheel_add(w->wheel, &h->timer, fires_at(job));
    }
    return WINDOW_TAKEN;
}

void window_grab(struct window *w, struct hold *h)
{
    if (h->state == HOLD_WAITING)
        wheel_remove(w->wheel, &h->timer);
    if (h->state == HOLD_DUE) {
        list_remove(&h->job->link);
        w->apps[h->app].due_count--;
        w->due_count--;
    }
    h->state = HOLD_CHANGING;
    job_free(&h->job);
}

void window_drop(struct window *w, struct hold **ph)
{
    struct hold *h = *ph;

    *ph = NULL;
    window_grab(w, h);
    count_bytes(w, h, 0);
    if (h->app != HOLD_NO_APP) {
        w->apps[h->app].held--;
        w->apps[h->app].overdue_held -= h->was_overdue;
    }
    w->held_of[h->shard]--;
    idset_remove(&w->ids, h->id);
    hold_free(h);
}

/* ---- what is due ---------------------------------------------------------- */

size_t window_expire(struct window *w, int64_t now_ms, size_t max)
{
    struct list due;
    size_t n;

    list_init(&due);
    n = wheel_expire(w->wheel, now_ms, max, &due);
    for (struct list *e; (e = list_pop(&due)) != NULL;)
        queue_due(w,
                  list_of(list_of(e, struct timer, link), struct hold, timer),
                  now_ms);
    return n;
}

/* Moves up to n jobs from the front of q to *out, as given away. */
static size_t take_front(struct window *w, struct list *q, size_t n,
                         struct list *out)
{
    size_t done = 0;

    for (struct list *e; done < n && (e = list_pop(q)) != NULL; done++) {
        struct job *j = list_of(e, struct job, link);
        struct hold *h = window_find(w, j->id);

        assert(h != NULL && h->job == j);
        j->tenure = w->tenure;
        h->job = NULL;
        h->state = HOLD_GIVEN;
        list_push(out, &j->link);
    }
    return done;
}

static size_t give_queue(struct window *w, struct window_app *a, int lane,
                         int prio, const struct window_taker *to)
{
    enum lane l = (enum lane)lane;
    enum job_priority p = (enum job_priority)prio;
    struct list out;
    size_t n;

    if (list_empty(&a->due[lane][prio]))
        return 0;
    list_init(&out);
    n = take_front(w, &a->due[lane][prio], to->room(to->arg, a->name, l, p),
                   &out);
    if (n > 0)
        to->give(to->arg, a->name, l, p, &out, n);
    a->due_count -= n;
    w->due_count -= n;
    return n;
}

size_t window_give(struct window *w, const struct window_taker *to)
{
    size_t n = 0;

    if (w->due_count == 0)
        return 0;
    for (size_t i = 0; i < w->app_count; i++) {
        struct window_app *a = &w->apps[i];

        for (int l = 0; l < LANES && a->due_count > 0; l++)
            for (int p = 0; p < JOB_PRIORITIES; p++)
                n += give_queue(w, a, l, p, to);
    }
    return n;
}

/* ---- shares ---------------------------------------------------------------- */

static size_t evict_queue(struct window *w, struct window_app *a,
                          struct list *q, size_t n)
{
    size_t done = 0;

    while (done < n && !list_empty(q)) {
        struct job *j = list_of(q->prev, struct job, link);
        struct hold *h = window_find(w, j->id);

        range_widen(&a->missed, j->pos, j->pos + 1);
        window_drop(w, &h);
        done++;
    }
    return done;
}

size_t window_evict(struct window *w)
{
    size_t share = w->set.jobs / 2, done = 0;

    if (w->served_count < 2)
        return 0; /* nobody else to make room for */
    for (size_t i = 0; i < w->app_count; i++) {
        struct window_app *a = &w->apps[i];
        size_t over =
            a->due_count > share ? a->due_count - share + share / 8 : 0;

        for (int l = LANES - 1; l >= 0 && over > 0; l--)
            for (int p = JOB_PRIORITIES - 1; p >= 0 && over > 0; p--) {
                size_t n = evict_queue(w, a, &a->due[l][p], over);

                over -= n;
                done += n;
            }
    }
    return done;
}

/* ---- letting go -------------------------------------------------------------- */

/* Drops what f() is true for.  Dropping moves the set's slots: anew after each
 * sweep that dropped some. */
static void drop_where(struct window *w,
                       bool (*f)(const struct hold *h, const void *arg),
                       const void *arg)
{
    bool again;

    do {
        size_t at = 0;

        again = false;
        for (struct hold *h; (h = idset_next(&w->ids, &at)) != NULL;) {
            if (!f(h, arg))
                continue;
            window_drop(w, &h);
            again = true;
        }
    } while (again);
}

static bool is_idle(const struct hold *h)
{
    return h->state == HOLD_WAITING || h->state == HOLD_DUE;
}

static bool is_idle_of_app(const struct hold *h, const void *arg)
{
    const struct window_app *a = arg;

    return h->app == a->name->index && is_idle(h);
}

void window_park(struct window *w, struct window_app *a)
{
    window_serve(w, a, false);
    a->backlog = a->missed = (struct range){0};
    drop_where(w, is_idle_of_app, a);
}

static bool is_idle_of_shards(const struct hold *h, const void *arg)
{
    return is_idle(h) && shard_in(arg, h->shard);
}

static void set_ours(struct window *w, const struct shard_set *shards, bool on)
{
    for (uint32_t i = 0; i < STORE_SHARDS_MOST; i++) {
        if (!shard_in(shards, i))
            continue;
        if (on)
            shard_add(&w->ours, i);
        else
            shard_remove(&w->ours, i);
    }
    w->ours_count = shard_count(&w->ours);
}

void window_gain(struct window *w, const struct shard_set *shards)
{
    set_ours(w, shards, true);
}

void window_leave(struct window *w, const struct shard_set *shards)
{
    set_ours(w, shards, false);
    drop_where(w, is_idle_of_shards, shards);
}

static bool is_any(const struct hold *h, const void *arg)
{
    (void)h;
    (void)arg;
    return true;
}

void window_clear(struct window *w, uint32_t tenure)
{
    drop_where(w, is_any, NULL);
    w->ours = (struct shard_set){{0}};
    w->ours_count = 0;
    w->tenure = tenure;
    for (size_t i = 0; i < w->app_count; i++)
        w->apps[i].backlog = w->apps[i].missed = (struct range){0};
}
