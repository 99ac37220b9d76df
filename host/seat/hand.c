/* SPDX-License-Identifier: Apache-2.0
 *
 * seat/hand.c - the thread that looks at the slots and acts; see seat.h.
 */
#include "config.h"

#include "seat/internal.h"

#include "base/clock.h"

#include <errno.h>
#include <stdlib.h>

#define CLOCK_EVERY_MS 60000
#define CLOCK_AGAIN_MS 5000 /* while it is wrong */

/* ---- looking ---------------------------------------------------------------------- */

static void complain(struct seat *s, const char *what, const struct err *err)
{
    unsigned swallowed;

    if (log_complain(&s->story, clock_boot_ms(), &swallowed))
        log_warn("seat", LOG_EVENT("cannot_look"), LOG_STR("at", what),
                 LOG_INT("swallowed", swallowed), LOG_ERR(err));
}

static int look_at_slots(struct seat *s)
{
    struct seat_world *w = calloc(1, sizeof(*w)); /* large for a stack */
    int64_t began = clock_boot_ms();
    struct err err = {0};
    int n, r;

    if (w == NULL)
        return -ENOMEM;
    w->shards = store_shards(s->set.store);
    n = store_slots(s->eyes, w->slots, STORE_SLOTS_MOST, &err);
    r = n < 0 ? n
              : store_shard_owners(s->eyes, w->owners, STORE_SHARDS_MOST, &err);
    if (r < 0) {
        complain(s, "slots", &err);
    } else {
        w->slot_count = (size_t)n;
        (void)log_calm(&s->story);
        pthread_mutex_lock(&s->mtx);
        s->world = *w;
        seat_saw(&s->rule, w, began, clock_boot_ms());
        pthread_mutex_unlock(&s->mtx);
    }
    free(w);
    return r < 0 ? r : 0;
}

static void judge_clock(struct seat *s, int64_t skew)
{
    bool wrong = llabs(skew) > s->set.max_skew_ms;
    bool was = atomic_exchange(&s->skewed, wrong);

    if (wrong && !was)
        log_error("seat", LOG_EVENT("clock_is_wrong"),
                  LOG_INT("ahead_of_store_ms", skew),
                  LOG_INT("allowed_ms", s->set.max_skew_ms),
                  LOG_STR("then", "this instance fires nothing"));
    if (!wrong && was)
        log_info("seat", LOG_EVENT("clock_is_right"),
                 LOG_INT("ahead_of_store_ms", skew));
    pthread_mutex_lock(&s->mtx);
    s->skew_ms = skew;
    s->place.leaves = s->retiring || wrong;
    pthread_mutex_unlock(&s->mtx);
}

static int look_at_clock(struct seat *s)
{
    int64_t now = clock_boot_ms(), before, after, theirs;
    struct err err = {0};

    if (now < s->clock_at_ms)
        return 0;
    before = clock_wall_ms();
    if (store_clock(s->eyes, &theirs, &err) < 0) {
        complain(s, "clock", &err);
        return -EAGAIN;
    }
    after = clock_wall_ms();
    judge_clock(s, before + (after - before) / 2 - theirs);
    s->clock_at_ms =
        now + (atomic_load(&s->skewed) ? CLOCK_AGAIN_MS : CLOCK_EVERY_MS);
    return 0;
}

/* ---- acting ------------------------------------------------------------------------ */

/* As they are now: only the hand's own steps change more than `leaves`. */
static struct seat_place books(struct seat *s)
{
    struct seat_place place;

    pthread_mutex_lock(&s->mtx);
    place = s->place;
    pthread_mutex_unlock(&s->mtx);
    return place;
}

static void show_age(struct seat *s, const struct seat_place *place)
{
    int64_t beat = atomic_load(&s->beat_ms);

    metric_set(s->m_age, place->slot == STORE_NO_SLOT || beat == 0
                             ? 0
                             : clock_boot_ms() - beat);
}

static int act(struct seat *s, const struct seat_step *step)
{
    switch (step->what) {
    case SEAT_TAKE_OVER:
        return seat_take_over(s, step->slot);
    case SEAT_SIT:
        return seat_sit(s, step);
    case SEAT_STAND_UP:
        return seat_stand_up(s);
    case SEAT_ACQUIRE:
        return seat_acquire(s, step);
    case SEAT_LEAVE:
        seat_leave(s, &step->shards);
        return 0;
    case SEAT_REST:
        break;
    }
    return -EAGAIN; /* nothing to do: look again later */
}

static void release_left(struct seat *s)
{
    struct shard_set left;

    pthread_mutex_lock(&s->mtx);
    left = s->left;
    pthread_mutex_unlock(&s->mtx);
    if (shard_count(&left) > 0)
        (void)seat_release(s, &left);
}

/* What seat_vacate waits for; true: it was done, there is nothing else to do. */
static bool vacate(struct seat *s)
{
    bool wanted, done;

    pthread_mutex_lock(&s->mtx);
    wanted = s->vacate;
    pthread_mutex_unlock(&s->mtx);
    if (!wanted)
        return false;
    done = books(s).slot == STORE_NO_SLOT || seat_stand_up(s) == 0;
    pthread_mutex_lock(&s->mtx);
    s->vacated |= done;
    pthread_cond_broadcast(&s->wake);
    pthread_mutex_unlock(&s->mtx);
    return done;
}

/* One look and one step; 0: there may be more to do at once. */
static int turn(struct seat *s)
{
    struct seat_place place;
    struct seat_step step;
    int r = look_at_slots(s);

    if (r == 0)
        r = look_at_clock(s);
    if (r < 0)
        return r;
    place = books(s);
    show_age(s, &place);
    if (seat_is_lost(&s->world, &place)) {
        seat_fall(s);
        return 0;
    }
    if (vacate(s))
        return -EAGAIN;
    release_left(s);
    place = books(s);
    step = seat_next(&s->rule, &s->world, &place);
    return act(s, &step);
}

void *seat_hand_run(void *arg)
{
    struct seat *s = arg;
    int r;

    do
        r = turn(s);
    while (seat_nap(s, r == 0 ? 0 : s->period_ms, true));
    return NULL;
}
