/* SPDX-License-Identifier: Apache-2.0
 *
 * seat/rule.c - what an instance does about slots and shards; see rule.h.
 */
#include "config.h"

#include "seat/rule.h"

#include <string.h>

/* ---- who is dead ------------------------------------------------------------- */

static void saw_slot(struct seat_rule *r, const struct store_slot *slot,
                     int64_t began_ms, int64_t ended_ms, bool gap)
{
    struct seat_seen *s = &r->seen[slot->slot];

    if (!s->known || gap || s->epoch != slot->epoch || s->beat != slot->beat) {
        *s = (struct seat_seen){slot->epoch, slot->beat, ended_ms, true, false};
        return;
    }
    s->dead = slot->owned && began_ms - s->since_ms >= r->lease_ms / 4 * 3;
}

void seat_saw(struct seat_rule *r, const struct seat_world *w, int64_t began_ms,
              int64_t ended_ms)
{
    bool gap = began_ms - r->read_ms > r->lease_ms / 2;

    for (size_t i = 0; i < w->slot_count; i++) {
        const struct store_slot *slot = &w->slots[i];

        if (slot->slot >= 0 && slot->slot < STORE_SLOTS_MOST)
            saw_slot(r, slot, began_ms, ended_ms, gap);
    }
    r->read_ms = ended_ms;
}

bool seat_is_dead(const struct seat_rule *r, const struct store_slot *slot)
{
    return slot->owned && r->seen[slot->slot].dead;
}

bool seat_is_lost(const struct seat_world *w, const struct seat_place *p)
{
    if (p->slot == STORE_NO_SLOT)
        return false;
    for (size_t i = 0; i < w->slot_count; i++)
        if (w->slots[i].slot == p->slot)
            return w->slots[i].epoch != p->epoch;
    return true;
}

/* Of a former life of ours: nobody else may use our name. */
static bool is_my_former(const struct seat_rule *r, const struct seat_place *p,
                         const struct store_slot *slot)
{
    return !p->sat && slot->owned && slot->slot != p->slot &&
           strcmp(slot->owner, r->me) == 0;
}

size_t seat_living(const struct seat_rule *r, const struct seat_world *w,
                   const struct seat_place *p)
{
    size_t n = 0;

    for (size_t i = 0; i < w->slot_count; i++) {
        const struct store_slot *slot = &w->slots[i];

        n += slot->slot == p->slot || (slot->owned && !seat_is_dead(r, slot) &&
                                       !is_my_former(r, p, slot));
    }
    return n;
}

/* ---- what to do ---------------------------------------------------------------- */

/* A slot to take over: a former one of ours at once, else a dead one. */
static const struct store_slot *widowed(const struct seat_rule *r,
                                        const struct seat_world *w,
                                        const struct seat_place *p)
{
    const struct store_slot *dead = NULL;

    for (size_t i = 0; i < w->slot_count; i++) {
        const struct store_slot *slot = &w->slots[i];

        if (slot->slot == p->slot)
            continue;
        if (is_my_former(r, p, slot))
            return slot;
        if (dead == NULL && seat_is_dead(r, slot))
            dead = slot;
    }
    return dead;
}

static bool find_chair(const struct seat_world *w, struct seat_step *ret)
{
    for (size_t i = 0; i < w->slot_count; i++) {
        if (w->slots[i].owned)
            continue;
        *ret = (struct seat_step){.what = SEAT_SIT, .slot = &w->slots[i]};
        return true;
    }
    if (w->slot_count == STORE_SLOTS_MOST)
        return false;
    *ret = (struct seat_step){.what = SEAT_SIT};
    return true;
}

static struct seat_step leave_some(const struct seat_place *p, size_t n)
{
    struct seat_step step = {.what = SEAT_LEAVE};

    for (uint32_t i = STORE_SHARDS_MOST; i > 0 && n > 0; i--) {
        if (!shard_in(&p->owned, i - 1) || shard_in(&p->leaving, i - 1))
            continue;
        shard_add(&step.shards, i - 1);
        n--;
    }
    return step;
}

static struct seat_step leave_all(const struct seat_place *p)
{
    size_t owned = shard_count(&p->owned), leaving = shard_count(&p->leaving);

    if (owned > leaving)
        return leave_some(p, owned - leaving);
    return (struct seat_step){.what = owned == 0 ? SEAT_STAND_UP : SEAT_REST};
}

static struct seat_step share_shards(const struct seat_rule *r,
                                     const struct seat_world *w,
                                     const struct seat_place *p)
{
    size_t living = seat_living(r, w, p);
    size_t share = (w->shards + living - 1) / living;
    size_t owned = shard_count(&p->owned), leaving = shard_count(&p->leaving);
    struct seat_step step = {.what = SEAT_ACQUIRE};

    if (owned - leaving > share)
        return leave_some(p, owned - leaving - share);
    for (uint32_t i = 0; i < w->shards; i++)
        if (w->owners[i] == STORE_NO_SLOT)
            shard_add(&step.shards, i);
    if (owned >= share || shard_count(&step.shards) == 0)
        return (struct seat_step){.what = SEAT_REST};
    step.most = share - owned;
    return step;
}

struct seat_step seat_next(const struct seat_rule *r,
                           const struct seat_world *w,
                           const struct seat_place *p)
{
    struct seat_step step = {.what = SEAT_REST};
    const struct store_slot *slot;

    if (p->leaves)
        return p->slot == STORE_NO_SLOT ? step : leave_all(p);
    slot = widowed(r, w, p);
    if (slot != NULL && (p->slot != STORE_NO_SLOT || is_my_former(r, p, slot)))
        return (struct seat_step){.what = SEAT_TAKE_OVER, .slot = slot};
    if (p->slot == STORE_NO_SLOT) {
        if (find_chair(w, &step) || slot == NULL)
            return step;
        return (struct seat_step){.what = SEAT_TAKE_OVER, .slot = slot};
    }
    return share_shards(r, w, p);
}
