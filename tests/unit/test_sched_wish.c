/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_sched_wish.c - changes of jobs that the scheduler has in
 * memory, decided by its thread and written by the store's.
 */
#include "config.h"

#include "sched_rig.h"

#include <sqlite3.h>

static struct rig rig;

static int setup(void **state)
{
    (void)state;
    rig_open(&rig);
    rig_start(&rig, 1000);
    rig_started(&rig);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rig_close(&rig);
    return 0;
}

/* Leaves a wish and tells of it; its number. */
static int64_t wish(struct change c)
{
    int64_t number = rig_change(&rig, c);

    assert_true(number > 0); /* it is loaded: ours to decide */
    sched_wished(rig.sched);
    return number;
}

static void decided(int64_t number, enum verdict v)
{
    rig_until(rig_verdict(&rig, number) != VERDICT_NONE);
    assert_int_equal(rig_verdict(&rig, number), v);
}

static int64_t waiting(void)
{
    return rig_put(&rig, rig.a, 1, clock_wall_ms() + 1500, 0);
}

/* One that the taker has. */
static int64_t given(void)
{
    int64_t id = rig_put(&rig, rig.a, 1, clock_wall_ms(), 0);

    rig_until(rig_times(&rig, id, NULL) == 1);
    return id;
}

static void nothing_is_held(void)
{
    struct sched_view v;

    rig_until((sched_look(rig.sched, &v), v.held == 0));
}

/* Until what is due then would have fired. */
static void let_pass(int64_t at)
{
    int64_t id = rig_put(&rig, rig.a, 1, at, 0);

    rig_until(rig_times(&rig, id, NULL) == 1);
    rig_end(&rig, id, OUTCOME_DONE, 0);
}

static void a_cancelled_job_does_not_fire(void **state)
{
    int64_t at = clock_wall_ms() + 1600, id = waiting();
    struct job row;

    (void)state;
    decided(wish((struct change){.kind = CHANGE_CANCEL, .id = id}), VERDICT_OK);
    assert_false(rig_row(&rig, id, &row));
    let_pass(at);
    assert_int_equal(rig_times(&rig, id, NULL), 0);
    nothing_is_held();
}

static void a_cancel_comes_too_late_for_what_is_done(void **state)
{
    int64_t id = given(), number;

    (void)state;
    number = wish((struct change){.kind = CHANGE_CANCEL, .id = id});
    rig_end(&rig, id, OUTCOME_DONE, 0);
    decided(number, VERDICT_LATE);
    nothing_is_held();
}

static void a_cancel_stops_the_retries(void **state)
{
    int64_t id = given(), at = clock_wall_ms() + 100, number;
    struct job row;

    (void)state;
    number = wish((struct change){.kind = CHANGE_CANCEL, .id = id});
    rig_end(&rig, id, OUTCOME_RETRY, at);
    decided(number, VERDICT_OK);
    assert_false(rig_row(&rig, id, &row));
    let_pass(at + 50);
    assert_int_equal(rig_times(&rig, id, NULL), 1);
    nothing_is_held();
}

/* The job ends between the wish and the scheduler's look at it. */
static void a_wish_for_what_has_ended_is_answered(void **state)
{
    int64_t id = given();
    int64_t number =
        rig_change(&rig, (struct change){.kind = CHANGE_CANCEL, .id = id});

    (void)state;
    assert_true(number > 0);
    rig_end(&rig, id, OUTCOME_DONE, 0);
    nothing_is_held();
    sched_wished(rig.sched);
    decided(number, VERDICT_LATE);
    nothing_is_held();
}

static void a_rescheduled_job_fires_then(void **state)
{
    int64_t later = waiting(),
            sooner = rig_put(&rig, rig.a, 1, clock_wall_ms() + 3000, 0);
    int64_t at = clock_wall_ms() + 1800, at2 = clock_wall_ms() + 100;
    struct given g = {0};

    (void)state;
    decided(wish((struct change){
                .kind = CHANGE_RESCHEDULE, .id = later, .due_ms = at}),
            VERDICT_OK);
    decided(wish((struct change){
                .kind = CHANGE_RESCHEDULE, .id = sooner, .due_ms = at2}),
            VERDICT_OK);
    rig_until(rig_times(&rig, sooner, NULL) == 1);
    rig_until(rig_times(&rig, later, &g) == 1);
    assert_true(g.at_ms >= at);
    assert_int_equal(g.version, 2);
    let_pass(clock_wall_ms() + 50);
    assert_int_equal(rig_times(&rig, later, NULL), 1);
    assert_int_equal(rig_times(&rig, sooner, NULL), 1);
}

static void a_job_that_is_moved_far_away_is_let_go(void **state)
{
    int64_t id = waiting();

    (void)state;
    decided(wish((struct change){.kind = CHANGE_RESCHEDULE,
                                 .id = id,
                                 .due_ms = clock_wall_ms() + 3600000}),
            VERDICT_OK);
    nothing_is_held();
}

static void run_now_runs_now(void **state)
{
    int64_t far = rig_put(&rig, rig.a, 1, clock_wall_ms() + 3600000, 0);
    int64_t near = rig_put(&rig, rig.a, 1, clock_wall_ms() + 3000, 0);
    int64_t began = clock_wall_ms();

    (void)state;
    /* The far one is not in memory: changed at once, and a look is asked for. */
    assert_int_equal(
        rig_change(&rig, (struct change){.kind = CHANGE_RUN, .id = far}), 0);
    sched_wished(rig.sched);
    decided(wish((struct change){.kind = CHANGE_RUN, .id = near}), VERDICT_OK);
    rig_until(rig_times(&rig, far, NULL) == 1 &&
              rig_times(&rig, near, NULL) == 1);
    assert_true(clock_wall_ms() < began + 2900);
}

static struct job *content(const char *payload)
{
    struct job *j = job_new(
        rig.a, &(struct job_text){{0}, {payload, strlen(payload)}, {0}});

    assert_non_null(j);
    j->due_ms = j->scheduled_ms = clock_wall_ms() + 100;
    return j;
}

static void a_replaced_job_fires_once_with_the_new_content(void **state)
{
    struct job *j = content("new"), *got;
    int64_t id = waiting();
    struct given g = {0};

    (void)state;
    decided(
        wish((struct change){.kind = CHANGE_REPLACE, .id = id, .content = j}),
        VERDICT_OK);
    rig_until(rig_times(&rig, id, &g) == 1);
    got = rig_fetch(&rig, id);
    assert_true(span_eqs(got->payload, "new"));
    assert_int_equal(got->version, 2);
    let_pass(clock_wall_ms() + 1500);
    assert_int_equal(rig_times(&rig, id, NULL), 1);
    job_free(&got);
    job_free(&j);
}

/* Its attempt was on its way: what replaces it is a job of its own, and what is
 * wished after that is meant for the new one. */
static void a_replacement_that_is_late_is_a_new_job(void **state)
{
    struct job *j = content("new");
    int64_t id = given(), number;
    size_t before = rig_count(&rig);

    (void)state;
    number =
        wish((struct change){.kind = CHANGE_REPLACE, .id = id, .content = j});
    rig_end(&rig, id, OUTCOME_DONE, 0);
    decided(number, VERDICT_OK);
    rig_until(rig_count(&rig) == before + 1);
    assert_true(rig.given[before].id != id);
    assert_true(span_eqs(rig.given[before].job->payload, "new"));
    job_free(&j);
}

static void a_cancel_behind_a_late_replacement_cancels_that(void **state)
{
    struct job *j = content("new");
    int64_t id = given(), replaced, cancelled;
    size_t before = rig_count(&rig);

    (void)state;
    replaced =
        wish((struct change){.kind = CHANGE_REPLACE, .id = id, .content = j});
    cancelled = wish((struct change){.kind = CHANGE_CANCEL, .id = id});
    rig_end(&rig, id, OUTCOME_DONE, 0);
    decided(replaced, VERDICT_OK);
    decided(cancelled, VERDICT_OK);
    let_pass(clock_wall_ms() + 200);
    assert_int_equal(rig_count(&rig), before + 1); /* the one of let_pass */
    nothing_is_held();
    job_free(&j);
}

/* The key has come to live again meanwhile, and that job is with a worker: it is
 * not changed under its attempt, but replaced when that has ended. */
static void a_late_replacement_does_not_touch_what_runs(void **state)
{
    struct job *j;
    int64_t id, next, number;

    (void)state;
    rig.key = "k";
    id = given();
    j = job_new(rig.a, &(struct job_text){{"k", 1}, {"new", 3}, {0}});
    assert_non_null(j);
    j->due_ms = j->scheduled_ms = clock_wall_ms();
    number = rig_change(
        &rig, (struct change){.kind = CHANGE_REPLACE, .id = id, .content = j});
    assert_true(number > 0);
    rig_end(&rig, id, OUTCOME_DONE, 0);
    nothing_is_held();
    next = given(); /* of the same key */
    sched_wished(rig.sched);
    decided(number, VERDICT_OK);
    rig_end(&rig, next, OUTCOME_DONE, 0); /* looks that it is not stale */
    rig_until(rig_count(&rig) == 3);
    assert_true(span_eqs(rig.given[2].job->payload, "new"));
    rig_end(&rig, rig.given[2].id, OUTCOME_DONE, 0);
    nothing_is_held();
    job_free(&j);
}

static void changes_are_done_in_order(void **state)
{
    int64_t id = waiting(), numbers[20];
    struct given g = {0};

    (void)state;
    for (int i = 0; i < 20; i++)
        numbers[i] =
            wish((struct change){.kind = CHANGE_RESCHEDULE,
                                 .id = id,
                                 .due_ms = clock_wall_ms() + 1500 - i});
    for (int i = 0; i < 20; i++)
        decided(numbers[i], VERDICT_OK);
    rig_until(rig_times(&rig, id, &g) == 1);
    assert_int_equal(g.version, 21);
}

/* Wishes from before the start are decided before anything is loaded. */
static void wishes_survive_a_restart(void **state)
{
    int64_t cancelled = given(), kept = given(), number;
    struct job row;

    (void)state;
    sched_pause(rig.sched); /* it decides nothing any more */
    number = rig_change(
        &rig, (struct change){.kind = CHANGE_CANCEL, .id = cancelled});
    assert_true(number > 0);
    rig_stop(&rig);
    rig.count = 0;
    rig_open_store(&rig);
    assert_true(rig_row(&rig, cancelled, &row));
    rig_start(&rig, 1000);
    decided(number, VERDICT_OK);
    rig_until(rig_times(&rig, kept, NULL) == 1);
    assert_int_equal(rig_times(&rig, cancelled, NULL), 0);
}

/* Decisions that are still to be written when the store is not to be had. */
static void a_stop_does_not_wait_for_decisions(void **state)
{
    int64_t id = given(), other = waiting();
    char path[100];
    sqlite3 *db;

    (void)state;
    for (int i = 0; i < 3; i++) /* told later: none may be decided before */
        (void)rig_change(&rig,
                         (struct change){.kind = CHANGE_CANCEL, .id = id});
    (void)rig_change(&rig, (struct change){.kind = CHANGE_CANCEL, .id = other});
    (void)rig_change(&rig, (struct change){.kind = CHANGE_CANCEL, .id = other});
    (void)snprintf(path, sizeof(path), "%s/jobs.db", rig.dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    (void)sqlite3_busy_timeout(db, 5000);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL),
                     SQLITE_OK);
    sched_wished(rig.sched);
    rig_until(!writer_healthy(rig.writer));
    writer_close(rig.writer, clock_boot_ms());
    {
        struct settled_batch *b = malloc(sizeof(*b) + sizeof(b->items[0]));

        assert_non_null(b);
        b->count = 1;
        b->items[0] = (struct settled){.id = id, .again = rig_fetch(&rig, id)};
        sched_settled(rig.sched,
                      b); /* wishes hang on it: each is tried, in vain */
    }
    sched_stop(&rig.sched);
    assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_cancelled_job_does_not_fire),
        T(a_cancel_comes_too_late_for_what_is_done),
        T(a_cancel_stops_the_retries),
        T(a_wish_for_what_has_ended_is_answered),
        T(a_rescheduled_job_fires_then),
        T(a_job_that_is_moved_far_away_is_let_go),
        T(run_now_runs_now),
        T(a_replaced_job_fires_once_with_the_new_content),
        T(a_replacement_that_is_late_is_a_new_job),
        T(a_cancel_behind_a_late_replacement_cancels_that),
        T(a_late_replacement_does_not_touch_what_runs),
        T(changes_are_done_in_order),
        T(wishes_survive_a_restart),
        T(a_stop_does_not_wait_for_decisions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
