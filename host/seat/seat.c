/* SPDX-License-Identifier: Apache-2.0
 *
 * seat/seat.c - starts and stops, and what other threads ask; see seat.h.
 */
#include "config.h"

#include "seat/internal.h"

#include "base/clock.h"
#include "base/thread.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Under the lock. */
static void wait_ms(struct seat *s, int64_t ms)
{
    struct timespec at;

    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += (time_t)(ms / 1000);
    at.tv_nsec += (long)(ms % 1000) * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    (void)pthread_cond_timedwait(&s->wake, &s->mtx, &at);
}

bool seat_nap(struct seat *s, int64_t ms, bool for_hint)
{
    int64_t until = clock_boot_ms() + ms;
    bool go_on;

    pthread_mutex_lock(&s->mtx);
    for (int64_t now = clock_boot_ms();
         now < until && !s->stop && !(for_hint && s->hint);
         now = clock_boot_ms())
        wait_ms(s, until - now);
    if (for_hint)
        s->hint = false;
    go_on = !s->stop;
    pthread_mutex_unlock(&s->mtx);
    return go_on;
}

/* ---- starting and stopping ------------------------------------------------------------ */

static struct seat *seat_new(const struct seat_settings *set)
{
    struct seat *s = calloc(1, sizeof(*s));
    pthread_condattr_t attr;

    if (s == NULL)
        return NULL;
    s->set = *set;
    s->period_ms = seat_period_ms(set->lease_ms);
    s->place.slot = s->recovering.slot = STORE_NO_SLOT;
    s->rule =
        (struct seat_rule){.me = set->instance_id, .lease_ms = set->lease_ms};
    s->m_lost = metric_series("ontime_slots_lost_total", NULL);
    s->m_takeovers = metric_series("ontime_takeovers_total", NULL);
    s->m_owned = metric_series("ontime_shards_owned", NULL);
    s->m_age = metric_series("ontime_beat_age_ms", NULL);
    pthread_mutex_init(&s->mtx, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&s->wake, &attr);
    pthread_condattr_destroy(&attr);
    return s;
}

static void hint(struct seat *s)
{
    pthread_mutex_lock(&s->mtx);
    s->hint = true;
    pthread_cond_broadcast(&s->wake);
    pthread_mutex_unlock(&s->mtx);
}

static void on_stale(void *arg)
{
    hint(arg);
}

int seat_start(const struct seat_settings *set, struct seat **ret,
               struct err *err)
{
    struct seat *s = seat_new(set);
    int r;

    if (s == NULL)
        return err_set(err, -ENOMEM, "take a seat: no memory");
    *ret = s; /* the threads' callbacks may need it */
    r = store_session_open(set->store, false, &s->eyes, err);
    if (r == 0)
        r = store_session_open(set->store, true, &s->beat_session, err);
    if (r == 0)
        r = thread_start(&s->beater, "ot-beat", seat_beat_run, s, err);
    s->beater_started = r == 0;
    if (r == 0) {
        writer_tell_stale(set->writer, on_stale, s);
        r = thread_start(&s->hand, "ot-seat", seat_hand_run, s, err);
        s->hand_started = r == 0;
    }
    if (r < 0)
        seat_stop(ret);
    return r;
}

void seat_stop(struct seat **ps)
{
    struct seat *s = *ps;

    *ps = NULL;
    if (s == NULL)
        return;
    pthread_mutex_lock(&s->mtx);
    s->stop = true;
    pthread_cond_broadcast(&s->wake);
    pthread_mutex_unlock(&s->mtx);
    if (s->hand_started)
        pthread_join(s->hand, NULL);
    if (s->beater_started)
        pthread_join(s->beater, NULL);
    writer_tell_stale(s->set.writer, NULL, NULL);
    store_session_close(&s->eyes);
    store_session_close(&s->beat_session);
    pthread_cond_destroy(&s->wake);
    pthread_mutex_destroy(&s->mtx);
    free(s);
}

void seat_retire(struct seat *s)
{
    pthread_mutex_lock(&s->mtx);
    s->retiring = s->place.leaves = true;
    pthread_mutex_unlock(&s->mtx);
    hint(s);
}

int seat_vacate(struct seat *s, int64_t deadline_boot_ms)
{
    bool done;

    pthread_mutex_lock(&s->mtx);
    s->vacate = s->hint = true;
    pthread_cond_broadcast(&s->wake);
    for (int64_t now = clock_boot_ms(); !s->vacated && now < deadline_boot_ms;
         now = clock_boot_ms())
        wait_ms(s, deadline_boot_ms - now);
    done = s->vacated;
    pthread_mutex_unlock(&s->mtx);
    return done ? 0 : -ETIMEDOUT;
}

/* ---- told and asked by others ------------------------------------------------------------ */

void seat_left(struct seat *s, const struct shard_set *shards)
{
    pthread_mutex_lock(&s->mtx);
    for (size_t i = 0; i < STORE_SHARDS_MOST / 64; i++)
        s->left.bits[i] |= shards->bits[i] & s->place.leaving.bits[i];
    s->hint = true;
    pthread_cond_broadcast(&s->wake);
    pthread_mutex_unlock(&s->mtx);
}

void seat_suspect(struct seat *s)
{
    atomic_store(&s->sure_until_ms, 0);
    hint(s);
}

enum seat_permit seat_permit(const struct seat *s, const struct job *j)
{
    uint64_t leaving = atomic_load(&s->leaving[j->shard / 64]);

    if (j->tenure != writer_tenure(s->set.writer))
        return SEAT_DROP;
    if ((leaving >> j->shard % 64 & 1) != 0)
        return SEAT_RETURN;
    if (atomic_load(&s->skewed) ||
        clock_boot_ms() >= atomic_load(&s->sure_until_ms))
        return SEAT_WAIT;
    return SEAT_RUN;
}

bool seat_ready(struct seat *s, char *why, size_t whylen)
{
    int64_t skew;
    int32_t slot;

    pthread_mutex_lock(&s->mtx);
    slot = s->place.slot;
    skew = s->skew_ms;
    pthread_mutex_unlock(&s->mtx);
    if (atomic_load(&s->skewed))
        (void)snprintf(why, whylen,
                       "the clock differs from the store's by %lld ms",
                       (long long)skew);
    else if (slot == STORE_NO_SLOT)
        (void)snprintf(why, whylen, "no slot among the instances yet");
    else if (clock_boot_ms() >= atomic_load(&s->sure_until_ms))
        (void)snprintf(why, whylen, "not sure of its slot: no beat");
    else
        return true;
    return false;
}

bool seat_skewed(const struct seat *s)
{
    return atomic_load(&s->skewed);
}

void seat_look(struct seat *s, struct seat_view *ret)
{
    int64_t beat = atomic_load(&s->beat_ms);

    pthread_mutex_lock(&s->mtx);
    *ret = (struct seat_view){
        .slot = s->place.slot,
        .epoch = s->place.epoch,
        .owned = shard_count(&s->place.owned),
        .leaving = shard_count(&s->place.leaving),
        .beat_age_ms = beat == 0 ? -1 : clock_boot_ms() - beat,
        .skew_ms = s->skew_ms,
        .lost = metric_get(s->m_lost),
        .takeovers = metric_get(s->m_takeovers),
        .world = s->world,
    };
    for (size_t i = 0; i < s->world.slot_count; i++)
        ret->dead[i] = seat_is_dead(&s->rule, &s->world.slots[i]);
    pthread_mutex_unlock(&s->mtx);
}
