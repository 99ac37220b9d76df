/* SPDX-License-Identifier: Apache-2.0
 *
 * sched/sched.c - the scheduler's thread; see sched.h.
 *
 * One turn: read the mail, move what is due to the queues, hand on what there
 * is room for, ask the store for more, sleep until the next due time.
 */
#include "config.h"

#include "sched/sched.h"

#include "base/clock.h"
#include "base/inbox.h"
#include "base/log.h"
#include "base/thread.h"
#include "metrics/metrics.h"
#include "sched/mail.h"
#include "sched/plan.h"
#include "sched/wishes.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define EXPIRE_MOST 8192   /* jobs made due in one turn */
#define WISHES_MOST 256    /* read at a time */
#define RETRY_GIVE_MS 100  /* in case a hint about room was lost */

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

struct apps_mail {
    struct letter letter;
    size_t count;
    const struct app_name *apps[];
};

struct offer_mail {
    struct letter letter;
    struct list jobs;
};

struct sched {
    /* shared: any thread */
    struct inbox inbox;
    atomic_bool wished, paused, stopping;
    pthread_mutex_t view_mtx;
    struct sched_view view;        /* under view_mtx */
    struct range missed;           /* under view_mtx: offers there was no room for */

    /* set before the thread starts, never changed */
    struct sched_settings set;
    struct wishes wishes;
    struct metric *m_held, *m_capacity, *m_steps;

    /* the writer thread's own */
    job_pos store_loaded; /* the highest position a load has reached */

    /* the scheduler thread's own */
    struct window window;
    struct plan plan;
    struct load_work loads[2]; /* main, backlog */
    struct wishes_work wish_reader;
    int64_t last_wish;
    bool wish_reading;
    bool wishes_met;   /* all wishes of before our start are known: loads may begin */
    size_t requests;   /* of ours at the writer */
    int timer_fd;
    pthread_t thread;
};

static void wake(struct sched *s)
{
    (void)eventfd_write(s->inbox.wake_fd, 1);
}

static void post(struct sched *s, struct letter *letter, enum mail kind)
{
    letter->kind = kind;
    list_init(&letter->link);
    if (inbox_post(&s->inbox, &letter->link, 1) < 0)
        assert(!"mail to a scheduler that has ended");
}

/* ---- requests to the writer ------------------------------------------------ */

static void note_loaded(struct sched *s, job_pos reached)
{
    if (reached > s->store_loaded)
        s->store_loaded = reached;
}

static void load_done(struct writer_request *r, int result, const struct err *err)
{
    struct load_work *work = list_of(r, struct load_work, request);
    struct sched *s = r->arg;

    (void)err;
    work->result = result;
    if (result == 0)
        note_loaded(s, r->load.r.reached);
    post(s, &work->letter, MAIL_LOADED);
}

static void submit(struct sched *s, struct writer_request *r, enum writer_kind kind,
                   writer_done_fn *done)
{
    struct err err = {.code = -EPIPE, .text = "the writer has stopped"};

    r->kind = kind;
    r->done = done;
    r->arg = s;
    s->requests++;
    if (writer_submit(s->set.writer, r) < 0)
        done(r, -EPIPE, &err);
}

static void submit_load(struct sched *s, const struct load_request *q, bool backlog)
{
    struct load_work *work = &s->loads[backlog];

    work->request = (struct writer_request){.load.q = *q};
    list_init(&work->request.load.r.jobs);
    work->backlog = backlog;
    submit(s, &work->request, WRITE_LOAD, load_done);
}

static void wishes_read(struct writer_request *r, int result, const struct err *err)
{
    struct wishes_work *work = list_of(r, struct wishes_work, request);

    (void)err;
    work->result = result;
    post(r->arg, &work->letter, MAIL_WISHES);
}

static void read_wishes(struct sched *s)
{
    struct writer_request *r = &s->wish_reader.request;

    *r = (struct writer_request){
        .wishes = {.after = s->last_wish, .cap = WISHES_MOST}};
    list_init(&r->wishes.into);
    s->wish_reading = true;
    submit(s, r, WRITE_WISHES, wishes_read);
}

static void decision_done(struct writer_request *r, int result, const struct err *err)
{
    struct change_work *work = list_of(r, struct change_work, request);

    (void)err;
    work->result = result;
    post(r->arg, &work->letter, MAIL_DECIDED);
}

static void send_decision(void *arg, struct change_work *work, enum verdict v)
{
    struct sched *s = arg;

    work->request = (struct writer_request){
        .decide = {.wish = work->wish, .verdict = v, .now_ms = clock_wall_ms()}};
    submit(s, &work->request, WRITE_DECIDE, decision_done);
}

/* ---- reading the mail -------------------------------------------------------- */

static void read_loaded(struct sched *s, struct load_work *work, int64_t now)
{
    s->requests--;
    if (work->result < 0) { /* only when the writer stops: nothing was loaded */
        work->request.load.r.reached = 0;
        list_init(&work->request.load.r.jobs);
    }
    if (work->backlog)
        plan_backlog_loaded(&s->plan, &s->window, &work->request.load.r, now);
    else
        plan_main_loaded(&s->plan, &s->window, &work->request.load.r, now);
}

/* A job as the store has it now: kept when the loads have passed it by. */
static void take_stored(struct sched *s, struct job *job, int64_t now)
{
    if (job->pos <= s->plan.cursor)
        (void)window_take(&s->window, job, now);
    else
        job_free(&job);
}

static void read_settled(struct sched *s, struct settled_batch *b, int64_t now)
{
    for (size_t i = 0; i < b->count; i++) {
        struct hold *h = window_find(&s->window, b->items[i].id);
        struct job *again = b->items[i].again;

        if (h != NULL && wishes_settled(&s->wishes, h, again != NULL)) {
            job_free(&again);
            continue;
        }
        if (h != NULL)
            window_drop(&s->window, &h);
        if (again != NULL)
            take_stored(s, again, now);
    }
    free(b);
}

static void read_wish_list(struct sched *s, struct wishes_work *work)
{
    size_t n = 0;
    bool whole = work->result == 0;

    s->requests--;
    s->wish_reading = false;
    for (struct list *e; (e = list_pop(&work->request.wishes.into)) != NULL;) {
        struct wish *wish = list_of(e, struct wish, link);
        int64_t number = wish->number;

        if (!whole) { /* memory was short: the rest is read again */
            wish_free(&wish);
            continue;
        }
        whole = wishes_meet(&s->wishes, &s->window, wish) == 0;
        if (whole)
            s->last_wish = number;
        n++;
    }
    if (!whole || n == WISHES_MOST)
        atomic_store(&s->wished, true);
    else
        s->wishes_met = true;
}

static void read_decided(struct sched *s, struct change_work *work, int64_t now)
{
    struct job *job;

    s->requests--;
    job = wishes_decided(&s->wishes, &s->window, &work);
    if (job != NULL)
        take_stored(s, job, now);
}

static void read_apps(struct sched *s, struct apps_mail *m)
{
    bool *wanted = calloc(65536, sizeof(*wanted));

    if (wanted == NULL) { /* try again at the next reload: the old set stays */
        log_error("sched", LOG_EVENT("no_memory_for_apps"));
        free(m);
        return;
    }
    for (size_t i = 0; i < m->count; i++) {
        struct window_app *a = window_app(&s->window, m->apps[i]);

        if (a == NULL)
            continue;
        wanted[m->apps[i]->index] = true;
        if (!a->served)
            plan_serve(&s->plan, a);
        window_serve(&s->window, a, true);
    }
    for (size_t i = 0; i < s->window.app_count; i++)
        if (s->window.apps[i].served && !wanted[i])
            window_park(&s->window, &s->window.apps[i]);
    free(wanted);
    free(m);
}

static void read_offer(struct sched *s, struct offer_mail *m, int64_t now)
{
    for (struct list *e; (e = list_pop(&m->jobs)) != NULL;)
        (void)window_take(&s->window, list_of(e, struct job, link), now);
    free(m);
}

static void read_letter(struct sched *s, struct letter *letter, int64_t now)
{
    switch ((enum mail)letter->kind) {
    case MAIL_OFFER:
        read_offer(s, list_of(letter, struct offer_mail, letter), now);
        break;
    case MAIL_LOADED:
        read_loaded(s, list_of(letter, struct load_work, letter), now);
        break;
    case MAIL_SETTLED:
        read_settled(s, list_of(letter, struct settled_batch, letter), now);
        break;
    case MAIL_WISHES:
        read_wish_list(s, list_of(letter, struct wishes_work, letter));
        break;
    case MAIL_DECIDED:
        read_decided(s, list_of(letter, struct change_work, letter), now);
        break;
    case MAIL_APPS:
        read_apps(s, list_of(letter, struct apps_mail, letter));
        break;
    }
}

static void read_missed(struct sched *s)
{
    struct range r;

    pthread_mutex_lock(&s->view_mtx);
    r = s->missed;
    s->missed = (struct range){0};
    pthread_mutex_unlock(&s->view_mtx);
    plan_missed(&s->window, r.from, r.to);
}

static void read_mail(struct sched *s)
{
    struct list letters;

    list_init(&letters);
    (void)inbox_take(&s->inbox, &letters, 0);
    for (struct list *e; (e = list_pop(&letters)) != NULL;)
        read_letter(s, list_of(e, struct letter, link), clock_wall_ms());
    read_missed(s);
}

/* ---- a turn ------------------------------------------------------------------ */

static void ask_for_more(struct sched *s, int64_t now)
{
    struct load_request q;

    if (atomic_exchange(&s->wished, false)) {
        if (s->wish_reading)
            atomic_store(&s->wished, true);
        else
            read_wishes(s);
    }
    if (!s->wishes_met)
        return;
    if (plan_main(&s->plan, &s->window, now, &q))
        submit_load(s, &q, false);
    if (plan_backlog(&s->plan, &s->window, &q))
        submit_load(s, &q, true);
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

    read_mail(s);
    if (atomic_load(&s->paused)) {
        show(s);
        return INT64_MAX;
    }
    now = clock_wall_ms();
    if (window_expire(&s->window, now, EXPIRE_MOST) == EXPIRE_MOST)
        wake(s);
    (void)window_give(&s->window, &s->set.taker);
    (void)window_evict(&s->window);
    ask_for_more(s, now);
    show(s);
    next = wheel_next(s->window.wheel);
    plan_at = plan_wake(&s->plan, &s->window, now);
    if (s->window.due_count > 0 && next > now + RETRY_GIVE_MS)
        next = now + RETRY_GIVE_MS;
    return next < plan_at ? next : plan_at;
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
    (void)timerfd_settime(s->timer_fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &t,
                          NULL);
}

static void clock_stepped(struct sched *s)
{
    metric_add(s->m_steps, 1);
    log_warn("sched", LOG_EVENT("clock_stepped"), LOG_INT("now_ms", clock_wall_ms()));
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
    if ((fds[1].revents & POLLIN) != 0 && read(s->timer_fd, &n, sizeof(n)) < 0 &&
        errno == ECANCELED)
        clock_stepped(s);
}

static void *run(void *arg)
{
    struct sched *s = arg;

    while (!atomic_load(&s->stopping) || s->requests > 0)
        wait_for(s, turn(s));
    read_mail(s);
    return NULL;
}

/* ---- what others call ---------------------------------------------------------- */

static void sched_free(struct sched **ps)
{
    struct sched *s = *ps;

    *ps = NULL;
    if (s == NULL)
        return;
    if (s->window.wheel != NULL) {
        wishes_forget(&s->window);
        window_done(&s->window);
    }
    if (s->timer_fd >= 0)
        close(s->timer_fd);
    pthread_mutex_destroy(&s->view_mtx);
    free(s);
}

int sched_start(const struct sched_settings *set, struct sched **ret, struct err *err)
{
    struct sched *s = calloc(1, sizeof(*s));
    int r;

    if (s == NULL)
        return err_set(err, -ENOMEM, "start the scheduler: no memory");
    s->set = *set;
    s->wishes = (struct wishes){send_decision, s};
    s->plan.ahead_ms = set->ahead_ms;
    s->wished = true; /* look at those left from before */
    pthread_mutex_init(&s->view_mtx, NULL);
    s->m_held = metric_series("ontime_window_jobs", NULL);
    s->m_capacity = metric_series("ontime_window_capacity", NULL);
    s->m_steps = metric_series("ontime_clock_steps_total", NULL);
    metric_set(s->m_capacity, (int64_t)set->window.jobs);
    s->timer_fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (s->timer_fd < 0 || window_init(&s->window, &set->window, clock_wall_ms()) < 0) {
        sched_free(&s);
        return err_set(err, -ENOMEM, "start the scheduler: no timer or no memory");
    }
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
    wake(s);
}

void sched_stop(struct sched **ps)
{
    struct sched *s = *ps;

    if (s == NULL)
        return;
    atomic_store(&s->paused, true);
    atomic_store(&s->stopping, true);
    wake(s);
    pthread_join(s->thread, NULL);
    inbox_close(&s->inbox);
    read_mail(s);
    inbox_done(&s->inbox);
    sched_free(ps);
}

int sched_set_apps(struct sched *s, const struct app_name *const *apps, size_t n)
{
    struct apps_mail *m = calloc(1, sizeof(*m) + n * sizeof(apps[0]));

    if (m == NULL)
        return -ENOMEM;
    m->count = n;
    for (size_t i = 0; i < n; i++)
        m->apps[i] = apps[i];
    post(s, &m->letter, MAIL_APPS);
    return 0;
}

/* No room in the mailbox: the store has the jobs, remember where. */
static void miss(struct sched *s, struct list *jobs)
{
    pthread_mutex_lock(&s->view_mtx);
    for (struct list *e; (e = list_pop(jobs)) != NULL;) {
        struct job *j = list_of(e, struct job, link);

        range_widen(&s->missed, j->pos, j->pos + 1);
        job_free(&j);
    }
    pthread_mutex_unlock(&s->view_mtx);
    wake(s);
}

void sched_offer(struct sched *s, struct list *jobs, size_t count)
{
    struct offer_mail *m;
    struct list soon;
    size_t n = 0;

    (void)count;
    list_init(&soon);
    for (struct list *e; (e = list_pop(jobs)) != NULL;) {
        struct job *j = list_of(e, struct job, link);

        if (j->pos > s->store_loaded) { /* a later load will find it */
            job_free(&j);
            continue;
        }
        list_push(&soon, &j->link);
        n++;
    }
    if (n == 0)
        return;
    m = calloc(1, sizeof(*m));
    if (m == NULL) {
        miss(s, &soon);
        return;
    }
    m->letter.kind = MAIL_OFFER;
    list_init(&m->letter.link);
    list_init(&m->jobs);
    list_splice(&m->jobs, &soon);
    if (inbox_put(&s->inbox, &m->letter.link, n) < 0) {
        miss(s, &m->jobs);
        free(m);
    }
}

void sched_settled(struct sched *s, struct settled_batch *batch)
{
    post(s, &batch->letter, MAIL_SETTLED);
}

void sched_wished(struct sched *s)
{
    atomic_store(&s->wished, true);
    wake(s);
}

void sched_room(struct sched *s)
{
    wake(s);
}

void sched_look(struct sched *s, struct sched_view *ret)
{
    pthread_mutex_lock(&s->view_mtx);
    *ret = s->view;
    pthread_mutex_unlock(&s->view_mtx);
}
