/* SPDX-License-Identifier: Apache-2.0
 *
 * sched/shards.c - shards that come and go: what other threads tell, and how
 * the scheduler's thread takes it in.
 *
 * It is told by marks under a lock, not by letters: marks need no memory.
 */
#include "config.h"

#include "sched/internal.h"

#include "base/clock.h"

/* ---- told by others ---------------------------------------------------------- */

job_pos sched_loaded(const struct sched *s)
{
    return s->store_loaded;
}

void sched_gained(struct sched *s, const struct shard_set *shards)
{
    pthread_mutex_lock(&s->view_mtx);
    shard_join(&s->news.gained, shards);
    pthread_mutex_unlock(&s->view_mtx);
    sched_wake(s);
}

void sched_leaving(struct sched *s, const struct shard_set *shards)
{
    pthread_mutex_lock(&s->view_mtx);
    shard_join(&s->news.leaving, shards);
    pthread_mutex_unlock(&s->view_mtx);
    sched_wake(s);
}

void sched_fenced(struct sched *s, uint32_t tenure)
{
    pthread_mutex_lock(&s->view_mtx);
    s->news = (struct shard_news){.fenced = true, .tenure = tenure};
    pthread_mutex_unlock(&s->view_mtx);
    sched_wake(s);
}

/* ---- the scheduler's thread ---------------------------------------------------- */

struct shard_news sched_take_news(struct sched *s)
{
    struct shard_news news;

    pthread_mutex_lock(&s->view_mtx);
    news = s->news;
    s->news = (struct shard_news){0};
    pthread_mutex_unlock(&s->view_mtx);
    return news;
}

static void drop_all(struct sched *s, uint32_t tenure)
{
    wishes_forget(&s->window);
    idset_done(&s->wishes_in_hand);
    s->wishes_in_hand = (struct idset){0};
    s->leaving = (struct shard_set){{0}};
    plan_clear(&s->plan, &s->window, tenure);
}

void sched_read_news(struct sched *s, const struct shard_news *news)
{
    if (news->fenced)
        drop_all(s, news->tenure);
    if (shard_count(&news->gained) > 0) {
        plan_gain(&s->plan, &s->window, &news->gained, clock_wall_ms());
        /* What was wished for these shards' jobs comes first. */
        s->wishes_met = s->wish_fresh = false;
        s->last_wish = 0;
        atomic_store(&s->wished, true);
    }
    if (shard_count(&news->leaving) > 0) {
        plan_leave(&s->plan, &s->window, &news->leaving);
        shard_join(&s->leaving, &news->leaving);
    }
}

void sched_tell_left(struct sched *s)
{
    struct shard_set left = {{0}};

    if (shard_count(&s->leaving) == 0)
        return;
    for (uint32_t i = 0; i < STORE_SHARDS_MOST; i++) {
        if (!shard_in(&s->leaving, i) || s->window.held_of[i] > 0)
            continue;
        shard_add(&left, i);
        shard_remove(&s->leaving, i);
    }
    if (shard_count(&left) > 0)
        s->set.left(s->set.left_arg, &left);
}

/* ---- wishes that are read more than once ---------------------------------------- */

bool sched_own_wish(struct sched *s, const struct wish *wish)
{
    if (!shard_in(&s->window.ours, wish->shard))
        return false; /* the next owner decides */
    if (!s->set.shared)
        return true;
    return idset_add(&s->wishes_in_hand, wish->number, s) == 0;
}

void sched_disown_wish(struct sched *s, int64_t number)
{
    (void)idset_remove(&s->wishes_in_hand, number);
}
