/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/contract/store_change.c - cancel, replace, reschedule, run now: done
 * at once, or left to the owner as wishes.
 */
#include "config.h"

#include "store.h"

#include <errno.h>
#include <string.h>

static int change(struct fix *f, struct change *c, struct err *err)
{
    c->now_ms = c->now_ms != 0 ? c->now_ms : T0 + 50;
    return store_change(f->x, c, err);
}

static void cancel_gives_the_job_as_it_was(void **state)
{
    struct fix *f = *state;
    struct change c = {.kind = CHANGE_CANCEL, .id = fix_put_id(f, "k", T0)};
    struct err err;

    assert_int_equal(change(f, &c, &err), 0);
    assert_int_equal(c.wish, 0);
    assert_true(span_eqs(c.job->key, "k"));
    assert_int_equal(c.job->version, 1);
    job_free(&c.job);
    assert_null(fix_find(f, "k"));
    assert_int_equal(change(f, &c, &err), -ENOENT);
    assert_null(c.job);
    assert_int_equal(fix_count(f, f->app).canceled, 1);
    assert_int_equal(fix_count(f, f->app).pending, 0);
    assert_int_equal(contract_backend->count_rows(f->dir), 0);
}

static void reschedule_moves_the_job(void **state)
{
    struct fix *f = *state;
    int64_t id = fix_put_id(f, "k", T0 + HOUR);
    struct change c = {.kind = CHANGE_RESCHEDULE,
                       .app = f->app,
                       .key = text("k"),
                       .due_ms = T0 + 3 * HOUR};
    struct load_result got;
    struct err err;

    assert_int_equal(change(f, &c, &err), 0);
    assert_int_equal(c.job->id, id);
    assert_int_equal(c.job->version, 2);
    assert_int_equal(c.job->due_ms, T0 + 3 * HOUR);
    assert_int_equal(job_pos_ms(c.job->pos), T0 + 3 * HOUR);
    job_free(&c.job);
    assert_int_equal(fix_load(f, 0, T0 + 3 * HOUR, 9, &got), 0);
    assert_int_equal(fix_load(f, 0, T0 + 4 * HOUR, 9, &got), 1);
    free_jobs(&got.jobs);
    c.due_ms = -4;
    assert_int_equal(change(f, &c, &err), -EINVAL);
}

static void run_now_moves_it_to_the_present(void **state)
{
    struct fix *f = *state;
    struct change c = {.kind = CHANGE_RUN, .id = fix_put_id(f, "k", T0 + HOUR)};
    struct err err;

    assert_int_equal(change(f, &c, &err), 0);
    assert_int_equal(c.job->version, 2);
    assert_int_equal(job_pos_ms(c.job->pos), T0 + 50);
    assert_int_equal(c.job->scheduled_ms, T0 + HOUR);
    job_free(&c.job);
}

static void replace_keeps_id_and_key(void **state)
{
    struct fix *f = *state;
    struct job *content = fix_job(f, "k", T0 + 2 * HOUR, "new");
    struct change c = {.kind = CHANGE_REPLACE,
                       .content = content,
                       .id = fix_put_id(f, "k", T0 + HOUR)};
    struct err err;
    struct job *j;

    assert_int_equal(change(f, &c, &err), 0);
    assert_true(span_eqs(c.job->payload, "new"));
    assert_int_equal(c.job->version, 2);
    job_free(&c.job);
    j = fix_find(f, "k");
    assert_int_equal(j->id, c.id);
    job_free(&j);
    job_free(&content);
}

static void a_wrong_version_is_refused(void **state)
{
    struct fix *f = *state;
    int64_t id = fix_put_id(f, "k", T0 + HOUR);
    struct change c = {.kind = CHANGE_RESCHEDULE,
                       .id = id,
                       .version = 1,
                       .due_ms = T0 + 2 * HOUR};
    struct job *j;
    struct err err;

    assert_int_equal(change(f, &c, &err), 0);
    job_free(&c.job);
    c.due_ms = T0 + 9 * HOUR;
    assert_int_equal(change(f, &c, &err), -ESTALE);
    c.kind = CHANGE_CANCEL;
    assert_int_equal(change(f, &c, &err), -ESTALE);
    j = fix_get(f, id);
    assert_int_equal(j->version, 2);
    assert_int_equal(j->due_ms, T0 + 2 * HOUR);
    job_free(&j);
    c.version = 2;
    assert_int_equal(change(f, &c, &err), 0);
    job_free(&c.job);
}

static void a_job_without_key_is_changed_by_id(void **state)
{
    struct fix *f = *state;
    struct change c = {.kind = CHANGE_CANCEL, .id = fix_put_id(f, NULL, T0)};
    struct err err;

    assert_int_equal(change(f, &c, &err), 0);
    job_free(&c.job);
    c = (struct change){.kind = CHANGE_CANCEL};
    assert_int_equal(change(f, &c, &err), -EINVAL);
}

static void a_loaded_job_is_left_to_its_owner(void **state)
{
    struct fix *f = *state;
    int64_t id = fix_put_id(f, "k", T0 + 100);
    struct change c = {.kind = CHANGE_CANCEL, .id = id};
    enum verdict v = VERDICT_OK;
    struct wish *w;
    struct job *j;
    struct err err;

    fix_mark_loaded(f, T0 + 1000);
    assert_int_equal(change(f, &c, &err), 0);
    assert_true(c.wish > 0);
    assert_null(c.job);
    j = fix_get(f, id);
    assert_int_equal(j->version, 1);
    job_free(&j);
    assert_int_equal(store_verdict(f->x, c.wish, &v, &err), 0);
    assert_int_equal(v, VERDICT_NONE);
    assert_int_equal(store_verdict(f->x, c.wish + 1, &v, &err), -ENOENT);
    w = fix_wish(f, 0);
    assert_int_equal(w->number, c.wish);
    wish_free(&w);
    assert_null(fix_wish(f, c.wish));
}

/* While a wish waits, later changes wait behind it, also when the job itself
 * could be changed at once (the mark is gone after a restart). */
static void changes_behind_a_wish_are_wishes(void **state)
{
    struct fix *f = *state;
    int64_t id = fix_put_id(f, "k", T0 + 100);
    int64_t free_id = fix_put_id(f, "free", T0 + 100);
    struct change c = {.kind = CHANGE_RESCHEDULE, .id = id, .due_ms = T0 + DAY};
    int64_t first;
    struct err err;

    fix_mark_loaded(f, T0 + 1000);
    assert_int_equal(change(f, &c, &err), 0);
    first = c.wish;
    fix_reopen(f);
    c = (struct change){.kind = CHANGE_CANCEL, .id = free_id};
    assert_int_equal(change(f, &c, &err), 0);
    assert_int_equal(c.wish, 0);
    job_free(&c.job);
    c = (struct change){.kind = CHANGE_CANCEL, .id = id};
    assert_int_equal(change(f, &c, &err), 0);
    assert_true(c.wish > first);
    assert_int_equal(fix_put(f, fix_job(f, "k", T0 + DAY, "x"), NULL, T0),
                     PUT_WISHED);
}

static void what_comes_near_is_shown_to_the_owner(void **state)
{
    struct fix *f = *state;
    int64_t id = fix_put_id(f, "k", T0 + DAY);
    struct change c = {.kind = CHANGE_RUN, .id = id};
    struct wish *w;
    struct job *j = NULL;
    struct err err;

    fix_mark_loaded(f, T0 + 1000);
    assert_int_equal(change(f, &c, &err), 0);
    assert_int_equal(c.wish, 0);
    assert_int_equal(c.job->version, 2);
    job_free(&c.job);
    w = fix_wish(f, 0);
    assert_int_equal(w->kind, CHANGE_LOAD);
    assert_int_equal(w->job_id, id);
    assert_int_equal(store_decide(f->x, w, VERDICT_OK, T0 + 60, &j, &err), 0);
    assert_int_equal(j->id, id);
    assert_int_equal(j->version, 2); /* looking changes nothing */
    job_free(&j);
    wish_free(&w);
    assert_null(fix_wish(f, 0));
}

size_t tests_change(struct CMUnitTest *into)
{
    const struct CMUnitTest tests[] = {
        contract_test(cancel_gives_the_job_as_it_was),
        contract_test(reschedule_moves_the_job),
        contract_test(run_now_moves_it_to_the_present),
        contract_test(replace_keeps_id_and_key),
        contract_test(a_wrong_version_is_refused),
        contract_test(a_job_without_key_is_changed_by_id),
        contract_test(a_loaded_job_is_left_to_its_owner),
        contract_test(changes_behind_a_wish_are_wishes),
        contract_test(what_comes_near_is_shown_to_the_owner),
    };

    memcpy(into, tests, sizeof(tests));
    return sizeof(tests) / sizeof(tests[0]);
}
