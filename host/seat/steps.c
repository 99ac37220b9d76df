/* SPDX-License-Identifier: Apache-2.0
 *
 * seat/steps.c - what the hand does about our own slot and shards.  Each step
 * is one call on the writer's thread, so that it is in order with all other
 * writes; the books (struct seat_place) are changed there too.
 */
#include "config.h"

#include "seat/internal.h"

#include "base/clock.h"

#include <errno.h>
#include <string.h>

struct call { /* a step at the writer */
    struct writer_request request;
    struct seat *s;
    bool fresh;             /* sit: on a new slot */
    struct store_slot slot; /* sit: as seen */
    struct shard_set shards;
    size_t most;
    int64_t began_ms;
};

typedef int call_fn(struct writer_request *r, struct store_session *x,
                    struct err *err);

static int run(struct seat *s, struct call *c, call_fn *fn, const char *what)
{
    struct err err = {0};
    unsigned swallowed;
    int r;

    c->s = s;
    c->began_ms = clock_boot_ms();
    c->request.kind = WRITE_CALL;
    c->request.call = fn;
    r = writer_run(s->set.writer, &c->request, &err);
    if (r < 0 && r != -ESTALE && r != -EPIPE && r != -ECANCELED &&
        log_complain(&s->story, clock_boot_ms(), &swallowed))
        log_warn("seat", LOG_EVENT("step_failed"), LOG_STR("step", what),
                 LOG_INT("swallowed", swallowed), LOG_ERR(&err));
    return r < 0 ? r : 0;
}

/* Under the lock: what others see of the books. */
static void show(struct seat *s)
{
    for (size_t i = 0; i < STORE_SHARDS_MOST / 64; i++)
        atomic_store(&s->leaving[i], s->place.leaving.bits[i]);
    metric_set(s->m_owned, shard_count(&s->place.owned));
}

/* ---- sitting down, standing up --------------------------------------------------- */

/* Writer's thread: a new tenure, with this slot or without one. */
static void begin_tenure(struct seat *s, const struct store_slot *slot,
                         int64_t began_ms)
{
    uint32_t tenure = writer_new_tenure(s->set.writer);

    pthread_mutex_lock(&s->mtx);
    s->place.slot = slot == NULL ? STORE_NO_SLOT : slot->slot;
    s->place.epoch = slot == NULL ? 0 : slot->epoch;
    s->place.sat |= slot != NULL;
    s->place.owned = s->place.leaving = s->left = (struct shard_set){{0}};
    show(s);
    atomic_store(&s->sure_until_ms,
                 slot == NULL ? 0 : began_ms + s->set.lease_ms / 2);
    atomic_store(&s->beat_ms, slot == NULL ? 0 : began_ms);
    pthread_mutex_unlock(&s->mtx);
    s->set.began(s->set.arg, tenure, slot);
}

static int do_fall(struct writer_request *r, struct store_session *x,
                   struct err *err)
{
    struct call *c = list_of(r, struct call, request);

    (void)x;
    (void)err;
    begin_tenure(c->s, NULL, 0);
    return 0;
}

static const struct store_slot *find_slot(const struct seat_world *w,
                                          int32_t slot)
{
    for (size_t i = 0; i < w->slot_count; i++)
        if (w->slots[i].slot == slot)
            return &w->slots[i];
    return NULL;
}

void seat_fall(struct seat *s)
{
    const struct store_slot *now = find_slot(&s->world, s->place.slot);
    struct call c = {0};

    atomic_store(&s->sure_until_ms, 0);
    metric_add(s->m_lost, 1);
    log_warn("seat", LOG_EVENT("slot_lost"), LOG_INT("slot", s->place.slot),
             LOG_INT("epoch", s->place.epoch),
             LOG_STR("taken_by", now == NULL ? "" : now->owner));
    if (now != NULL && now->owned &&
        strcmp(now->owner, s->set.instance_id) == 0)
        log_error("seat", LOG_EVENT("instance_id_used_twice"),
                  LOG_STR("instance", s->set.instance_id));
    (void)run(s, &c, do_fall, "fall");
}

static int do_sit(struct writer_request *r, struct store_session *x,
                  struct err *err)
{
    struct call *c = list_of(r, struct call, request);
    struct store_slot got;
    int result = store_claim(x, c->fresh ? NULL : &c->slot, &got, err);

    if (result < 0)
        return result;
    begin_tenure(c->s, &got, c->began_ms);
    log_info("seat", LOG_EVENT("slot_claimed"), LOG_INT("slot", got.slot),
             LOG_INT("epoch", got.epoch));
    return 0;
}

int seat_sit(struct seat *s, const struct seat_step *step)
{
    struct call c = {.fresh = step->slot == NULL};

    if (step->slot != NULL)
        c.slot = *step->slot;
    return run(s, &c, do_sit, "claim");
}

static int do_stand_up(struct writer_request *r, struct store_session *x,
                       struct err *err)
{
    struct call *c = list_of(r, struct call, request);
    int result = store_vacate(x, false, err);

    if (result < 0)
        return result;
    begin_tenure(c->s, NULL, 0);
    log_info("seat", LOG_EVENT("slot_freed"));
    return 0;
}

int seat_stand_up(struct seat *s)
{
    struct call c = {0};

    return run(s, &c, do_stand_up, "vacate");
}

/* ---- shards ----------------------------------------------------------------------- */

static int do_acquire(struct writer_request *r, struct store_session *x,
                      struct err *err)
{
    struct call *c = list_of(r, struct call, request);
    struct seat *s = c->s;
    struct shard_set got;
    int result = store_acquire(x, &c->shards, c->most,
                               s->set.loaded(s->set.arg), &got, err);

    if (result < 0 || shard_count(&got) == 0)
        return result;
    pthread_mutex_lock(&s->mtx);
    shard_join(&s->place.owned, &got);
    show(s);
    pthread_mutex_unlock(&s->mtx);
    s->set.gained(s->set.arg, &got);
    log_info("seat", LOG_EVENT("shards_acquired"),
             LOG_INT("shards", shard_count(&got)));
    return 0;
}

int seat_acquire(struct seat *s, const struct seat_step *step)
{
    struct call c = {.shards = step->shards, .most = step->most};

    return run(s, &c, do_acquire, "acquire");
}

void seat_leave(struct seat *s, const struct shard_set *shards)
{
    pthread_mutex_lock(&s->mtx);
    shard_join(&s->place.leaving, shards);
    show(s);
    pthread_mutex_unlock(&s->mtx);
    s->set.leaving(s->set.arg, shards);
}

static int do_release(struct writer_request *r, struct store_session *x,
                      struct err *err)
{
    struct call *c = list_of(r, struct call, request);
    struct seat *s = c->s;
    int result = store_release(x, &c->shards, err);

    if (result < 0)
        return result;
    pthread_mutex_lock(&s->mtx);
    shard_part(&s->place.owned, &c->shards);
    shard_part(&s->place.leaving, &c->shards);
    shard_part(&s->left, &c->shards);
    show(s);
    pthread_mutex_unlock(&s->mtx);
    log_info("seat", LOG_EVENT("shards_released"),
             LOG_INT("shards", shard_count(&c->shards)));
    return 0;
}

int seat_release(struct seat *s, const struct shard_set *shards)
{
    struct call c = {.shards = *shards};

    return run(s, &c, do_release, "release");
}
