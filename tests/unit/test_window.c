/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_window.c - the jobs in memory: what is taken, what is turned
 * away, what is counted, and what is asked for.
 */
#include "config.h"

#include "sched/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define NOW INT64_C(1700000000000)

static struct window w;
static const struct app_name *a, *b;

static int setup(void **state)
{
    struct window_settings set = {100, 1 << 20, 1000};

    (void)state;
    a = app_name_s("window_a");
    b = app_name_s("window_b");
    assert_int_equal(window_init(&w, &set, NOW), 0);
    window_serve(&w, window_app(&w, a), true);
    window_serve(&w, window_app(&w, b), true);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    window_done(&w);
    return 0;
}

static struct job *job_at(int64_t id, const struct app_name *app, int64_t due)
{
    struct job *j = job_new(app, &(struct job_text){{0}, {"payload", 7}, {0}});

    assert_non_null(j);
    j->id = id;
    j->due_ms = due;
    j->pos = job_pos_at(due) + id;
    return j;
}

static enum window_answer take(int64_t id, const struct app_name *app,
                               int64_t due)
{
    return window_take(&w, job_at(id, app, due), NOW);
}

/* A taker with some room, which keeps the ids in the order in which they came. */
struct taken {
    size_t room, n;
    int64_t ids[300];
    enum lane lanes[300];
};

static size_t room(void *arg, const struct app_name *app, enum lane lane,
                   enum job_priority priority)
{
    const struct taken *t = arg;

    (void)app, (void)lane, (void)priority;
    return t->room;
}

static void give(void *arg, const struct app_name *app, enum lane lane,
                 enum job_priority priority, struct list *jobs, size_t n)
{
    struct taken *t = arg;

    (void)priority;
    assert_true(n <= t->room);
    for (struct list *e; (e = list_pop(jobs)) != NULL; n--) {
        struct job *j = list_of(e, struct job, link);

        assert_ptr_equal(j->app, app);
        t->lanes[t->n] = lane;
        t->ids[t->n++] = j->id;
        job_free(&j);
    }
    assert_int_equal(n, 0);
}

static size_t give_all(struct taken *t)
{
    return window_give(&w, &(struct window_taker){room, give, t});
}

static void a_job_waits_until_it_is_due(void **state)
{
    struct taken t = {.room = 100};

    (void)state;
    assert_int_equal(take(1, a, NOW + 10), WINDOW_TAKEN);
    assert_int_equal(window_find(&w, 1)->state, HOLD_WAITING);
    assert_int_equal(window_expire(&w, NOW + 9, 0), 0);
    assert_int_equal(give_all(&t), 0);
    assert_int_equal(window_expire(&w, NOW + 10, 0), 1);
    assert_int_equal(window_find(&w, 1)->state, HOLD_DUE);
    assert_int_equal(w.due_count, 1);
    assert_int_equal(give_all(&t), 1);
    assert_int_equal(window_find(&w, 1)->state, HOLD_GIVEN);
    assert_int_equal(w.due_count, 0);
    assert_int_equal(t.lanes[0], LANE_ON_TIME);
}

/* Stored behind its due time, where more than fit share a millisecond: its
 * place counts.  And a place before its due time does not make it early. */
static void the_later_of_place_and_due_time_counts(void **state)
{
    struct job *j = job_at(1, a, NOW + 50);

    (void)state;
    j->pos = job_pos_at(NOW + 60);
    assert_int_equal(window_take(&w, j, NOW), WINDOW_TAKEN);
    j = job_at(2, a, NOW + 50);
    j->pos = job_pos_at(NOW + 40);
    assert_int_equal(window_take(&w, j, NOW), WINDOW_TAKEN);
    assert_int_equal(window_expire(&w, NOW + 49, 0), 0);
    assert_int_equal(window_expire(&w, NOW + 50, 0), 1);
    assert_int_equal(window_find(&w, 2)->state, HOLD_DUE);
    assert_int_equal(window_expire(&w, NOW + 60, 0), 1);
}

static void an_id_is_taken_once(void **state)
{
    struct taken t = {.room = 100};

    (void)state;
    assert_int_equal(take(1, a, NOW), WINDOW_TAKEN);
    assert_int_equal(take(1, a, NOW), WINDOW_KNOWN);
    assert_int_equal(give_all(&t), 1);
    assert_int_equal(take(1, a, NOW), WINDOW_KNOWN); /* with a worker */
    assert_int_equal(w.ids.used, 1);
}

static void lateness_makes_the_lane(void **state)
{
    struct taken t = {.room = 100};

    (void)state;
    take(1, a, NOW - 1000);
    take(2, a, NOW - 1001);
    assert_int_equal(window_app(&w, a)->overdue_held, 1);
    assert_int_equal(give_all(&t), 2);
    assert_int_equal(t.ids[0], 1);
    assert_int_equal(t.lanes[0], LANE_ON_TIME);
    assert_int_equal(t.ids[1], 2);
    assert_int_equal(t.lanes[1], LANE_OVERDUE);
}

static void no_more_than_there_is_room_for(void **state)
{
    struct taken t = {.room = 3};

    (void)state;
    for (int64_t id = 1; id <= 10; id++)
        take(id, a, NOW - 10 + id);
    assert_int_equal(give_all(&t), 3);
    assert_int_equal(w.due_count, 7);
    assert_int_equal(give_all(&t), 3);
    assert_int_equal(t.ids[5], 6); /* in order */
    t.room = 0;
    assert_int_equal(give_all(&t), 0);
    t.room = 100;
    assert_int_equal(give_all(&t), 4);
}

static void priorities_have_queues_of_their_own(void **state)
{
    struct taken t = {.room = 1};

    (void)state;
    for (int64_t id = 1; id <= 9; id++) {
        struct job *j = job_at(id, a, NOW);

        j->priority = (uint8_t)(id % JOB_PRIORITIES);
        assert_int_equal(window_take(&w, j, NOW), WINDOW_TAKEN);
    }
    assert_int_equal(give_all(&t), 3);
    assert_int_equal(t.ids[0], 3);
    assert_int_equal(t.ids[1], 1);
    assert_int_equal(t.ids[2], 2);
}

static void a_full_window_remembers_where(void **state)
{
    struct window_app *x = window_app(&w, a);

    (void)state;
    for (int64_t id = 1; id <= 100; id++)
        assert_int_equal(take(id, b, NOW + 1000), WINDOW_TAKEN);
    assert_int_equal(window_room(&w), 0);
    assert_int_equal(take(200, a, NOW + 500), WINDOW_FULL);
    assert_int_equal(take(201, a, NOW + 900), WINDOW_FULL);
    assert_true(x->missed.from == job_pos_at(NOW + 500) + 200);
    assert_true(x->missed.to == job_pos_at(NOW + 900) + 201 + 1);
    assert_true(window_app(&w, b)->missed.to == 0);
    assert_int_equal(w.ids.used, 100);
}

static void memory_is_bounded(void **state)
{
    char big[10000] = "";
    struct job_text text = {.payload = {big, sizeof(big)}};
    size_t n = 0, bytes;

    (void)state;
    w.set.bytes = 55000;
    for (int64_t id = 1; id <= 20; id++) {
        struct job *j = job_new(a, &text);

        assert_non_null(j);
        j->id = id;
        j->due_ms = NOW + 1000;
        j->pos = job_pos_at(NOW + 1000) + id;
        n += window_take(&w, j, NOW) == WINDOW_TAKEN;
    }
    assert_int_equal(n, 6); /* the one that passes the bound is the last */
    assert_true(w.bytes >= 55000 && w.bytes < 55000 + 11000);
    bytes = w.bytes;
    assert_int_equal(window_room(&w), 0);
    for (int64_t id = 1; id <= 6; id++) {
        struct hold *h = window_find(&w, id);

        window_drop(&w, &h);
        assert_null(h);
        assert_true(w.bytes < bytes);
        bytes = w.bytes;
    }
    assert_int_equal(w.bytes, 0);
    assert_int_equal(w.ids.used, 0);
    assert_int_equal(window_app(&w, a)->held, 0);
}

/* Loads bring what there is room for, in bytes as well. */
static void loads_are_bounded_by_bytes(void **state)
{
    struct plan p = {.ahead_ms = 5000};
    struct load_request q;

    (void)state;
    w.set.bytes = 10000;
    assert_true(plan_main(&p, &w, NOW, &q));
    assert_int_equal(q.bytes_cap, 10000);
    p.main_busy = false;
    w.bytes = 6000;
    assert_true(plan_main(&p, &w, NOW, &q));
    assert_int_equal(q.bytes_cap, 4000);
    p.main_busy = false;
    w.bytes = 9700; /* for so little no load is worth its while */
    assert_false(plan_main(&p, &w, NOW, &q));
    assert_false(plan_backlog(&p, &w, NOW, &q));
    w.bytes = 0;
}

/* What a worker has still counts: it is in memory too. */
static void what_is_given_still_counts(void **state)
{
    struct taken t = {.room = 100};
    struct hold *h;

    (void)state;
    for (int64_t id = 1; id <= 100; id++)
        take(id, a, NOW);
    assert_int_equal(give_all(&t), 100);
    assert_int_equal(window_room(&w), 0);
    assert_int_equal(take(200, a, NOW), WINDOW_FULL);
    h = window_find(&w, 7);
    window_drop(&w, &h);
    assert_int_equal(window_room(&w), 1);
    assert_int_equal(take(200, a, NOW), WINDOW_TAKEN);
}

static void an_app_that_is_not_served_is_parked(void **state)
{
    struct taken t = {.room = 100};

    (void)state;
    assert_int_equal(take(1, app_name_s("window_c"), NOW), WINDOW_PARKED);
    assert_int_equal(w.parked, 1);
    take(2, a, NOW);
    take(3, a, NOW + 500);
    take(4, b, NOW);
    take(5, a, NOW - 5000);
    t.room = 1;
    give_all(&t); /* 2, 4 and 5 are with workers */
    take(6, a, NOW);
    window_app(&w, a)->missed = (struct range){5, 9};
    window_park(&w, window_app(&w, a));
    assert_null(window_find(&w, 3));
    assert_null(window_find(&w, 6));
    assert_non_null(window_find(&w, 2)); /* its outcome is to come */
    assert_non_null(window_find(&w, 4));
    assert_int_equal(window_app(&w, a)->held, 2);
    assert_int_equal(window_app(&w, a)->due_count, 0);
    assert_true(window_app(&w, a)->missed.to == 0);
    assert_int_equal(w.served_count, 1);
    assert_int_equal(take(7, a, NOW), WINDOW_PARKED);
    assert_int_equal(take(8, b, NOW), WINDOW_TAKEN);
    window_serve(&w, window_app(&w, a), true);
    assert_int_equal(take(7, a, NOW), WINDOW_TAKEN);
    assert_int_equal(take(2, a, NOW), WINDOW_KNOWN);
}

static void parking_lets_go_of_all(void **state)
{
    (void)state;
    w.set.jobs = 5000;
    for (int64_t id = 1; id <= 3000; id++)
        take(id, id % 3 == 0 ? b : a, NOW + id % 2 * 1000);
    window_park(&w, window_app(&w, a));
    assert_int_equal(w.ids.used, 1000);
    assert_int_equal(window_app(&w, a)->held, 0);
    assert_int_equal(window_app(&w, b)->held, 1000);
    assert_int_equal(w.due_count, window_app(&w, b)->due_count);
}

/* An app that does not get on gives up what is more than its share, the overdue
 * and low ones first, and it is remembered where they are. */
static void who_holds_too_much_is_cut(void **state)
{
    struct window_app *x = window_app(&w, a);

    (void)state;
    for (int64_t id = 1; id <= 30; id++)
        take(id, a, NOW - 5000 + id);
    for (int64_t id = 31; id <= 80; id++)
        take(id, a, NOW - 100 + id);
    for (int64_t id = 81; id <= 90; id++)
        take(id, b, NOW);
    assert_int_equal(window_evict(&w), 80 - 50 + 50 / 8);
    assert_int_equal(x->due_count, 44);
    assert_int_equal(window_app(&w, b)->due_count, 10);
    assert_null(window_find(&w, 1)); /* overdue: all of these are gone */
    assert_null(window_find(&w, 30));
    assert_non_null(window_find(&w, 31));
    assert_null(window_find(&w, 80)); /* then the last of those on time */
    assert_true(x->missed.from == job_pos_at(NOW - 5000 + 1) + 1);
    assert_true(x->missed.to == job_pos_at(NOW - 20) + 80 + 1);
    assert_int_equal(window_evict(&w), 0);
}

static void alone_it_may_hold_all(void **state)
{
    (void)state;
    window_serve(&w, window_app(&w, b), false);
    for (int64_t id = 1; id <= 90; id++)
        take(id, a, NOW);
    assert_int_equal(window_evict(&w), 0);
}

static void a_grabbed_job_cannot_fire(void **state)
{
    struct hold *h;

    (void)state;
    take(1, a, NOW + 5);
    take(2, a, NOW);
    h = window_find(&w, 1);
    window_grab(&w, h);
    assert_int_equal(window_expire(&w, NOW + 100, 0), 0);
    h = window_find(&w, 2);
    window_grab(&w, h);
    assert_int_equal(w.due_count, 0);
    assert_int_equal(window_find(&w, 2)->state, HOLD_CHANGING);
    h = window_claim(&w, 3, 0);
    assert_non_null(h);
    assert_int_equal(take(3, a, NOW), WINDOW_KNOWN);
    for (int64_t id = 1; id <= 3; id++) {
        h = window_find(&w, id);
        window_drop(&w, &h);
    }
    assert_int_equal(w.ids.used, 0);
    assert_int_equal(window_app(&w, a)->held, 0);
    assert_int_equal(w.bytes, 0);
}

static void ranges_are_widened(void **state)
{
    struct range r = {0};

    (void)state;
    range_widen(&r, 5, 5);
    assert_true(r.from == 0 && r.to == 0);
    range_widen(&r, 10, 20);
    assert_true(r.from == 10 && r.to == 20);
    range_widen(&r, 30, 31);
    assert_true(r.from == 10 && r.to == 31);
    range_widen(&r, 2, 3);
    assert_true(r.from == 2 && r.to == 31);
    range_widen(&r, 5, 6);
    assert_true(r.from == 2 && r.to == 31);
}

/* More apps than there was room for at first: queues move with them. */
static void apps_may_be_many(void **state)
{
    struct taken t = {.room = 100};
    char name[20];

    (void)state;
    take(1, a, NOW);
    take(2, a, NOW - 9000);
    for (int i = 0; i < 100; i++) {
        (void)snprintf(name, sizeof(name), "window_%d", i);
        assert_non_null(window_app(&w, app_name_s(name)));
    }
    assert_int_equal(give_all(&t), 2);
    assert_int_equal(t.ids[0], 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_job_waits_until_it_is_due),
        T(the_later_of_place_and_due_time_counts),
        T(an_id_is_taken_once),
        T(lateness_makes_the_lane),
        T(no_more_than_there_is_room_for),
        T(priorities_have_queues_of_their_own),
        T(a_full_window_remembers_where),
        T(memory_is_bounded),
        T(loads_are_bounded_by_bytes),
        T(what_is_given_still_counts),
        T(an_app_that_is_not_served_is_parked),
        T(parking_lets_go_of_all),
        T(who_holds_too_much_is_cut),
        T(alone_it_may_hold_all),
        T(a_grabbed_job_cannot_fire),
        T(ranges_are_widened),
        T(apps_may_be_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
