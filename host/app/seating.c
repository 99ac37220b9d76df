/* SPDX-License-Identifier: Apache-2.0
 *
 * app/seating.c - this instance among others on one store: what the seat tells
 * the rooms, and what they ask it.
 */
#include "config.h"

#include "app/house.h"

#include "base/log.h"
#include "store/slots.h"

/* ---- what the seat tells ---------------------------------------------------------- */

static void on_began(void *arg, uint32_t tenure, const struct store_slot *slot)
{
    struct house *h = arg;

    atomic_store(&h->seat_slot, slot == NULL ? STORE_NO_SLOT : slot->slot);
    sched_fenced(h->sched, tenure);
    ledger_seat(h, slot);
}

/* The lane may find that it was fenced only after it was told of the new slot. */
void seating_step(struct house *h)
{
    struct store_slot slot = {.slot = atomic_load(&h->seat_slot)};
    struct commit_view v;

    if (h->seat == NULL || slot.slot == STORE_NO_SLOT)
        return;
    commit_look(h->commit, &v);
    if (v.exactly == EXACTLY_FENCED)
        ledger_seat(h, &slot);
}

static job_pos on_loaded(void *arg)
{
    struct house *h = arg;

    return sched_loaded(h->sched);
}

static void on_gained(void *arg, const struct shard_set *shards)
{
    struct house *h = arg;

    sched_gained(h->sched, shards);
}

static void on_leaving(void *arg, const struct shard_set *shards)
{
    struct house *h = arg;

    sched_leaving(h->sched, shards);
}

int seating_start(struct house *h, struct err *err)
{
    struct seat_settings set = {
        .store = h->store,
        .writer = h->writer,
        .instance_id = h->started->instance_id,
        .lease_ms = h->conf->instance_lease_ms,
        .max_skew_ms = h->conf->clock_max_skew_ms,
        .recover = ledger_recover,
        .began = on_began,
        .loaded = on_loaded,
        .gained = on_gained,
        .leaving = on_leaving,
        .arg = h,
    };

    atomic_store(&h->seat_slot, STORE_NO_SLOT);
    return store_shared(h->store) ? seat_start(&set, &h->seat, err) : 0;
}

void seating_end(struct house *h, bool clean, int64_t deadline_boot_ms)
{
    if (h->seat == NULL)
        return;
    if (!clean || seat_vacate(h->seat, deadline_boot_ms) < 0)
        log_warn("app", LOG_EVENT("slot_kept"),
                 LOG_STR("then", "others take over after the lease"));
}

/* ---- what the rooms ask ------------------------------------------------------------ */

void seating_left(void *arg, const struct shard_set *shards)
{
    struct house *h = arg;

    seat_left(h->seat, shards);
}

enum permit seating_permit(void *arg, const struct job *j)
{
    struct house *h = arg;

    if (h->seat == NULL)
        return PERMIT_WAIT;
    switch (seat_permit(h->seat, j)) {
    case SEAT_RUN:
        break;
    case SEAT_WAIT:
        return PERMIT_WAIT;
    case SEAT_RETURN:
        return PERMIT_RETURN;
    case SEAT_DROP:
        return PERMIT_DROP;
    }
    return PERMIT_RUN;
}

size_t seating_sieve(struct house *h, struct list *attempts, size_t n)
{
    uint32_t tenure;

    if (h->seat == NULL)
        return n;
    tenure = writer_tenure(h->writer);
    for (struct list *e = attempts->next, *next; e != attempts; e = next) {
        struct attempt *a = list_of(e, struct attempt, link);

        next = e->next;
        if (a->job->tenure == tenure)
            continue;
        list_remove(e);
        attempt_free(&a);
        n--;
    }
    return n;
}
