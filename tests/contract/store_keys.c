/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/contract/store_keys.c - what a put does to the live job of its key.
 */
#include "config.h"

#include "store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void a_second_put_replaces_the_first(void **state)
{
    struct fix *f = *state;
    int64_t id = fix_put_id(f, "k", T0 + HOUR);
    struct job *j = fix_job(f, "k", T0 + 2 * HOUR, "new"), *back;
    struct put_item item = {.job = j};
    struct put_batch b = {.items = &item, .count = 1, .now_ms = T0 + 9};
    struct err err;

    j->priority = JOB_LOW;
    assert_int_equal(store_put(f->x, &b, &err), 0);
    assert_int_equal(item.result, PUT_REPLACED);
    assert_int_equal(j->id, id);
    assert_int_equal(j->version, 2);
    assert_int_equal(job_pos_ms(j->pos), T0 + 2 * HOUR);
    back = fix_get(f, id);
    assert_int_equal(back->version, 2);
    assert_int_equal(back->pos, j->pos);
    assert_int_equal(back->due_ms, T0 + 2 * HOUR);
    assert_int_equal(back->scheduled_ms, T0 + 2 * HOUR);
    assert_int_equal(back->created_ms, T0);
    assert_int_equal(back->priority, JOB_LOW);
    assert_true(span_eqs(back->payload, "new"));
    assert_int_equal(fix_count(f, f->app).pending, 1);
    assert_int_equal(contract_backend->count_rows(f->dir), 1);
    job_free(&back);
    job_free(&j);
}

static void a_key_is_its_apps_own(void **state)
{
    struct fix *f = *state;
    int64_t id = fix_put_id(f, "k", T0 + HOUR);
    const struct app_name *app = f->app;

    f->app = f->other;
    assert_int_not_equal(fix_put_id(f, "k", T0 + HOUR), id);
    assert_int_equal(fix_cancel(f, "k", T0), PUT_CANCELED);
    f->app = app;
    assert_int_equal(fix_cancel(f, "k", T0), PUT_CANCELED);
}

static void cancel_removes_and_frees_the_key(void **state)
{
    struct fix *f = *state;
    int64_t id = fix_put_id(f, "k", T0 + HOUR);

    assert_int_equal(fix_cancel(f, "other", T0), PUT_ABSENT);
    assert_int_equal(fix_cancel(f, "k", T0), PUT_CANCELED);
    assert_null(fix_get(f, id));
    assert_null(fix_find(f, "k"));
    assert_int_equal(fix_cancel(f, "k", T0), PUT_ABSENT);
    assert_int_equal(fix_count(f, f->app).canceled, 1);
    assert_int_equal(fix_count(f, f->app).pending, 0);
    assert_int_not_equal(fix_put_id(f, "k", T0 + HOUR), id);
}

static void one_batch_does_all_of_a_key_in_order(void **state)
{
    struct fix *f = *state;
    struct put_item items[7] = {
        {.kind = PUT_CANCEL, .app = f->app, .key = text("k")},
        {.job = fix_job(f, "k", T0 + HOUR, "1")},
        {.job = fix_job(f, "k", T0 + 2 * HOUR, "2")},
        {.kind = PUT_CANCEL, .app = f->app, .key = text("k")},
        {.job = fix_job(f, "k", T0 + 3 * HOUR, "3")},
        {.job = fix_job(f, "solo", T0 + 3 * HOUR, "s")},
        {.job = fix_job(f, "k", T0 + 4 * HOUR, "4")},
    };
    struct put_batch b = {.items = items, .count = 7, .now_ms = T0};
    struct job *j;
    struct err err;

    assert_int_equal(store_put(f->x, &b, &err), 0);
    assert_int_equal(items[0].result, PUT_ABSENT);
    assert_int_equal(items[1].result, PUT_STORED);
    assert_int_equal(items[2].result, PUT_REPLACED);
    assert_int_equal(items[2].job->id, items[1].job->id);
    assert_int_equal(items[3].result, PUT_CANCELED);
    assert_int_equal(items[4].result, PUT_STORED);
    assert_int_equal(items[5].result, PUT_STORED);
    assert_int_equal(items[6].result, PUT_REPLACED);
    j = fix_find(f, "k");
    assert_int_equal(j->id, items[4].job->id);
    assert_int_equal(j->version, 2);
    assert_true(span_eqs(j->payload, "4"));
    job_free(&j);
    assert_int_equal(fix_count(f, f->app).pending, 2);
    assert_int_equal(contract_backend->count_rows(f->dir), 2);
    for (int i = 0; i < 7; i++)
        job_free(&items[i].job);
}

static void what_the_owner_has_loaded_becomes_a_wish(void **state)
{
    struct fix *f = *state;
    int64_t near = fix_put_id(f, "near", T0 + 1000);
    int64_t far = fix_put_id(f, "far", T0 + HOUR);
    struct wish *w;
    struct job *j;
    int64_t number;

    fix_mark_loaded(f, T0 + 2000);
    assert_int_equal(fix_put(f, fix_job(f, "near", T0 + 5, "n"), NULL, T0),
                     PUT_WISHED);
    assert_int_equal(fix_cancel(f, "near", T0), PUT_WISHED);
    assert_int_equal(
        fix_put(f, fix_job(f, "far", T0 + 3 * HOUR, "f"), NULL, T0),
        PUT_REPLACED);
    j = fix_get(f, near); /* untouched until it is decided */
    assert_int_equal(j->version, 1);
    assert_true(span_eqs(j->payload, "x"));
    job_free(&j);
    w = fix_wish(f, 0);
    assert_int_equal(w->kind, CHANGE_REPLACE);
    assert_int_equal(w->job_id, near);
    assert_int_equal(w->content->due_ms, T0 + 5);
    assert_true(span_eqs(w->content->payload, "n"));
    assert_true(span_eqs(w->content->key, "near"));
    number = w->number;
    wish_free(&w);
    w = fix_wish(f, number);
    assert_int_equal(w->kind, CHANGE_CANCEL);
    assert_int_equal(w->job_id, near);
    number = w->number;
    wish_free(&w);
    assert_null(fix_wish(f, number));
    /* A far job that a put brings near is shown to the owner. */
    assert_int_equal(fix_put(f, fix_job(f, "far", T0 + 7, "f"), NULL, T0),
                     PUT_REPLACED);
    w = fix_wish(f, number);
    assert_int_equal(w->kind, CHANGE_LOAD);
    assert_int_equal(w->job_id, far);
    wish_free(&w);
}

static void a_job_loaded_before_a_restart_is_free_again(void **state)
{
    struct fix *f = *state;
    int64_t id = fix_put_id(f, "k", T0 + 1000);

    fix_mark_loaded(f, T0 + 2000);
    fix_reopen(f);
    assert_int_equal(fix_cancel(f, "k", T0), PUT_CANCELED);
    assert_null(fix_get(f, id));
}

static void many_random_changes_keep_the_account(void **state)
{
    struct fix *f = *state;
    bool live[40] = {false};
    unsigned random = 7, pending = 0;
    char key[8];

    for (int i = 0; i < 3000; i++) {
        unsigned k = (random = random * 1103515245u + 12345u) >> 16;
        int64_t due = T0 + (int64_t)(k % 5000);

        (void)snprintf(key, sizeof(key), "k%u", k % 40);
        if (i % 500 == 499)
            fix_reopen(f);
        if (k % 3 == 0) {
            assert_int_equal(fix_cancel(f, key, T0),
                             live[k % 40] ? PUT_CANCELED : PUT_ABSENT);
            live[k % 40] = false;
        } else {
            assert_int_equal(fix_put(f, fix_job(f, key, due, "x"), NULL, T0),
                             live[k % 40] ? PUT_REPLACED : PUT_STORED);
            live[k % 40] = true;
        }
    }
    for (int i = 0; i < 40; i++)
        pending += live[i];
    assert_int_equal(fix_count(f, f->app).pending, pending);
    assert_int_equal(contract_backend->count_rows(f->dir), pending);
}

size_t tests_keys(struct CMUnitTest *into)
{
    const struct CMUnitTest tests[] = {
        contract_test(a_second_put_replaces_the_first),
        contract_test(a_key_is_its_apps_own),
        contract_test(cancel_removes_and_frees_the_key),
        contract_test(one_batch_does_all_of_a_key_in_order),
        contract_test(what_the_owner_has_loaded_becomes_a_wish),
        contract_test(a_job_loaded_before_a_restart_is_free_again),
        contract_test(many_random_changes_keep_the_account),
    };

    memcpy(into, tests, sizeof(tests));
    return sizeof(tests) / sizeof(tests[0]);
}
