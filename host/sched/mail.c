/* SPDX-License-Identifier: Apache-2.0
 *
 * sched/mail.c - the scheduler's mail: what other threads post, and how the
 * scheduler's thread reads it.
 */
#include "config.h"

#include "sched/internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

struct apps_mail {
    struct letter letter;
    size_t count;
    const struct app_name *apps[];
};

struct offer_mail {
    struct letter letter;
    struct list jobs;
};

void sched_post(struct sched *s, struct letter *letter, enum mail kind)
{
    letter->kind = kind;
    list_init(&letter->link);
    if (inbox_post(&s->inbox, &letter->link, 1) < 0)
        assert(!"mail to a scheduler that has ended");
}

/* ---- reading the mail -------------------------------------------------------- */

static void free_jobs(struct list *jobs)
{
    for (struct list *e; (e = list_pop(jobs)) != NULL;) {
        struct job *j = list_of(e, struct job, link);

        job_free(&j);
    }
}

static void read_loaded(struct sched *s, struct load_work *work, int64_t now)
{
    struct load_result *r = &work->request.load.r;

    s->requests--;
    if (work->result < 0) { /* nothing was loaded */
        r->reached = 0;
        list_init(&r->jobs);
    } else if (work->request.tenure != s->window.tenure) {
        r->reached = 0;
        free_jobs(&r->jobs);
    }
    switch (work->lane) {
    case PLAN_BACKLOG:
        plan_backlog_loaded(&s->plan, &s->window, r, now);
        break;
    case PLAN_GAINED:
        plan_gained_loaded(&s->plan, &s->window, r, now);
        break;
    default:
        plan_main_loaded(&s->plan, &s->window, r, now);
    }
}

static void read_settled(struct sched *s, struct settled_batch *b, int64_t now)
{
    for (size_t i = 0; i < b->count; i++) {
        struct hold *h = window_find(&s->window, b->items[i].id);
        struct job *again = b->items[i].again;
        bool look = b->items[i].look;

        if (b->items[i].tenure != s->window.tenure) {
            job_free(&again);
            continue;
        }
        if (h != NULL && wishes_settled(&s->wishes, h, again != NULL || look)) {
            job_free(&again);
            continue;
        }
        if (h != NULL)
            window_drop(&s->window, &h);
        if (again != NULL)
            plan_take(&s->plan, &s->window, again, now);
        else if (look)
            plan_missed(&s->window, 1, s->plan.cursor + 1);
    }
    free(b);
}

/* False without memory. */
static bool meet(struct sched *s, struct wish *wish)
{
    int64_t number = wish->number;

    if (!sched_own_wish(s, wish)) {
        wish_free(&wish);
        return true;
    }
    if (wishes_meet(&s->wishes, &s->window, wish) == 0)
        return true;
    sched_disown_wish(s, number);
    return false;
}

static void read_wish_list(struct sched *s, struct wishes_work *work)
{
    bool whole = work->result == 0 && work->request.tenure == s->window.tenure;
    size_t n = 0;

    s->requests--;
    s->wish_reading = false;
    for (struct list *e; (e = list_pop(&work->request.wishes.into)) != NULL;) {
        struct wish *wish = list_of(e, struct wish, link);
        int64_t number = wish->number;

        if (!whole) { /* memory was short: the rest is read again */
            wish_free(&wish);
            continue;
        }
        whole = meet(s, wish);
        if (whole)
            s->last_wish = number;
        n++;
    }
    if (!whole || n == WISHES_MOST) {
        atomic_store(&s->wished, true);
        return;
    }
    s->wishes_met = s->wishes_met || s->wish_fresh;
    if (s->set.shared) /* an earlier number may still become visible */
        s->last_wish = 0;
}

static void read_decided(struct sched *s, struct change_work *work, int64_t now)
{
    enum change_kind kind = work->wish->kind;
    int result = work->result;
    struct job *job;

    s->requests--;
    if (work->request.tenure != s->window.tenure) {
        change_work_free(&work);
        return;
    }
    if (result == -ENOENT && work->request.decide.verdict == VERDICT_OK) {
        sched_request_decision(s, work, VERDICT_LATE); /* it has ended */
        return;
    }
    sched_disown_wish(s, work->wish->number);
    job = wishes_decided(&s->wishes, &s->window, &work);
    if (job != NULL)
        plan_take(&s->plan, &s->window, job, now);
    else if (result == 0 && kind == CHANGE_REPLACE)
        atomic_store(&s->wished, true); /* it may have left another wish */
    else if (result < 0) /* the row is as it was, wherever that is: look */
        plan_missed(&s->window, 1, s->plan.cursor + 1);
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
        plan_take(&s->plan, &s->window, list_of(e, struct job, link), now);
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

void sched_read_mail(struct sched *s)
{
    /* News of shards are older than letters that came after them; letters
     * that came before them have to be read first. */
    struct shard_news news = sched_take_news(s);
    struct list letters;

    list_init(&letters);
    (void)inbox_take(&s->inbox, &letters, 0);
    for (struct list *e; (e = list_pop(&letters)) != NULL;)
        read_letter(s, list_of(e, struct letter, link), clock_wall_ms());
    read_missed(s);
    sched_read_news(s, &news);
}

/* ---- posting; other threads --------------------------------------------------- */

int sched_set_apps(struct sched *s, const struct app_name *const *apps,
                   size_t n)
{
    struct apps_mail *m = calloc(1, sizeof(*m) + n * sizeof(apps[0]));

    if (m == NULL)
        return -ENOMEM;
    m->count = n;
    for (size_t i = 0; i < n; i++)
        m->apps[i] = apps[i];
    sched_post(s, &m->letter, MAIL_APPS);
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
    sched_wake(s);
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
    sched_post(s, &batch->letter, MAIL_SETTLED);
}
