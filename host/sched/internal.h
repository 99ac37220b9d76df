/* SPDX-License-Identifier: Apache-2.0
 *
 * sched/internal.h - what sched.c, mail.c and requests.c share.
 */
#ifndef ONTIME_SCHED_INTERNAL_H
#define ONTIME_SCHED_INTERNAL_H

#include "base/idset.h"
#include "base/inbox.h"
#include "base/log.h"
#include "metrics/metrics.h"
#include "sched/mail.h"
#include "sched/plan.h"
#include "sched/sched.h"
#include "sched/wishes.h"

#include <pthread.h>
#include <stdatomic.h>

#define WISHES_MOST 256 /* read at a time */

struct load_work {
    struct letter letter;
    struct writer_request request;
    struct shard_set shards; /* what the request points to */
    int result;
    enum plan_lane lane;
};

struct shard_news { /* what has become of shards, not yet read */
    bool fenced;    /* before the rest */
    uint32_t tenure;
    struct shard_set gained;
    struct shard_set leaving; /* after gained */
};

struct wishes_work {
    struct letter letter;
    struct writer_request request;
    int result;
};

struct sched {
    /* shared: any thread */
    struct inbox inbox;
    atomic_bool wished, paused, stopping;
    _Atomic(int64_t) rest_boot_ms; /* the store is not asked before this */
    pthread_mutex_t view_mtx;
    struct sched_view view; /* under view_mtx */
    struct range missed;    /* under view_mtx: offers there was no room for */
    struct shard_news news; /* under view_mtx */

    /* set before the thread starts, never changed */
    struct sched_settings set;
    struct wishes wishes;
    struct metric *m_held, *m_capacity, *m_steps;

    /* the writer thread's own */
    job_pos store_loaded; /* the highest position a load has reached */
    struct log_complaint complaint;

    /* the scheduler thread's own */
    struct window window;
    struct plan plan;
    struct load_work loads[PLAN_LANES];
    struct shard_set leaving; /* left() has not been called yet */
    struct wishes_work wish_reader;
    struct idset wishes_in_hand; /* shared: read and not yet decided */
    int64_t last_wish;
    int64_t wish_at_ms; /* shared: when to look for wishes again */
    bool wish_reading;
    bool wish_fresh; /* the reading began after the last gain */
    bool
        wishes_met; /* all wishes of before our start are known: loads may begin */
    size_t requests; /* of ours at the writer */
    int timer_fd;
    pthread_t thread;
};

/* sched.c */
void sched_wake(struct sched *s);

/* shards.c; scheduler's thread */
struct shard_news sched_take_news(struct sched *s);
void sched_read_news(struct sched *s, const struct shard_news *news);
/* Tells of shards that have been left. */
void sched_tell_left(struct sched *s);
/* A wish of one of our shards that is not being dealt with: now it is. */
bool sched_own_wish(struct sched *s, const struct wish *wish);
void sched_disown_wish(struct sched *s, int64_t number);

/* mail.c */
void sched_post(struct sched *s, struct letter *letter, enum mail kind);
void sched_read_mail(struct sched *s);

/* requests.c: to the writer; their answers are mail. */
void sched_request_load(struct sched *s, const struct load_request *q,
                        enum plan_lane lane);
void sched_request_wishes(struct sched *s);
wishes_send_fn sched_request_decision; /* arg is the struct sched */

#endif
