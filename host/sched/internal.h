/* SPDX-License-Identifier: Apache-2.0
 *
 * sched/internal.h - what sched.c, mail.c and requests.c share.
 */
#ifndef ONTIME_SCHED_INTERNAL_H
#define ONTIME_SCHED_INTERNAL_H

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
    int result;
    bool backlog;
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
    struct load_work loads[2]; /* main, backlog */
    struct wishes_work wish_reader;
    int64_t last_wish;
    bool wish_reading;
    bool
        wishes_met; /* all wishes of before our start are known: loads may begin */
    size_t requests; /* of ours at the writer */
    int timer_fd;
    pthread_t thread;
};

/* sched.c */
void sched_wake(struct sched *s);

/* mail.c */
void sched_post(struct sched *s, struct letter *letter, enum mail kind);
void sched_read_mail(struct sched *s);

/* requests.c: to the writer; their answers are mail. */
void sched_request_load(struct sched *s, const struct load_request *q,
                        bool backlog);
void sched_request_wishes(struct sched *s);
wishes_send_fn sched_request_decision; /* arg is the struct sched */

#endif
