/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_job.c - the job's record and states, and app names.
 */
#include "config.h"

#include "job/job.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

static struct span span(const char *s)
{
    return (struct span){s, strlen(s)};
}

static void test_a_new_job(void **state)
{
    char payload[] = "{\"n\":1}";
    struct job_text text = {span("k-1"), span(payload), span("hh")};
    struct job *j = job_new(app_name_s("sms"), &text);

    (void)state;
    assert_non_null(j);
    payload[0] = 'X'; /* it has its own copy */
    assert_string_equal(j->app->text, "sms");
    assert_true(span_eqs(j->key, "k-1"));
    assert_true(span_eqs(j->payload, "{\"n\":1}"));
    assert_true(span_eqs(j->headers, "hh"));
    assert_int_equal(j->version, 1);
    assert_int_equal(j->priority, JOB_NORMAL);
    assert_int_equal(j->state, JOB_CREATED);
    assert_true(list_empty(&j->link));
    assert_int_equal(j->id | j->pos | j->due_ms | j->scheduled_ms |
                         j->created_ms | j->attempt,
                     0);
    assert_false(j->redelivered || j->overdue);
    assert_true(job_size(j) >= sizeof(*j) + 12);
    job_free(&j);
    assert_null(j);
    job_free(&j);
    job_free(NULL);
}

static void test_null_and_empty_payload_differ(void **state)
{
    struct job_text text = {.payload = span("")};
    struct job *empty = job_new(NULL, &text);
    struct job *null = job_new(NULL, NULL);

    (void)state;
    assert_non_null(empty->payload.data);
    assert_int_equal(empty->payload.len, 0);
    assert_null(null->payload.data);
    assert_int_equal(null->payload.len, 0);
    assert_int_equal(null->key.len, 0);
    job_free(&empty);
    job_free(&null);
}

static void test_impossible_sizes_are_refused(void **state)
{
    struct job_text text = {.key = {"", SIZE_MAX / 2},
                            .payload = {"", SIZE_MAX / 2}};

    (void)state;
    assert_null(job_new(NULL, &text));
    text.headers = (struct span){"", 2};
    assert_null(job_new(NULL, &text));
}

static void test_moves(void **state)
{
    static const enum job_state allowed[][2] = {
        {JOB_CREATED, JOB_SCHEDULED}, {JOB_SCHEDULED, JOB_RUNNING},
        {JOB_RUNNING, JOB_SUCCESS},   {JOB_RUNNING, JOB_FAILED},
        {JOB_FAILED, JOB_SCHEDULED},  {JOB_RUNNING, JOB_SCHEDULED},
        {JOB_CREATED, JOB_CANCELED},  {JOB_SCHEDULED, JOB_CANCELED},
        {JOB_FAILED, JOB_DEAD},
    };
    size_t n = 0;

    (void)state;
    for (unsigned from = 0; from < JOB_STATES + 2; from++) {
        for (unsigned to = 0; to < JOB_STATES + 2; to++)
            n += job_may_move((enum job_state)from, (enum job_state)to);
    }
    assert_int_equal(n, LENGTH(allowed));
    for (size_t i = 0; i < LENGTH(allowed); i++) {
        struct job *j = job_new(NULL, NULL);

        assert_true(job_may_move(allowed[i][0], allowed[i][1]));
        j->state = (uint8_t)allowed[i][0];
        job_move(j, allowed[i][1]);
        assert_int_equal(j->state, allowed[i][1]);
        job_free(&j);
    }
}

static void test_names_of_states(void **state)
{
    static const char *const names[JOB_STATES] = {
        /* stored: never change */
        "CREATED", "SCHEDULED", "RUNNING", "SUCCESS",
        "FAILED",  "CANCELED",  "DEAD"};
    enum job_state s;

    (void)state;
    for (unsigned i = 0; i < JOB_STATES; i++) {
        assert_string_equal(job_state_name((enum job_state)i), names[i]);
        assert_int_equal(job_state_parse(names[i], &s), 0);
        assert_int_equal(s, i);
    }
    assert_int_equal(job_state_parse("created", &s), -EINVAL);
    assert_int_equal(job_state_parse("", &s), -EINVAL);
    assert_int_equal(job_state_parse(NULL, &s), -EINVAL);
    assert_string_equal(job_state_name(JOB_STATES), "?");
}

static void test_names_of_priorities(void **state)
{
    static const char *const names[JOB_PRIORITIES] = {"high", "normal", "low"};
    enum job_priority p;

    (void)state;
    for (unsigned i = 0; i < JOB_PRIORITIES; i++) {
        assert_string_equal(job_priority_name((enum job_priority)i), names[i]);
        assert_int_equal(job_priority_parse(names[i], &p), 0);
        assert_int_equal(p, i);
    }
    assert_int_equal(job_priority_parse("HIGH", &p), 0);
    assert_int_equal(p, JOB_HIGH);
    assert_int_equal(job_priority_parse("urgent", &p), -EINVAL);
    assert_int_equal(job_priority_parse("", &p), -EINVAL);
    assert_int_equal(job_priority_parse(NULL, &p), -EINVAL);
    assert_string_equal(job_priority_name(JOB_PRIORITIES), "?");
}

static void test_pos_and_time(void **state)
{
    (void)state;
    assert_int_equal(job_pos_at(-5), 0);
    assert_int_equal(job_pos_at(1), 1 << 20);
    assert_int_equal(job_pos_ms(job_pos_at(1767225600123)), 1767225600123);
    assert_int_equal(job_pos_ms(job_pos_at(1767225600123) + 1048575),
                     1767225600123);
    assert_int_equal(job_pos_at(INT64_C(1) << 43), JOB_POS_MAX);
    assert_int_equal(job_pos_at(INT64_MAX), JOB_POS_MAX);
    assert_true(job_pos_at((INT64_C(1) << 43) - 2) < JOB_POS_MAX);
}

static void test_app_names_are_interned(void **state)
{
    static const char *const bad[] = {"", "a b", "a/b", "\xc3\xa4", "a:b"};
    const struct app_name *a = app_name_s("Pay-ment_1.x");
    char longest[66];

    (void)state;
    assert_non_null(a);
    assert_string_equal(a->text, "Pay-ment_1.x");
    assert_ptr_equal(app_name("Pay-ment_1.x and more", 12), a);
    assert_ptr_not_equal(app_name_s("pay-ment_1.x"), a);
    assert_ptr_not_equal(app_name_s("Pay-ment_1."), a);
    assert_int_not_equal(app_name_s("other")->index, a->index);
    for (size_t i = 0; i < LENGTH(bad); i++)
        assert_null(app_name_s(bad[i]));
    assert_null(app_name_s(NULL));
    assert_null(app_name("a\0b", 3));
    memset(longest, 'x', sizeof(longest));
    assert_non_null(app_name(longest, 64));
    assert_null(app_name(longest, 65));
}

#define THREADS 4
#define NAMES 500

static pthread_barrier_t together;

static void *intern_all(void *arg)
{
    const struct app_name **got = arg;
    char name[32];

    for (int i = 0; i < NAMES; i++) {
        int n = snprintf(name, sizeof(name), "thread-%d", i);

        (void)pthread_barrier_wait(&together);
        got[i] = app_name(name, (size_t)n);
    }
    return NULL;
}

static void test_threads_get_the_same_names(void **state)
{
    static const struct app_name *got[THREADS][NAMES];
    pthread_t threads[THREADS];
    bool seen[65536] = {false};

    (void)state;
    assert_int_equal(pthread_barrier_init(&together, NULL, THREADS), 0);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, intern_all, got[i]),
                         0);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    (void)pthread_barrier_destroy(&together);
    for (size_t i = 0; i < NAMES; i++) {
        assert_non_null(got[0][i]);
        assert_false(seen[got[0][i]->index]);
        seen[got[0][i]->index] = true;
        for (size_t k = 1; k < THREADS; k++)
            assert_ptr_equal(got[k][i], got[0][i]);
    }
}

/* The last test: it uses the names up. */
static void test_names_are_bounded(void **state)
{
    const struct app_name *known = app_name_s("sms");
    uint32_t highest = 0;
    char name[32];
    int n, i;

    (void)state;
    for (i = 0; i < 70000; i++) {
        const struct app_name *a;

        n = snprintf(name, sizeof(name), "flood.%d", i);
        a = app_name(name, (size_t)n);
        if (a == NULL)
            break;
        highest = a->index;
    }
    assert_int_equal(highest, 65535);
    assert_true(i < 65536);
    assert_null(app_name_s("one-more"));
    assert_ptr_equal(app_name_s("sms"), known);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_new_job),
        cmocka_unit_test(test_null_and_empty_payload_differ),
        cmocka_unit_test(test_impossible_sizes_are_refused),
        cmocka_unit_test(test_moves),
        cmocka_unit_test(test_names_of_states),
        cmocka_unit_test(test_names_of_priorities),
        cmocka_unit_test(test_pos_and_time),
        cmocka_unit_test(test_app_names_are_interned),
        cmocka_unit_test(test_threads_get_the_same_names),
        cmocka_unit_test(test_names_are_bounded),
    };

    return cmocka_run_group_tests_name("job", tests, NULL, NULL);
}
