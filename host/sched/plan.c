/* SPDX-License-Identifier: Apache-2.0
 *
 * sched/plan.c - what to load next; see plan.h.  Scheduler thread only.
 */
#include "config.h"

#include "sched/plan.h"

#include <stdlib.h>

#define LOAD_BYTES (8u << 20)
#define DUE_MOST 16384   /* overdue jobs that nobody has taken yet */
#define BESIDE_MOST 8192 /* and all that are held, beside jobs on time */
#define BESIDE_MS 300    /* how long these count as coming */
#define VISIT_MOST 65536 /* rows a backlog load may look at */
#define SAMPLE 256       /* jobs asked for their time before some are let go */

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t less(size_t most, size_t used)
{
    return most > used ? most - used : 0;
}

static bool range_empty(const struct range *r)
{
    return r->from >= r->to;
}

static bool has_backlog(const struct window_app *a)
{
    return a->served && (!range_empty(&a->backlog) || !range_empty(&a->missed));
}

bool plan_has_backlog(const struct window *w)
{
    for (size_t i = 0; i < w->app_count; i++)
        if (has_backlog(&w->apps[i]))
            return true;
    return false;
}

void plan_serve(const struct plan *p, struct window_app *a)
{
    range_widen(&a->missed, 1, p->cursor + 1);
}

void plan_missed(struct window *w, job_pos from, job_pos to)
{
    for (size_t i = 0; i < w->app_count; i++)
        if (w->apps[i].served)
            range_widen(&w->apps[i].missed, from, to);
}

static size_t free_bytes(const struct window *w)
{
    return less(w->set.bytes, w->bytes);
}

/* What a load may bring; nothing while there is room for a few bytes only, or
 * most of what it brings would be turned away again. */
static size_t load_room(const struct window *w)
{
    return free_bytes(w) < w->set.bytes / 20 ? 0 : window_room(w);
}

size_t plan_load_bytes(const struct window *w)
{
    return smaller(LOAD_BYTES, free_bytes(w));
}

/* Room for either lane: some is left for jobs that are stored from now on and
 * are due soon, and for the other lane. */
static size_t lane_room(const struct window *w)
{
    return less(load_room(w), w->set.jobs / 8);
}

static size_t main_least(const struct window *w)
{
    return smaller(w->set.jobs / 20 + 1, PLAN_LOAD_MOST);
}

/* Behind by more than the overdue lane's limit: jump, see plan.h. */
static void catch_up(struct plan *p, struct window *w, int64_t now_ms)
{
    job_pos now_pos = job_pos_at(now_ms);

    if (job_pos_ms(p->cursor) >= now_ms - w->set.overdue_after_ms)
        return;
    plan_missed(w, p->cursor + 1, now_pos);
    p->cursor = now_pos - 1;
}

bool plan_main(struct plan *p, struct window *w, int64_t now_ms,
               struct load_request *q)
{
    if (p->main_busy || w->served_count == 0 || w->ours_count == 0)
        return false;
    catch_up(p, w, now_ms);
    if (p->main_done && job_pos_ms(p->cursor) >= now_ms + p->ahead_ms / 2)
        return false;
    if (lane_room(w) < main_least(w))
        return false;
    *q = (struct load_request){
        .after = p->cursor,
        .until = job_pos_at(now_ms + p->ahead_ms),
        .cap = smaller(lane_room(w), PLAN_LOAD_MOST),
        .bytes_cap = plan_load_bytes(w),
    };
    if (q->until <= q->after + 1)
        return false;
    p->main_busy = true;
    return true;
}

/* How many of a's backlog to load now, 0 for none: as many as may wait to be
 * taken, and as may be held in all.  (Most of those are done and wait for the
 * store: reading goes before that, so that what is due gets on.)  While there
 * are jobs on time it keeps small, so that these find all queues short. */
static size_t backlog_want(const struct window *w, const struct window_app *a,
                           int64_t now_ms)
{
    bool beside = now_ms - w->on_time_ms < BESIDE_MS;
    size_t apps = 0, due, held, want;

    if (!has_backlog(a))
        return 0;
    for (size_t i = 0; i < w->app_count; i++)
        apps += has_backlog(&w->apps[i]);
    due = smaller(DUE_MOST, w->set.jobs / 2) / apps + 64;
    held = w->set.jobs / 4 * 3;
    held = (beside ? smaller(held, BESIDE_MOST) : held) / apps + 64;
    want = smaller(less(due, a->due_count), less(held, a->overdue_held));
    if (want < smaller(due / 4, held / 16))
        return 0; /* rather more at a time */
    return smaller(smaller(want, lane_room(w)), PLAN_LOAD_MOST);
}

bool plan_backlog(struct plan *p, struct window *w, int64_t now_ms,
                  struct load_request *q)
{
    if (p->backlog_busy || w->ours_count == 0)
        return false;
    for (size_t i = 0; i < w->app_count; i++) {
        size_t at = (p->turn + i) % w->app_count;
        struct window_app *a = &w->apps[at];
        size_t want = backlog_want(w, a, now_ms);

        if (want == 0)
            continue;
        range_widen(&a->backlog, a->missed.from, a->missed.to);
        a->missed = (struct range){0};
        *q = (struct load_request){
            .after = a->backlog.from - 1,
            .until = a->backlog.to,
            .app = w->served_count > 1 || w->parked > 0 ? a->name : NULL,
            .cap = want,
            .bytes_cap = plan_load_bytes(w),
            .visit_cap = VISIT_MOST,
        };
        p->turn = at + 1;
        p->backlog_app = a->name->index;
        p->backlog_busy = true;
        return true;
    }
    return false;
}

void plan_take_loaded(struct window *w, struct load_result *r, int64_t now_ms)
{
    for (struct list *e; (e = list_pop(&r->jobs)) != NULL;)
        (void)window_take(w, list_of(e, struct job, link), now_ms);
}

static void note_seen(struct plan *p, const struct load_result *r)
{
    if (r->reached > p->seen)
        p->seen = r->reached;
}

void plan_main_loaded(struct plan *p, struct window *w, struct load_result *r,
                      int64_t now_ms)
{
    p->main_busy = false;
    note_seen(p, r);
    if (r->reached > p->cursor)
        p->cursor = r->reached;
    if (job_pos_ms(p->cursor) >= now_ms + p->ahead_ms / 2)
        p->main_done = true;
    plan_take_loaded(w, r, now_ms);
}

void plan_backlog_loaded(struct plan *p, struct window *w,
                         struct load_result *r, int64_t now_ms)
{
    struct range *b = &w->apps[p->backlog_app].backlog;

    p->backlog_busy = false;
    note_seen(p, r);
    if (r->reached >= b->from)
        b->from = r->reached + 1;
    plan_take_loaded(w, r, now_ms);
}

int64_t plan_wake(const struct plan *p, const struct window *w, int64_t now_ms)
{
    int64_t at = job_pos_ms(p->cursor) - p->ahead_ms / 2;

    if (p->main_busy || w->served_count == 0 || w->ours_count == 0)
        return INT64_MAX;
    if (at <= now_ms) /* wants to, but has no room: look again soon */
        return now_ms + w->set.overdue_after_ms / 2 + 1;
    return at;
}

/* ---- shedding ------------------------------------------------------------- */

static int by_pos(const void *pa, const void *pb)
{
    const job_pos *a = pa, *b = pb;

    return *a < *b ? -1 : *a > *b;
}

/* A position that about a quarter of the waiting jobs are behind, not before
 * `least`.  (The order of the set is as good as random.) */
static job_pos late_quarter(const struct window *w, job_pos least)
{
    job_pos some[SAMPLE];
    size_t n = 0, at = 0;

    for (struct hold *h; n < SAMPLE && (h = idset_next(&w->ids, &at)) != NULL;)
        if (h->state == HOLD_WAITING)
            some[n++] = h->job->pos;
    if (n == 0)
        return least;
    qsort(some, n, sizeof(some[0]), by_pos);
    return some[n * 3 / 4] > least ? some[n * 3 / 4] : least;
}

void plan_shed(struct plan *p, struct window *w, job_pos pos)
{
    job_pos limit = late_quarter(w, pos);
    struct hold **late;
    size_t n = 0, at = 0;

    if (p->main_busy || limit >= p->cursor)
        return; /* what is under way would be skipped; or nothing is later */
    late = calloc(w->ids.used, sizeof(*late));
    if (late == NULL)
        return;
    for (struct hold *h; (h = idset_next(&w->ids, &at)) != NULL;)
        if (h->state == HOLD_WAITING && h->job->pos > limit)
            late[n++] = h;
    for (size_t i = 0; i < n; i++)
        window_drop(w, &late[i]);
    if (n > 0)
        p->cursor = limit;
    free(late);
}

void plan_take(struct plan *p, struct window *w, struct job *job,
               int64_t now_ms)
{
    if (job->pos > p->cursor || job->pos > p->seen) {
        job_free(&job);
        return;
    }
    if (window_room(w) == 0 && window_find(w, job->id) == NULL)
        plan_shed(p, w, job->pos);
    (void)window_take(w, job, now_ms);
}
