/* SPDX-License-Identifier: Apache-2.0
 *
 * sched/sched.c - the scheduler's thread; see sched.h.
 *
 * One turn: read the mail, move what is due to the queues, hand on what there
 * is room for, ask the store for more, sleep until the next due time.
 */
#include "config.h"

#include "sched/internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define EXPIRE_MOST 8192  /* jobs made due in one turn */
#define RETRY_GIVE_MS 100 /* in case a hint about room was lost */
#define WISH_POLL_MS 25   /* for wishes that others leave for us */

void sched_wake(struct sched *s)
{
    (void)eventfd_write(s->inbox.wake_fd, 1);
}

/* ---- a turn ------------------------------------------------------------------ */

/* For how many ms the store is not asked. */
static int64_t resting(struct sched *s)
{
    int64_t left = atomic_load(&s->rest_boot_ms) - clock_boot_ms();

    return left > 0 ? left : 0;
}

static void poll_wishes(struct sched *s)
{
    int64_t now = clock_boot_ms();

    if (!s->set.shared || s->window.ours_count == 0 || now < s->wish_at_ms)
        return;
    s->wish_at_ms = now + WISH_POLL_MS;
    atomic_store(&s->wished, true);
}

static void ask_for_more(struct sched *s, int64_t now)
{
    struct load_request q;

    if (resting(s) > 0)
        return;
    poll_wishes(s);
    if (atomic_exchange(&s->wished, false)) {
        if (s->wish_reading)
            atomic_store(&s->wished, true);
        else
            sched_request_wishes(s);
    }
    if (!s->wishes_met)
        return;
    if (plan_main(&s->plan, &s->window, now, &q))
        sched_request_load(s, &q, PLAN_MAIN);
    if (plan_gained(&s->plan, &s->window, &q))
        sched_request_load(s, &q, PLAN_GAINED);
    if (plan_backlog(&s->plan, &s->window, now, &q))
        sched_request_load(s, &q, PLAN_BACKLOG);
}

static void show(struct sched *s)
{
    struct sched_view v = {
        .held = s->window.ids.used,
        .capacity = s->window.set.jobs,
        .held_bytes = s->window.bytes,
        .loaded_until_ms = job_pos_ms(s->plan.cursor),
        .backlog = plan_has_backlog(&s->window),
        .started = s->plan.main_done,
    };

    pthread_mutex_lock(&s->view_mtx);
    s->view = v;
    pthread_mutex_unlock(&s->view_mtx);
    metric_set(s->m_held, (int64_t)v.held);
}

/* One turn's work; when to come back. */
static int64_t turn(struct sched *s)
{
    int64_t now, next, plan_at;

    sched_read_mail(s);
    sched_tell_left(s);
    if (atomic_load(&s->paused)) {
        show(s);
        return INT64_MAX;
    }
    now = clock_wall_ms();
    if (window_expire(&s->window, now, EXPIRE_MOST) == EXPIRE_MOST)
        sched_wake(s);
    (void)window_give(&s->window, &s->set.taker);
    (void)window_evict(&s->window);
    ask_for_more(s, now);
    show(s);
    next = wheel_next(s->window.wheel);
    plan_at = plan_wake(&s->plan, &s->window, now);
    if (resting(s) > 0)
        plan_at = now + resting(s) + 1;
    if (s->set.shared && s->window.ours_count > 0 &&
        plan_at > now + WISH_POLL_MS)
        plan_at = now + WISH_POLL_MS;
    if (s->window.due_count > 0 && next > now + RETRY_GIVE_MS)
        next = now + RETRY_GIVE_MS;
    return next < plan_at ? next : plan_at;
}

static void clock_stepped(struct sched *s)
{
    metric_add(s->m_steps, 1);
    log_warn("sched", LOG_EVENT("clock_stepped"),
             LOG_INT("now_ms", clock_wall_ms()));
}

static void arm(struct sched *s, int64_t at_ms)
{
    struct itimerspec t = {0};

    if (at_ms != INT64_MAX) {
        t.it_value.tv_sec = at_ms / 1000;
        t.it_value.tv_nsec = at_ms % 1000 * 1000000;
        if (at_ms <= 0)
            t.it_value.tv_nsec = 1;
    }
    if (timerfd_settime(s->timer_fd,
                        TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &t,
                        NULL) < 0 &&
        errno == ECANCELED)
        clock_stepped(s); /* it is armed all the same */
}

static void wait_for(struct sched *s, int64_t at_ms)
{
    struct pollfd fds[2] = {{.fd = s->inbox.wake_fd, .events = POLLIN},
                            {.fd = s->timer_fd, .events = POLLIN}};
    uint64_t n;

    arm(s, at_ms);
    if (poll(fds, 2, -1) < 0)
        return;
    if ((fds[0].revents & POLLIN) != 0)
        (void)!read(s->inbox.wake_fd, &n, sizeof(n));
    if ((fds[1].revents & POLLIN) != 0 &&
        read(s->timer_fd, &n, sizeof(n)) < 0 && errno == ECANCELED)
        clock_stepped(s);
}

static void *run(void *arg)
{
    struct sched *s = arg;

    for (;;) {
        bool last = atomic_load(&s->stopping); /* all mail has come by then */
        int64_t at = turn(s);

        if (last && s->requests == 0)
            break;
        /* The turn may have read the wake that came with it. */
        if (last || !atomic_load(&s->stopping))
            wait_for(s, at);
    }
    return NULL;
}

/* ---- what others call ---------------------------------------------------------- */

static void sched_free(struct sched **ps)
{
    struct sched *s = *ps;

    *ps = NULL;
    if (s == NULL)
        return;
    idset_done(&s->wishes_in_hand);
    if (s->window.wheel != NULL) {
        wishes_forget(&s->window);
        window_done(&s->window);
    }
    if (s->timer_fd >= 0)
        close(s->timer_fd);
    pthread_mutex_destroy(&s->view_mtx);
    free(s);
}

int sched_start(const struct sched_settings *set, struct sched **ret,
                struct err *err)
{
    struct sched *s = calloc(1, sizeof(*s));
    int r;

    if (s == NULL)
        return err_set(err, -ENOMEM, "start the scheduler: no memory");
    s->set = *set;
    s->wishes = (struct wishes){sched_request_decision, s};
    s->plan.ahead_ms = set->ahead_ms;
    s->wished = true; /* look at those left from before */
    pthread_mutex_init(&s->view_mtx, NULL);
    s->m_held = metric_series("ontime_window_jobs", NULL);
    s->m_capacity = metric_series("ontime_window_capacity", NULL);
    s->m_steps = metric_series("ontime_clock_steps_total", NULL);
    metric_set(s->m_capacity, (int64_t)set->window.jobs);
    s->timer_fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (s->timer_fd < 0 ||
        window_init(&s->window, &set->window, clock_wall_ms()) < 0) {
        sched_free(&s);
        return err_set(err, -ENOMEM,
                       "start the scheduler: no timer or no memory");
    }
    if (set->shared)
        plan_clear(&s->plan, &s->window, 0);
    r = inbox_init(&s->inbox, set->window.jobs / 2 + 1, true);
    if (r == 0) {
        r = thread_start(&s->thread, "sched", run, s, err);
        if (r < 0)
            inbox_done(&s->inbox);
    }
    if (r < 0) {
        sched_free(&s);
        return r;
    }
    *ret = s;
    return 0;
}

void sched_pause(struct sched *s)
{
    atomic_store(&s->paused, true);
    sched_wake(s);
}

void sched_stop(struct sched **ps)
{
    struct sched *s = *ps;

    if (s == NULL)
        return;
    atomic_store(&s->paused, true);
    atomic_store(&s->stopping, true);
    sched_wake(s);
    pthread_join(s->thread, NULL);
    inbox_close(&s->inbox);
    sched_read_mail(s);
    inbox_done(&s->inbox);
    sched_free(ps);
}

void sched_wished(struct sched *s)
{
    atomic_store(&s->wished, true);
    sched_wake(s);
}

void sched_room(struct sched *s)
{
    sched_wake(s);
}

void sched_look(struct sched *s, struct sched_view *ret)
{
    pthread_mutex_lock(&s->view_mtx);
    *ret = s->view;
    pthread_mutex_unlock(&s->view_mtx);
}
