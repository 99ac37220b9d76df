/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_sched.c - the scheduler at work: what fires when, whatever
 * comes in between.
 */
#include "config.h"

#include "sched_rig.h"

static struct rig rig;

static int setup(void **state)
{
    (void)state;
    rig_open(&rig);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rig_close(&rig);
    return 0;
}

static void settle_all(size_t n)
{
    for (size_t done = 0; done < n;) {
        int64_t id = 0;

        (void)pthread_mutex_lock(&rig.mtx);
        for (size_t i = 0; i < rig.count && id == 0; i++)
            if (rig.given[i].job != NULL)
                id = rig.given[i].id;
        (void)pthread_mutex_unlock(&rig.mtx);
        if (id == 0) {
            rig_step();
            continue;
        }
        rig_end(&rig, id, OUTCOME_DONE, 0);
        done++;
    }
}

static void once_each(int64_t first, size_t n)
{
    (void)first;
    for (size_t i = 0; i < rig.count; i++)
        assert_int_equal(rig_times(&rig, rig.given[i].id, NULL), 1);
    assert_int_equal(rig_count(&rig), n);
}

/* rig_give() looks that none is early. */
static void jobs_fire_at_their_time(void **state)
{
    int64_t now;

    (void)state;
    rig_start(&rig, 1000);
    rig_started(&rig);
    now = clock_wall_ms();
    (void)rig_put(&rig, rig.a, 100, now + 100, 3);
    assert_int_equal(rig_count(&rig), 0);
    rig_until(rig_count(&rig) == 100);
    assert_true(clock_wall_ms() >= now + 100 + 99 * 3);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(rig.given[i].lane, LANE_ON_TIME);
    once_each(1, 100);
}

static void what_was_stored_before_is_found(void **state)
{
    int64_t now = clock_wall_ms();

    (void)state;
    (void)rig_put(&rig, rig.a, 30, now + 300, 1);
    (void)rig_put(&rig, rig.a, 20, now - 100, 1);
    rig_start(&rig, 1000);
    rig_until(rig_count(&rig) == 50);
    once_each(1, 50);
}

/* Far more than the window holds, all overdue: as fast as they are settled. */
static void the_overdue_come_in_as_there_is_room(void **state)
{
    struct sched_view v;

    (void)state;
    (void)rig_put(&rig, rig.a, 700, clock_wall_ms() - 100, 0);
    rig_start(&rig, 100);
    rig_until(rig_count(&rig) >= 50);
    sched_look(rig.sched, &v);
    assert_true(v.held <= 100);
    assert_true(v.backlog);
    assert_true(rig_count(&rig) <= 100);
    settle_all(700);
    once_each(1, 700);
    rig_until((sched_look(rig.sched, &v), v.held == 0 && !v.backlog));
}

static void a_restart_goes_on_where_it_was(void **state)
{
    int64_t now = clock_wall_ms(), id;
    struct given g = {0};
    struct job *j;
    struct writer_request q = {.kind = WRITE_RUNNING,
                               .running = {.jobs = &j, .count = 1}};

    (void)state;
    rig_start(&rig, 1000);
    rig_started(&rig);
    id = rig_put(&rig, rig.a, 10, now, 0);
    rig_until(rig_count(&rig) == 10);
    j = rig_fetch(&rig, id); /* was marked, and then there was a crash */
    assert_int_equal(writer_run(rig.writer, &q, NULL), 0);
    job_free(&j);
    rig_stop(&rig);
    rig.count = 0;
    rig_open_store(&rig);
    rig_start(&rig, 1000);
    rig_until(rig_count(&rig) == 10);
    once_each(1, 10);
    assert_int_equal(rig_times(&rig, id, &g), 1);
    assert_true(g.redelivered);
    assert_false(rig.given[0].redelivered && rig.given[1].redelivered);
}

static void a_retry_fires_again_when_it_is_due(void **state)
{
    struct given g = {0};
    int64_t id, at;

    (void)state;
    rig_start(&rig, 1000);
    rig_started(&rig);
    id = rig_put(&rig, rig.a, 1, clock_wall_ms(), 0);
    rig_until(rig_times(&rig, id, NULL) == 1);
    at = clock_wall_ms() + 150;
    rig_end(&rig, id, OUTCOME_RETRY, at);
    rig_until(rig_times(&rig, id, &g) == 2);
    assert_int_equal(g.attempt, 1);
    assert_int_equal(g.due_ms, at);
    assert_true(g.at_ms >= at);
    rig_end(&rig, id, OUTCOME_DONE, 0);
}

/* Nobody had memory for the job: the store has it. */
static void a_retry_that_it_is_not_given_is_looked_for(void **state)
{
    struct given g = {0};
    int64_t id, late, at;

    (void)state;
    rig_start(&rig, 1000);
    rig_started(&rig);
    id = rig_put(&rig, rig.a, 1, clock_wall_ms(), 0);
    late = rig_put(&rig, rig.a, 1, clock_wall_ms(), 0);
    rig_until(rig_count(&rig) == 2);
    rig.no_copies = true;
    at = clock_wall_ms() + 150;
    rig_end(&rig, id, OUTCOME_RETRY, at);
    rig_end(&rig, late, OUTCOME_RETRY, at - 1000); /* is due already */
    rig_until(rig_times(&rig, id, &g) == 2);
    assert_int_equal(g.attempt, 1);
    assert_true(g.at_ms >= at);
    rig_until(rig_times(&rig, late, &g) == 2);
    rig_end(&rig, id, OUTCOME_DONE, 0);
    rig_end(&rig, late, OUTCOME_DONE, 0);
    assert_int_equal(rig_count(&rig), 4);
}

static void a_late_retry_is_not_kept_in_memory(void **state)
{
    struct sched_view v;
    int64_t id;

    (void)state;
    rig_start(&rig, 1000);
    rig_started(&rig);
    id = rig_put(&rig, rig.a, 1, clock_wall_ms(), 0);
    rig_until(rig_times(&rig, id, NULL) == 1);
    rig_end(&rig, id, OUTCOME_RETRY, clock_wall_ms() + 3600000);
    rig_until((sched_look(rig.sched, &v), v.held == 0));
    rig_put(&rig, rig.a, 5, clock_wall_ms() + 3600000,
            0); /* nor are far jobs */
    sched_look(rig.sched, &v);
    assert_int_equal(v.held, 0);
}

static void apps_come_and_go(void **state)
{
    struct sched_view v;
    int64_t id;

    (void)state;
    rig_start(&rig, 1000);
    rig_started(&rig);
    (void)rig_put(&rig, rig.b, 10, clock_wall_ms(), 0);
    id = rig_put(&rig, rig.a, 1, clock_wall_ms(), 0);
    rig_until(rig_count(&rig) == 1);
    assert_int_equal(rig_times(&rig, id, NULL), 1);
    rig_serve(&rig, true, true);
    rig_until(rig_count(&rig) == 11);
    (void)rig_put(&rig, rig.b, 10, clock_wall_ms() + 200, 0);
    rig_serve(&rig, true, false); /* before they are due */
    rig_until((sched_look(rig.sched, &v), v.held == 11)); /* with the taker */
    id = rig_put(&rig, rig.a, 1, clock_wall_ms() + 250, 0);
    rig_until(rig_times(&rig, id, NULL) == 1);
    assert_int_equal(rig_count(&rig), 12);
    rig_serve(&rig, true, true);
    rig_until(rig_count(&rig) == 22);
    once_each(1, 22);
}

static void a_job_that_is_returned_is_given_again(void **state)
{
    struct settled_batch *b = malloc(sizeof(*b) + sizeof(b->items[0]));
    int64_t id;

    (void)state;
    assert_non_null(b);
    rig_start(&rig, 1000);
    rig_started(&rig);
    id = rig_put(&rig, rig.a, 1, clock_wall_ms(), 0);
    rig_until(rig_times(&rig, id, NULL) == 1);
    b->count = 1;
    b->items[0] = (struct settled){.id = id, .again = rig_fetch(&rig, id)};
    sched_settled(rig.sched, b); /* from a thread that is not the writer's */
    rig_until(rig_times(&rig, id, NULL) == 2);
    rig_end(&rig, id, OUTCOME_DONE, 0);
}

static void without_room_they_wait(void **state)
{
    struct sched_view v;

    (void)state;
    atomic_store(&rig.room, 0);
    rig_start(&rig, 50);
    rig_started(&rig);
    (void)rig_put(&rig, rig.a, 200, clock_wall_ms(), 0);
    rig_until((sched_look(rig.sched, &v), v.held == 50));
    assert_int_equal(rig_count(&rig), 0);
    atomic_store(&rig.room, 7);
    sched_room(rig.sched);
    settle_all(200);
    once_each(1, 200);
}

/* The window is full of jobs that are due in a while. */
static void what_is_sooner_does_not_wait_for_what_is_later(void **state)
{
    int64_t now, id;
    struct given g = {0};

    (void)state;
    (void)rig_put(&rig, rig.a, 400, clock_wall_ms() + 3800, 1);
    rig_start(&rig, 100);
    rig_started(&rig);
    now = clock_wall_ms();
    for (int i = 0; i < 40; i++) {
        id = rig_put(&rig, rig.a, 1, now + 200, 0);
        if (i == 0 || i == 39)
            assert_int_equal(rig_times(&rig, id, NULL), 0);
    }
    rig_until(rig_times(&rig, id, &g) == 1);
    rig_until(rig_count(&rig) >= 40);
    assert_true(clock_wall_ms() < now + 3500); /* before the others were due */
    settle_all(440);
    once_each(1, 440);
}

/* More offers than the mailbox takes while the scheduler is busy. */
static void offers_that_find_no_room_are_not_lost(void **state)
{
    (void)state;
    rig_start(&rig, 100);
    rig_started(&rig);
    atomic_store(&rig.held, true);
    (void)rig_put(&rig, rig.a, 1, clock_wall_ms(), 0);
    rig_until(atomic_load(&rig.inside));
    for (int i = 0; i < 10; i++)
        (void)rig_put(&rig, rig.a, 20, clock_wall_ms(), 0);
    atomic_store(&rig.held, false);
    settle_all(201);
    once_each(1, 201);
}

static void after_a_pause_nothing_fires(void **state)
{
    int64_t id;

    (void)state;
    rig_start(&rig, 1000);
    rig_started(&rig);
    (void)rig_put(&rig, rig.a, 20, clock_wall_ms() + 150, 0);
    id = rig_put(&rig, rig.a, 1, clock_wall_ms(), 0);
    rig_until(rig_times(&rig, id, NULL) == 1);
    sched_pause(rig.sched);
    for (int i = 0; i < 300; i++)
        rig_step();
    assert_int_equal(rig_count(&rig), 1);
    rig_end(&rig, id, OUTCOME_DONE, 0); /* can still be settled */
}

static void it_stops_in_the_middle(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        (void)rig_put(&rig, rig.a, 100, clock_wall_ms(), 0);
        rig_start(&rig, 50);
        rig_serve(&rig, true, true);
        for (int k = 0; k < i; k++)
            rig_step();
        rig_stop(&rig);
        rig.count = 0;
        rig_open_store(&rig);
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(jobs_fire_at_their_time),
        T(what_was_stored_before_is_found),
        T(the_overdue_come_in_as_there_is_room),
        T(a_restart_goes_on_where_it_was),
        T(a_retry_fires_again_when_it_is_due),
        T(a_retry_that_it_is_not_given_is_looked_for),
        T(a_late_retry_is_not_kept_in_memory),
        T(apps_come_and_go),
        T(a_job_that_is_returned_is_given_again),
        T(without_room_they_wait),
        T(what_is_sooner_does_not_wait_for_what_is_later),
        T(offers_that_find_no_room_are_not_lost),
        T(after_a_pause_nothing_fires),
        T(it_stops_in_the_middle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
