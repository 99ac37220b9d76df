/* SPDX-License-Identifier: Apache-2.0
 *
 * seat/beat.c - the thread that tells the others that we live; see seat.h.
 */
#include "config.h"

#include "seat/internal.h"

#include "base/clock.h"

#include <errno.h>

/* When a beat that began then was good, others leave our slot alone for 3/4 of
 * the lease; we stop being sure of it after half. */
static void beat_was_good(struct seat *s, int64_t began_ms)
{
    int64_t until = began_ms + s->set.lease_ms / 2;

    atomic_store(&s->beat_ms, began_ms);
    if (until > atomic_load(&s->sure_until_ms))
        atomic_store(&s->sure_until_ms, until);
}

static void complain(struct seat *s, const struct err *err)
{
    unsigned swallowed;

    if (log_complain(&s->beat_story, clock_boot_ms(), &swallowed))
        log_warn("seat", LOG_EVENT("no_beat"), LOG_INT("swallowed", swallowed),
                 LOG_ERR(err));
}

/* True: it is still ours. */
static bool beat(struct seat *s, struct beat b, struct err *err)
{
    return b.slot == STORE_NO_SLOT ||
           store_beat(s->beat_session, b.slot, b.epoch, err) == 0;
}

static void beat_all(struct seat *s)
{
    int64_t began = clock_boot_ms();
    struct err err = {0};
    struct beat own, other;

    pthread_mutex_lock(&s->mtx);
    own = (struct beat){s->place.slot, s->place.epoch};
    other = s->recovering;
    pthread_mutex_unlock(&s->mtx);
    if (!beat(s, own, &err)) {
        if (err.code == -ESTALE)
            seat_suspect(s);
        complain(s, &err);
    } else if (own.slot != STORE_NO_SLOT) {
        (void)log_calm(&s->beat_story);
        pthread_mutex_lock(&s->mtx);
        if (s->place.slot == own.slot && s->place.epoch == own.epoch)
            beat_was_good(s, began);
        pthread_mutex_unlock(&s->mtx);
    }
    (void)beat(s, other, &err); /* if it is not, the recovery finds out */
}

void *seat_beat_run(void *arg)
{
    struct seat *s = arg;

    do
        beat_all(s);
    while (seat_nap(s, s->period_ms, false));
    return NULL;
}
