/* SPDX-License-Identifier: Apache-2.0
 *
 * The scheduler's pure parts against a store that is an array: whatever is
 * put, delayed, retried or evicted, every job is given exactly once per
 * attempt, never early, and none is left behind.
 */
#include "config.h"

#include "sched/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MOST 4000

struct row { /* a live job in the model of the store */
    int64_t id;
    job_pos pos;
    int64_t due_ms;
    const struct app_name *app;
    enum job_priority prio;
    bool live, given;
    unsigned runs, runs_wanted;
};

struct world {
    struct window w;
    struct plan p;
    struct row rows[MOST];
    size_t n;
    int64_t now;
    job_pos store_loaded;
    /* loads under way: executed at the store, not yet read by the scheduler */
    struct load_result res[2];
    bool answered[2];
    size_t stuck_app; /* its jobs find no room: index, or SIZE_MAX */
    size_t given;
    size_t order_breaks;
};

static const struct app_name *apps[3];

static void names(void)
{
    apps[0] = app_name_s("plan_a");
    apps[1] = app_name_s("plan_b");
    apps[2] = app_name_s("plan_c");
}

static struct job *job_of(const struct row *r)
{
    struct job_text t = {.payload = {"{}", 2}};
    struct job *j = job_new(r->app, &t);

    assert_non_null(j);
    j->id = r->id;
    j->pos = r->pos;
    j->due_ms = r->due_ms;
    j->priority = (uint8_t)r->prio;
    return j;
}

static int by_pos(const void *a, const void *b)
{
    const struct row *const *x = a, *const *y = b;

    return (*x)->pos < (*y)->pos ? -1 : (*x)->pos > (*y)->pos;
}

/* What the store would answer. */
static void execute(struct world *x, const struct load_request *q,
                    struct load_result *r)
{
    static struct row *sorted[MOST];
    size_t n = 0;

    list_init(&r->jobs);
    r->count = 0;
    r->reached = q->until - 1;
    for (size_t i = 0; i < x->n; i++)
        if (x->rows[i].live && x->rows[i].pos > q->after &&
            x->rows[i].pos < q->until)
            sorted[n++] = &x->rows[i];
    qsort(sorted, n, sizeof(sorted[0]), by_pos);
    for (size_t i = 0; i < n; i++) {
        if (q->app != NULL && sorted[i]->app != q->app)
            continue;
        if (r->count == q->cap) {
            r->reached = sorted[i]->pos - 1;
            break;
        }
        list_push(&r->jobs, &job_of(sorted[i])->link);
        r->count++;
    }
    if (r->reached > x->store_loaded)
        x->store_loaded = r->reached;
}

static void read_answers(struct world *x)
{
    if (x->answered[0])
        plan_main_loaded(&x->p, &x->w, &x->res[0], x->now);
    if (x->answered[1])
        plan_backlog_loaded(&x->p, &x->w, &x->res[1], x->now);
    x->answered[0] = x->answered[1] = false;
}

static size_t room(void *arg, const struct app_name *app, enum lane lane,
                   enum job_priority prio)
{
    struct world *x = arg;

    (void)lane;
    (void)prio;
    return app->index == x->stuck_app ? 0 : 7;
}

static void give(void *arg, const struct app_name *app, enum lane lane,
                 enum job_priority prio, struct list *jobs, size_t n)
{
    struct world *x = arg;

    for (struct list *e; (e = list_pop(jobs)) != NULL; n--) {
        struct job *j = list_of(e, struct job, link);
        struct row *r = &x->rows[j->id - 1];

        assert_true(r->live);
        assert_false(r->given);           /* never twice */
        assert_true(x->now >= r->due_ms); /* never early */
        assert_ptr_equal(j->app, app);
        assert_int_equal(j->priority, prio);
        assert_int_equal(j->overdue, lane == LANE_OVERDUE);
        r->given = true;
        x->given++;
        job_free(&j);
    }
    assert_int_equal(n, 0);
}

static void start(struct world *x, size_t window, size_t app_count)
{
    struct window_settings set = {window, 1u << 30, 1000};

    memset(x, 0, sizeof(*x));
    x->now = 1700000000000;
    x->stuck_app = SIZE_MAX;
    assert_int_equal(window_init(&x->w, &set, x->now), 0);
    x->p.ahead_ms = 5000;
    for (size_t i = 0; i < app_count; i++) {
        struct window_app *a = window_app(&x->w, apps[i]);

        plan_serve(&x->p, a);
        window_serve(&x->w, a, true);
    }
}

static void finish(struct world *x)
{
    for (int i = 0; i < 2; i++)
        for (struct list *e;
             x->answered[i] && (e = list_pop(&x->res[i].jobs)) != NULL;) {
            struct job *j = list_of(e, struct job, link);

            job_free(&j);
        }
    window_done(&x->w);
}

/* A new job is stored, and offered as the ingest stage does. */
static struct row *put(struct world *x, int64_t due, const struct app_name *app)
{
    struct row *r = &x->rows[x->n];
    int64_t fire = due > x->now ? due : x->now;

    assert_true(x->n < MOST);
    *r = (struct row){.id = (int64_t)++x->n,
                      .due_ms = due,
                      .app = app,
                      .live = true,
                      .runs_wanted = 1};
    r->prio = (enum job_priority)(r->id % JOB_PRIORITIES);
    r->pos = job_pos_at(fire) + r->id;
    return r;
}

/* One that was stored before the scheduler started. */
static void put_old(struct world *x, int64_t due, const struct app_name *app)
{
    struct row *r = put(x, due, app);

    r->pos = job_pos_at(due) + r->id;
}

static void offer(struct world *x, const struct row *r)
{
    if (r->pos > x->store_loaded)
        return;
    read_answers(x); /* mail comes in the order in which the writer did it */
    plan_take(&x->p, &x->w, job_of(r), x->now);
}

static void ask(struct world *x)
{
    struct load_request q;

    if (plan_main(&x->p, &x->w, x->now, &q)) {
        execute(x, &q, &x->res[0]);
        x->answered[0] = true;
    }
    if (plan_backlog(&x->p, &x->w, x->now, &q)) {
        execute(x, &q, &x->res[1]);
        x->answered[1] = true;
    }
}

static void work(struct world *x)
{
    window_expire(&x->w, x->now, 0);
    window_give(&x->w, &(struct window_taker){room, give, x});
    window_evict(&x->w);
}

/* Outcomes of what was given reach the store, then the scheduler: after the
 * answers of loads that were executed before. */
static void settle(struct world *x, unsigned percent)
{
    read_answers(x);
    for (size_t i = 0; i < x->n; i++) {
        struct row *r = &x->rows[i];
        struct hold *h;

        if (!r->given || (unsigned)(rand() % 100) >= percent)
            continue;
        r->given = false;
        r->live = ++r->runs < r->runs_wanted;
        h = window_find(&x->w, r->id);
        assert_non_null(h);
        window_drop(&x->w, &h);
        if (!r->live)
            continue;
        r->due_ms = x->now + rand() % 3000; /* a retry */
        r->pos = job_pos_at(r->due_ms) + r->id;
        plan_take(&x->p, &x->w, job_of(r), x->now);
    }
}

static bool all_done(const struct world *x)
{
    for (size_t i = 0; i < x->n; i++)
        if (x->rows[i].live)
            return false;
    return true;
}

static void drain(struct world *x)
{
    for (int turn = 0; turn < 20000 && !all_done(x); turn++) {
        x->now += 50;
        read_answers(x);
        work(x);
        settle(x, 100);
        ask(x);
    }
}

static void random_run(unsigned seed)
{
    static struct world x;

    srand(seed);
    start(&x, 40 + (size_t)(rand() % 100), 1 + seed % 3);
    for (int i = 0; i < 500; i++) /* from before the start */
        put_old(&x, x.now - rand() % 100000,
                apps[(unsigned)rand() % (1 + seed % 3)]);
    while (x.n < MOST - 10) {
        x.now += rand() % 40;
        if (rand() % 200 == 0)
            x.now += 5000; /* a stall or a step */
        if (rand() % 50 == 0)
            x.stuck_app = (unsigned)rand() % 2 == 0 ? SIZE_MAX : apps[0]->index;
        if (rand() % 2 == 0)
            read_answers(&x);
        for (int i = rand() % 8; i > 0; i--) {
            struct row *r = put(&x, x.now + rand() % 12000 - 1000,
                                apps[(unsigned)rand() % (1 + seed % 3)]);

            r->runs_wanted = rand() % 10 == 0 ? 3 : 1;
            offer(&x, r);
        }
        work(&x);
        settle(&x, 60);
        ask(&x);
        assert_true(x.w.ids.used <= x.w.set.jobs);
    }
    x.stuck_app = SIZE_MAX;
    drain(&x);
    assert_true(all_done(&x));
    assert_int_equal(x.w.ids.used, 0);
    finish(&x);
}

static void nothing_is_lost_or_given_twice(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 30; seed++)
        random_run(seed);
}

static void overdue_do_not_stand_before_on_time(void **state)
{
    static struct world x;
    struct row *r;

    (void)state;
    start(&x, 100, 1);
    for (int i = 0; i < 3000; i++)
        put_old(&x, x.now - 500000 + i, apps[0]);
    r = put(&x, x.now + 1000, apps[0]);
    for (int i = 0; i < 30 && !r->given; i++) {
        ask(&x);
        read_answers(&x);
        x.now += 50;
        work(
            &x); /* gives 7 of each queue a turn: the backlog lasts far longer */
        if (!r->given)
            settle(&x, 100);
    }
    assert_true(r->given);
    assert_in_range(x.now - r->due_ms, 0, 100);
    finish(&x);
}

static void a_stuck_app_leaves_room_for_others(void **state)
{
    static struct world x;
    size_t n = 0;

    (void)state;
    start(&x, 64, 2);
    x.stuck_app = apps[0]->index;
    for (int i = 0; i < 1000; i++)
        put_old(&x, x.now - 1000, apps[0]);
    for (int i = 0; i < 100; i++)
        put(&x, x.now - 500 + i * 20, apps[1]);
    for (int i = 0; i < 400; i++) {
        ask(&x);
        read_answers(&x);
        x.now += 10;
        work(&x);
        settle(&x, 100);
    }
    for (size_t i = 0; i < x.n; i++)
        n += x.rows[i].app == apps[1] && !x.rows[i].live;
    assert_int_equal(n, 100);
    finish(&x);
}

static void an_app_served_later_finds_its_jobs(void **state)
{
    static struct world x;
    struct window_app *b;

    (void)state;
    start(&x, 100, 1);
    for (int i = 0; i < 50; i++)
        put(&x, x.now + i * 10 - 200, apps[1]);
    for (int i = 0; i < 20; i++) {
        ask(&x);
        read_answers(&x);
        x.now += 50;
        work(&x);
    }
    assert_int_equal(x.given, 0);
    assert_true(x.w.parked > 0);
    b = window_app(&x.w, apps[1]);
    plan_serve(&x.p, b);
    window_serve(&x.w, b, true);
    drain(&x);
    assert_int_equal(x.given, 50);
    finish(&x);
}

static void the_main_lane_sleeps_until_it_is_needed(void **state)
{
    static struct world x;
    struct load_request q;

    (void)state;
    start(&x, 100, 1);
    ask(&x);
    read_answers(&x);
    assert_false(plan_main(&x.p, &x.w, x.now, &q));
    assert_in_range(plan_wake(&x.p, &x.w, x.now), x.now + 2000, x.now + 3000);
    x.now = plan_wake(&x.p, &x.w, x.now) + 1;
    assert_true(plan_main(&x.p, &x.w, x.now, &q));
    finish(&x);
}

/* A window full of jobs that are due in a while does not keep one that is due
 * at once waiting; what was let go for it is found again. */
static void a_full_window_makes_room_for_what_is_sooner(void **state)
{
    static struct world x;
    struct row *r;

    (void)state;
    start(&x, 100, 1);
    for (int i = 0; i < 300; i++)
        put_old(&x, x.now + 4000 + i, apps[0]);
    for (int i = 0; i < 5; i++) {
        ask(&x);
        read_answers(&x);
        work(&x);
    }
    for (int i = 0; i < 200; i++) { /* twice what it holds */
        r = put(&x, x.now + 100 + i, apps[0]);
        offer(&x, r);
        assert_true(x.w.ids.used <= 100);
        x.now += 10;
        work(&x);
        settle(&x, 100);
        ask(&x);
    }
    for (int i = 0; i < 100 && x.now < 1700000000000 + 3900; i++) {
        x.now += 20;
        work(&x);
        settle(&x, 100);
    }
    for (size_t i = 300; i < 500; i++)
        assert_false(x.rows[i].live);
    drain(&x);
    assert_true(all_done(&x));
    finish(&x);
}

/* The cursor is moved forward over what no load has looked at: changes of jobs
 * there are not ours to decide yet, so they are not taken in either. */
static void what_was_jumped_over_is_not_taken_before_it_is_loaded(void **state)
{
    static struct world x;
    struct load_request q;
    struct row *r;

    (void)state;
    start(&x, 100, 1);
    ask(&x);
    read_answers(&x);
    x.now += 60000; /* a step, a suspend */
    r = put(&x, x.now - 100, apps[0]);
    r->pos = job_pos_at(x.now - 100) + 1;
    assert_true(plan_main(&x.p, &x.w, x.now, &q)); /* it jumps, and asks */
    plan_take(&x.p, &x.w, job_of(r), x.now);
    assert_null(window_find(&x.w, r->id));
    execute(&x, &q, &x.res[0]);
    x.answered[0] = true;
    drain(&x);
    assert_true(all_done(&x));
    assert_int_equal(x.given, 1);
    finish(&x);
}

static int setup(void **state)
{
    (void)state;
    names();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_lost_or_given_twice),
        cmocka_unit_test(overdue_do_not_stand_before_on_time),
        cmocka_unit_test(a_stuck_app_leaves_room_for_others),
        cmocka_unit_test(an_app_served_later_finds_its_jobs),
        cmocka_unit_test(the_main_lane_sleeps_until_it_is_needed),
        cmocka_unit_test(a_full_window_makes_room_for_what_is_sooner),
        cmocka_unit_test(what_was_jumped_over_is_not_taken_before_it_is_loaded),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
