/* SPDX-License-Identifier: Apache-2.0
 *
 * Changes of jobs in memory: each race has one answer.
 */
#include "config.h"

#include "sched/wishes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define NOW INT64_C(1700000000000)
#define ID INT64_C(77)

struct world {
    struct window w;
    struct wishes x;
    struct change_work
        *sent; /* the decision under way; at most one in these tests */
    enum verdict verdict;
    int sends;
};

static void send(void *arg, struct change_work *work, enum verdict v)
{
    struct world *x = arg;

    assert_null(x->sent);
    x->sent = work;
    x->verdict = v;
    x->sends++;
}

static struct job *a_job(int64_t id, int64_t due)
{
    struct job *j =
        job_new(app_name_s("wishes"), &(struct job_text){{0}, {0}, {0}});

    assert_non_null(j);
    j->id = id;
    j->due_ms = due;
    j->pos = job_pos_at(due) + 1;
    return j;
}

static void start(struct world *x)
{
    struct window_settings set = {100, 1 << 20, 1000};

    *x = (struct world){.sends = 0};
    x->x = (struct wishes){send, x};
    assert_int_equal(window_init(&x->w, &set, NOW), 0);
    window_serve(&x->w, window_app(&x->w, app_name_s("wishes")), true);
}

static void finish(struct world *x)
{
    change_work_free(&x->sent);
    wishes_forget(&x->w);
    window_done(&x->w);
}

static void wish_for(struct world *x, enum change_kind kind)
{
    struct wish *w = calloc(1, sizeof(*w));

    assert_non_null(w);
    w->job_id = ID;
    w->kind = kind;
    assert_int_equal(wishes_meet(&x->x, &x->w, w), 0);
}

/* The decision under way is written; stands is the job as it is then, or NULL. */
static struct job *written(struct world *x, struct job *stands)
{
    struct change_work *work = x->sent;

    assert_non_null(work);
    x->sent = NULL;
    work->request.decide.job = stands;
    return wishes_decided(&x->x, &x->w, &work);
}

static size_t all_room(void *arg, const struct app_name *app, enum lane lane,
                       enum job_priority priority)
{
    (void)arg, (void)app, (void)lane, (void)priority;
    return 100;
}

static void free_given(void *arg, const struct app_name *app, enum lane lane,
                       enum job_priority priority, struct list *jobs, size_t n)
{
    (void)arg, (void)app, (void)lane, (void)priority;
    for (struct list *e; (e = list_pop(jobs)) != NULL; n--) {
        struct job *j = list_of(e, struct job, link);

        job_free(&j);
    }
    assert_int_equal(n, 0);
}

static void give_away(struct world *x)
{
    window_take(&x->w, a_job(ID, NOW - 1), NOW);
    assert_int_equal(
        window_give(&x->w, &(struct window_taker){all_room, free_given, NULL}),
        1);
    assert_int_equal(window_find(&x->w, ID)->state, HOLD_GIVEN);
}

static void a_waiting_job_is_taken_out_before_the_write(void **state)
{
    struct world x;

    (void)state;
    start(&x);
    window_take(&x.w, a_job(ID, NOW + 5000), NOW);
    wish_for(&x, CHANGE_CANCEL);
    assert_int_equal(x.verdict, VERDICT_OK);
    assert_int_equal(window_expire(&x.w, NOW + 10000, 0),
                     0); /* cannot fire any more */
    assert_int_equal(window_take(&x.w, a_job(ID, NOW), NOW), WINDOW_KNOWN);
    assert_null(written(&x, NULL));
    assert_null(window_find(&x.w, ID));
    finish(&x);
}

static void a_due_job_that_is_not_given_can_be_changed(void **state)
{
    struct world x;
    struct job *j;

    (void)state;
    start(&x);
    window_take(&x.w, a_job(ID, NOW - 1), NOW);
    wish_for(&x, CHANGE_RESCHEDULE);
    assert_int_equal(x.verdict, VERDICT_OK);
    assert_int_equal(x.w.due_count, 0);
    j = written(&x, a_job(ID, NOW + 9000));
    assert_non_null(j);
    assert_int_equal(window_take(&x.w, j, NOW), WINDOW_TAKEN);
    finish(&x);
}

static void a_job_not_in_memory_is_held_meanwhile(void **state)
{
    struct world x;

    (void)state;
    start(&x);
    wish_for(&x, CHANGE_CANCEL);
    assert_int_equal(x.verdict, VERDICT_OK);
    assert_int_equal(window_take(&x.w, a_job(ID, NOW), NOW), WINDOW_KNOWN);
    assert_null(written(&x, NULL));
    assert_int_equal(x.w.ids.used, 0);
    finish(&x);
}

static void with_a_worker_the_outcome_decides(void **state)
{
    struct world x;

    (void)state;
    start(&x);
    give_away(&x);
    wish_for(&x, CHANGE_CANCEL);
    assert_int_equal(x.sends, 0); /* not yet */
    assert_true(wishes_settled(&x.x, window_find(&x.w, ID), false));
    assert_int_equal(x.verdict, VERDICT_LATE);
    assert_null(written(&x, NULL));
    assert_int_equal(x.w.ids.used, 0);
    finish(&x);
}

static void a_retry_lets_the_change_through(void **state)
{
    struct world x;

    (void)state;
    start(&x);
    give_away(&x);
    wish_for(&x, CHANGE_CANCEL);
    assert_true(wishes_settled(&x.x, window_find(&x.w, ID), true));
    assert_int_equal(x.verdict, VERDICT_OK);
    assert_null(written(&x, NULL));
    finish(&x);
}

static void a_replacement_of_an_ended_job_is_a_new_job(void **state)
{
    struct world x;
    struct job *j;

    (void)state;
    start(&x);
    give_away(&x);
    wish_for(&x, CHANGE_REPLACE);
    assert_true(wishes_settled(&x.x, window_find(&x.w, ID), false));
    assert_int_equal(x.verdict, VERDICT_OK);
    j = written(&x, a_job(ID + 1, NOW + 1000));
    assert_non_null(j);
    assert_int_equal(j->id, ID + 1);
    job_free(&j);
    finish(&x);
}

static void two_changes_go_one_after_the_other(void **state)
{
    struct world x;

    (void)state;
    start(&x);
    window_take(&x.w, a_job(ID, NOW + 5000), NOW);
    wish_for(&x, CHANGE_RESCHEDULE);
    wish_for(&x,
             CHANGE_CANCEL); /* asserts in send() that only one is under way */
    assert_int_equal(x.sends, 1);
    assert_null(written(&x, a_job(ID, NOW + 9000)));
    assert_int_equal(x.sends, 2);
    assert_int_equal(x.sent->wish->kind, CHANGE_CANCEL);
    assert_null(written(&x, NULL));
    assert_int_equal(x.w.ids.used, 0);
    finish(&x);
}

/* The tombstone that follows a replacement is meant for what has been stored. */
static void a_change_follows_the_replacement_to_its_new_job(void **state)
{
    struct world x;
    struct job *j;

    (void)state;
    start(&x);
    give_away(&x);
    wish_for(&x, CHANGE_REPLACE);
    wish_for(&x, CHANGE_CANCEL);
    assert_true(wishes_settled(&x.x, window_find(&x.w, ID), false));
    assert_int_equal(x.verdict, VERDICT_OK);
    j = written(&x, a_job(ID + 1, NOW + 1000));
    assert_non_null(x.sent);
    assert_int_equal(x.sent->wish->job_id, ID + 1);
    assert_int_equal(x.verdict, VERDICT_OK);
    assert_null(window_find(&x.w, ID));
    assert_int_equal(window_take(&x.w, j, NOW),
                     WINDOW_KNOWN); /* being changed */
    assert_null(written(&x, NULL));
    assert_int_equal(x.w.ids.used, 0);
    finish(&x);
}

static void nothing_waiting_nothing_taken_over(void **state)
{
    struct world x;

    (void)state;
    start(&x);
    give_away(&x);
    assert_false(wishes_settled(&x.x, window_find(&x.w, ID), false));
    finish(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_waiting_job_is_taken_out_before_the_write),
        cmocka_unit_test(a_due_job_that_is_not_given_can_be_changed),
        cmocka_unit_test(a_job_not_in_memory_is_held_meanwhile),
        cmocka_unit_test(with_a_worker_the_outcome_decides),
        cmocka_unit_test(a_retry_lets_the_change_through),
        cmocka_unit_test(a_replacement_of_an_ended_job_is_a_new_job),
        cmocka_unit_test(two_changes_go_one_after_the_other),
        cmocka_unit_test(a_change_follows_the_replacement_to_its_new_job),
        cmocka_unit_test(nothing_waiting_nothing_taken_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
