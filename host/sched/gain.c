/* SPDX-License-Identifier: Apache-2.0
 *
 * sched/gain.c - shards that come and go; see plan.h.  Scheduler thread only.
 */
#include "config.h"

#include "sched/plan.h"

#define GAIN_LEAST 64

static bool is_empty(const struct gain *g)
{
    return g->range.from >= g->range.to || shard_count(&g->shards) == 0;
}

void plan_gain(struct plan *p, struct window *w, const struct shard_set *shards,
               int64_t now_ms)
{
    job_pos soon = job_pos_at(now_ms - w->set.overdue_after_ms);

    window_gain(w, shards);
    if (soon > p->cursor + 1)
        soon = p->cursor + 1;
    plan_missed(w, 1, soon);
    shard_join(&p->gain_next.shards, shards);
    range_widen(&p->gain_next.range, soon, p->cursor + 1);
}

void plan_leave(struct plan *p, struct window *w,
                const struct shard_set *shards)
{
    window_leave(w, shards);
    shard_part(&p->gain.shards, shards);
    shard_part(&p->gain_next.shards, shards);
}

void plan_clear(struct plan *p, struct window *w, uint32_t tenure)
{
    window_clear(w, tenure);
    p->gain = p->gain_next = (struct gain){0};
}

bool plan_gained(struct plan *p, struct window *w, struct load_request *q)
{
    size_t room, bytes;

    if (p->gained_busy || w->served_count == 0)
        return false;
    if (is_empty(&p->gain)) {
        p->gain = p->gain_next;
        p->gain_next = (struct gain){0};
    }
    if (is_empty(&p->gain))
        return false;
    room = window_room(w);
    bytes = plan_load_bytes(w);
    if (room < GAIN_LEAST && room < w->set.jobs / 8) {
        plan_shed(p, w, p->gain.range.from);
        room = window_room(w);
    }
    if (room == 0)
        return false;
    *q = (struct load_request){
        .shards = &p->gain.shards,
        .after = p->gain.range.from - 1,
        .until = p->gain.range.to,
        .cap = room < PLAN_LOAD_MOST ? room : PLAN_LOAD_MOST,
        .bytes_cap = bytes,
    };
    p->gained_busy = true;
    return true;
}

void plan_gained_loaded(struct plan *p, struct window *w, struct load_result *r,
                        int64_t now_ms)
{
    p->gained_busy = false;
    plan_take_loaded(w, r, now_ms); /* not `seen`: that is for all shards */
    if (r->reached >= p->gain.range.from)
        p->gain.range.from = r->reached + 1;
}
