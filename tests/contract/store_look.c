/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/contract/store_look.c - loading in order, lists, and the order itself.
 */
#include "config.h"

#include "store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/slots.h"

static void load_is_in_order_and_bounded(void **state)
{
    struct fix *f = *state;
    struct load_result got;
    job_pos last = 0;

    fix_put_many(f, 50, T0 + 5000, -100); /* the last is due first */
    assert_int_equal(fix_load(f, 0, T0 + 3000, 100, &got), 29);
    assert_int_equal(got.reached, job_pos_at(T0 + 3000) - 1);
    while (!list_empty(&got.jobs)) {
        struct job *j = list_of(list_pop(&got.jobs), struct job, link);

        assert_true(j->pos > last && j->due_ms < T0 + 3000);
        last = j->pos;
        job_free(&j);
    }
    assert_int_equal(fix_load(f, 0, T0 + 9000, 7, &got), 7);
    last = list_of(got.jobs.prev, struct job, link)->pos;
    assert_int_equal(got.reached, last);
    free_jobs(&got.jobs);
    /* Until is exclusive, after too. */
    assert_int_equal(fix_load(f, last, T0 + 5000, 100, &got), 42);
    free_jobs(&got.jobs);
}

static void load_minds_its_caps(void **state)
{
    struct fix *f = *state;
    struct load_request q = {.until = JOB_POS_MAX, .cap = 100, .bytes_cap = 1};
    struct load_result got;
    struct err err;

    fix_put_many(f, 20, T0, 1);
    assert_int_equal(store_load_due(f->x, &q, &got, &err), 0);
    assert_int_equal(got.count, 1); /* one is given whatever it weighs */
    free_jobs(&got.jobs);
    q.bytes_cap = 1 << 20;
    q.app = f->other; /* has no jobs: not even a row in the store */
    assert_int_equal(store_load_due(f->x, &q, &got, &err), 0);
    assert_int_equal(got.count, 0);
    assert_int_equal(got.reached, JOB_POS_MAX - 1);
    f->app = f->other;
    (void)fix_put_id(f, "x", T0 + 15);
    q.visit_cap = 10;
    assert_int_equal(store_load_due(f->x, &q, &got, &err), 0);
    assert_int_equal(got.count, 0);
    assert_int_equal(job_pos_ms(got.reached), T0 + 9);
    q.after = got.reached;
    assert_int_equal(store_load_due(f->x, &q, &got, &err), 0);
    assert_int_equal(got.count, 1);
    assert_ptr_equal(list_of(got.jobs.next, struct job, link)->app, f->other);
    free_jobs(&got.jobs);
}

static size_t page_through(struct fix *f, size_t cap, size_t total)
{
    job_pos last = 0;
    size_t seen = 0;

    for (size_t guard = 0; guard <= total; guard++) {
        struct load_result got;

        if (fix_load(f, last, T0 + DAY, cap, &got) == 0)
            break;
        while (!list_empty(&got.jobs)) {
            struct job *j = list_of(list_pop(&got.jobs), struct job, link);

            assert_true(j->pos > last);
            last = j->pos;
            seen++;
            job_free(&j);
        }
        assert_int_equal(got.reached >= last, 1);
    }
    return seen;
}

static void three_thousand_in_one_millisecond(void **state)
{
    struct fix *f = *state;

    fix_put_many(f, 3000, T0 + 500, 0);
    assert_int_equal(page_through(f, 7, 3000), 3000);
    assert_int_equal(page_through(f, 1000, 3000), 3000);
    assert_int_equal(page_through(f, 3000, 3000), 3000);
}

static void late_jobs_stand_at_the_present(void **state)
{
    struct fix *f = *state;
    struct load_result got;
    struct job *j = fix_job(f, "late", T0 - DAY, "x");

    assert_int_equal(fix_put(f, j, NULL, T0 + 77), PUT_STORED);
    assert_int_equal(fix_load(f, job_pos_at(T0), T0 + 1000, 9, &got), 1);
    j = list_of(list_pop(&got.jobs), struct job, link);
    assert_int_equal(job_pos_ms(j->pos), T0 + 77);
    assert_int_equal(j->due_ms, T0 - DAY);
    job_free(&j);
}

static void a_full_millisecond_flows_into_the_next(void **state)
{
    struct fix *f = *state;
    struct load_result got;
    size_t late = 0, n = 0;

    fix_close(f);
    contract_backend->fill_ms(f->dir, T0 + 500);
    fix_open(f);
    fix_put_many(f, 300, T0 + 500, 0);
    assert_int_equal(page_through(f, 50, 300), 300);
    (void)fix_load(f, 0, T0 + DAY, 1000, &got);
    while (!list_empty(&got.jobs)) {
        struct job *j = list_of(list_pop(&got.jobs), struct job, link);

        assert_int_equal(j->due_ms, T0 + 500);
        assert_true(job_pos_ms(j->pos) == T0 + 501);
        late += job_pos_ms(j->pos) > T0 + 500;
        n++;
        job_free(&j);
    }
    assert_int_equal(n, 300);
    assert_int_equal(late, 300);
}

static void ids_are_large_and_never_the_same(void **state)
{
    struct fix *f = *state;
    int64_t a = fix_put_id(f, "k", T0 + HOUR), b;

    assert_true(a > INT64_C(1) << 53);
    assert_int_equal(fix_cancel(f, "k", T0), PUT_CANCELED);
    fix_reopen(f);
    b = fix_put_id(f, "k", T0 + HOUR);
    assert_int_not_equal(a, b);
    assert_null(fix_get(f, a));
}

/* ---- lists ------------------------------------------------------------------- */

static size_t list_count(struct fix *f, const struct list_filter *filter)
{
    struct list jobs;
    struct err err;
    job_pos last = filter->after;
    size_t n = 0;

    list_init(&jobs);
    assert_int_equal(store_list(f->x, filter, &jobs, &err), 0);
    while (!list_empty(&jobs)) {
        struct job *j = list_of(list_pop(&jobs), struct job, link);

        assert_true(j->pos > last);
        last = j->pos;
        n++;
        job_free(&j);
    }
    return n;
}

static void lists_filter(void **state)
{
    struct fix *f = *state;
    struct list_filter all = {.state = -1, .due_to = INT64_MAX, .cap = 1000};
    struct list_filter q;

    fix_put_many(f, 100, T0, 1000);
    f->app = f->other;
    fix_put_many(f, 30, T0 + 500, 1000);
    assert_int_equal(list_count(f, &all), 130);
    q = all;
    q.app = f->other;
    assert_int_equal(list_count(f, &q), 30);
    q.app = app_name_s("nobody");
    assert_int_equal(list_count(f, &q), 0);
    q = all;
    q.cap = 11;
    assert_int_equal(list_count(f, &q), 11);
    q = all;
    q.due_from = T0 + 10000;
    q.due_to = T0 + 20000;
    assert_int_equal(list_count(f, &q), 20);
    q = all;
    q.after = job_pos_at(T0 + 90000);
    assert_true(list_count(f, &q) <= 10 && list_count(f, &q) >= 9);
    fix_mark_loaded(f, T0 + 10000);
    q = all;
    q.state = JOB_SCHEDULED;
    assert_int_equal(list_count(f, &q), 20);
    q.state = JOB_CREATED;
    assert_int_equal(list_count(f, &q), 110);
    q.state = JOB_RUNNING;
    assert_int_equal(list_count(f, &q), 0);
}

static void readers_see_what_is_written(void **state)
{
    struct fix *f = *state;
    struct store_session *reader, *second;
    struct err err;
    struct job *j;
    char key[16];

    assert_int_equal(store_session_open(f->store, false, &reader, &err), 0);
    if (!store_shared(f->store))
        assert_int_equal(store_session_open(f->store, true, &second, &err),
                         -EBUSY);
    for (int i = 0; i < 200; i++) {
        int64_t id;

        (void)snprintf(key, sizeof(key), "k%d", i);
        id = fix_put_id(f, key, T0 + i);
        assert_int_equal(store_find(reader, f->app, text(key), &j, &err), 0);
        assert_int_equal(j->id, id);
        job_free(&j);
        if (i % 2 == 0)
            continue;
        assert_int_equal(fix_cancel(f, key, T0), PUT_CANCELED);
        assert_int_equal(store_find(reader, f->app, text(key), &j, &err),
                         -ENOENT);
        assert_int_equal(store_get(reader, id, &j, &err), -ENOENT);
    }
    store_session_close(&reader);
}

size_t tests_look(struct CMUnitTest *into)
{
    const struct CMUnitTest tests[] = {
        contract_test(load_is_in_order_and_bounded),
        contract_test(load_minds_its_caps),
        contract_test(three_thousand_in_one_millisecond),
        contract_test(late_jobs_stand_at_the_present),
        contract_test(ids_are_large_and_never_the_same),
        contract_test(lists_filter),
        contract_test(readers_see_what_is_written),
        contract_test(a_full_millisecond_flows_into_the_next), /* the last */
    };
    size_t n = sizeof(tests) / sizeof(tests[0]);

    if (contract_backend->fill_ms == NULL)
        n--;
    memcpy(into, tests, n * sizeof(tests[0]));
    return n;
}
