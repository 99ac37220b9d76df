/* SPDX-License-Identifier: Apache-2.0
 *
 * An app's waiting jobs: lanes, weights, room.
 */
#include "config.h"

#include "dispatch/queues.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void fill(struct queues *x, unsigned lane, enum job_priority p, size_t n)
{
    struct list jobs;

    list_init(&jobs);
    for (size_t i = 0; i < n; i++) {
        struct job *j =
            job_new(app_name_s("queues"), &(struct job_text){{0}, {0}, {0}});

        assert_non_null(j);
        j->priority = (uint8_t)p;
        j->overdue = lane == 1;
        j->id = (int64_t)i + 1;
        list_push(&jobs, &j->link);
    }
    queues_add(x, lane, p, &jobs, n);
}

static void empty(struct queues *x)
{
    struct list jobs;

    list_init(&jobs);
    queues_drain(x, &jobs);
    for (struct list *e; (e = list_pop(&jobs)) != NULL;) {
        struct job *j = list_of(e, struct job, link);

        job_free(&j);
    }
    assert_int_equal(x->count, 0);
}

/* How many of the next n picks are of that lane and priority. */
static size_t picks(struct queues *x, size_t n, unsigned lane,
                    enum job_priority p)
{
    size_t hits = 0;

    for (size_t i = 0; i < n; i++) {
        struct job *j = queues_pick(x);

        assert_non_null(j);
        hits += j->overdue == (lane == 1) && j->priority == p;
        job_free(&j);
    }
    return hits;
}

static void priorities_are_served_by_weight(void **state)
{
    struct queues x;

    (void)state;
    queues_init(&x);
    for (int p = 0; p < JOB_PRIORITIES; p++)
        fill(&x, 0, (enum job_priority)p, 1000);
    assert_int_equal(picks(&x, 210, 0, JOB_LOW), 10);
    assert_int_equal(picks(&x, 210, 0, JOB_NORMAL), 40);
    assert_int_equal(picks(&x, 210, 0, JOB_HIGH), 160);
    empty(&x);
}

static void low_gets_all_when_it_is_alone(void **state)
{
    struct queues x;

    (void)state;
    queues_init(&x);
    fill(&x, 0, JOB_LOW, 100);
    assert_int_equal(picks(&x, 100, 0, JOB_LOW), 100);
    assert_null(queues_pick(&x));
}

static void overdue_get_one_pick_in_sixteen(void **state)
{
    struct queues x;

    (void)state;
    queues_init(&x);
    fill(&x, 0, JOB_NORMAL, 1000);
    fill(&x, 1, JOB_HIGH, 1000);
    assert_int_equal(picks(&x, 160, 1, JOB_HIGH), 10);
    empty(&x);
    fill(&x, 1, JOB_NORMAL, 10);
    assert_int_equal(picks(&x, 10, 1, JOB_NORMAL), 10);
}

static void a_returned_job_is_first_again(void **state)
{
    struct queues x;
    struct job *j;

    (void)state;
    queues_init(&x);
    fill(&x, 0, JOB_NORMAL, 3);
    j = queues_pick(&x);
    assert_int_equal(j->id, 1);
    queues_return(&x, j);
    j = queues_pick(&x);
    assert_int_equal(j->id, 1);
    job_free(&j);
    empty(&x);
}

static void room_is_told_once_after_it_was_full(void **state)
{
    struct queues x;

    (void)state;
    queues_init(&x);
    assert_int_equal(queues_room(&x, 0, JOB_NORMAL), QUEUE_MOST);
    assert_false(queues_room_again(&x));
    fill(&x, 0, JOB_NORMAL, QUEUE_MOST);
    assert_int_equal(queues_room(&x, 0, JOB_NORMAL), 0);
    assert_int_equal(queues_room(&x, 1, JOB_NORMAL), QUEUE_MOST);
    assert_false(queues_room_again(&x));
    picks(&x, QUEUE_MOST / 2, 0, JOB_NORMAL);
    assert_true(queues_room_again(&x));
    assert_false(queues_room_again(&x));
    empty(&x);
}

static void a_full_queue_of_low_does_not_hide_the_room_for_high(void **state)
{
    struct queues x;

    (void)state;
    queues_init(&x);
    fill(&x, 0, JOB_LOW, QUEUE_MOST);
    fill(&x, 0, JOB_HIGH, QUEUE_MOST);
    while (queues_room(&x, 0, JOB_HIGH) < QUEUE_MOST / 2)
        picks(&x, 1, 0, JOB_HIGH);
    assert_true(queues_room_again(&x));
    assert_false(queues_room_again(&x));
    empty(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(priorities_are_served_by_weight),
        cmocka_unit_test(low_gets_all_when_it_is_alone),
        cmocka_unit_test(overdue_get_one_pick_in_sixteen),
        cmocka_unit_test(a_returned_job_is_first_again),
        cmocka_unit_test(room_is_told_once_after_it_was_full),
        cmocka_unit_test(a_full_queue_of_low_does_not_hide_the_room_for_high),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
