/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/contract/store_wish.c - the owner's decisions.
 */
#include "config.h"

#include "store.h"

#include <errno.h>
#include <string.h>

/* A loaded job "k" and a wish of that kind for it. */
static struct wish *wished(struct fix *f, enum change_kind kind, int64_t *id)
{
    struct job *content = fix_job(f, "k", T0 + 7 * HOUR, "wished");
    struct change c = {.kind = kind,
                       .due_ms = T0 + 5 * HOUR,
                       .content = content,
                       .now_ms = T0 + 1};
    struct wish *w;
    struct err err;

    *id = fix_put_id(f, "k", T0 + 100);
    fix_mark_loaded(f, T0 + 1000);
    c.id = *id;
    assert_int_equal(store_change(f->x, &c, &err), 0);
    assert_true(c.wish > 0);
    w = fix_wish(f, c.wish - 1);
    assert_int_equal(w->number, c.wish);
    job_free(&content);
    return w;
}

static enum verdict verdict(struct fix *f, const struct wish *w)
{
    enum verdict v;
    struct err err;

    assert_int_equal(store_verdict(f->x, w->number, &v, &err), 0);
    return v;
}

static struct job *decide(struct fix *f, const struct wish *w, enum verdict v)
{
    struct job *j = NULL;
    struct err err = {0};

    if (store_decide(f->x, w, v, T0 + 200, &j, &err) < 0)
        fail_msg("decide: %s", err.text);
    assert_int_equal(verdict(f, w), v);
    assert_null(fix_wish(f, w->number - 1));
    return j;
}

/* Ends the live job "k" as done. */
static void end(struct fix *f, int64_t id)
{
    struct job *j = fix_get(f, id);

    assert_false(fix_finish(f, j, OUTCOME_DONE, 0, T0 + 150));
    job_free(&j);
}

static void a_granted_cancel(void **state)
{
    struct fix *f = *state;
    int64_t id;
    struct wish *w = wished(f, CHANGE_CANCEL, &id);

    assert_null(decide(f, w, VERDICT_OK));
    assert_null(fix_get(f, id));
    assert_null(fix_find(f, "k"));
    assert_int_equal(fix_count(f, f->app).canceled, 1);
    assert_int_not_equal(fix_put_id(f, "k", T0), id);
    wish_free(&w);
}

static void a_granted_reschedule(void **state)
{
    struct fix *f = *state;
    int64_t id;
    struct wish *w = wished(f, CHANGE_RESCHEDULE, &id);
    struct job *j = decide(f, w, VERDICT_OK);

    assert_int_equal(j->id, id);
    assert_int_equal(j->version, 2);
    assert_int_equal(job_pos_ms(j->pos), T0 + 5 * HOUR);
    job_free(&j);
    wish_free(&w);
}

static void a_granted_run(void **state)
{
    struct fix *f = *state;
    int64_t id;
    struct wish *w = wished(f, CHANGE_RUN, &id);
    struct job *j = decide(f, w, VERDICT_OK);

    assert_int_equal(j->version, 2);
    assert_int_equal(job_pos_ms(j->pos), T0 + 200);
    job_free(&j);
    wish_free(&w);
}

static void a_granted_replacement(void **state)
{
    struct fix *f = *state;
    int64_t id;
    struct wish *w = wished(f, CHANGE_REPLACE, &id);
    struct job *j = decide(f, w, VERDICT_OK);

    assert_int_equal(j->id, id);
    assert_int_equal(j->version, 2);
    assert_int_equal(j->due_ms, T0 + 7 * HOUR);
    assert_true(span_eqs(j->payload, "wished"));
    job_free(&j);
    wish_free(&w);
}

static void a_replacement_of_an_ended_job_is_a_new_one(void **state)
{
    struct fix *f = *state;
    int64_t id;
    struct wish *w = wished(f, CHANGE_REPLACE, &id);
    struct job *j, *found;

    end(f, id);
    assert_null(fix_find(f, "k"));
    j = decide(f, w, VERDICT_OK);
    assert_int_not_equal(j->id, id);
    assert_int_equal(j->version, 1);
    assert_true(span_eqs(j->payload, "wished"));
    found = fix_find(f, "k");
    assert_int_equal(found->id, j->id);
    assert_int_equal(fix_count(f, f->app).pending, 1);
    assert_int_equal(fix_count(f, f->app).succeeded, 1);
    job_free(&found);
    job_free(&j);
    wish_free(&w);
}

static void a_replacement_meets_a_key_that_lives_again(void **state)
{
    struct fix *f = *state;
    int64_t id, again;
    struct wish *w = wished(f, CHANGE_REPLACE, &id);
    struct job *j;

    end(f, id);
    again = fix_put_id(f, "k", T0 + DAY);
    j = decide(f, w, VERDICT_OK);
    assert_int_equal(j->id, again);
    assert_int_equal(j->version, 2);
    assert_int_equal(contract_backend->count_rows(f->dir), 1);
    job_free(&j);
    wish_free(&w);
}

static void refusals_change_nothing(void **state)
{
    struct fix *f = *state;
    int64_t id;
    struct wish *w = wished(f, CHANGE_CANCEL, &id);
    struct job *j;
    struct err err;

    assert_null(decide(f, w, VERDICT_LATE));
    j = fix_get(f, id);
    assert_int_equal(j->version, 1);
    job_free(&j);
    /* What is decided is decided. */
    assert_int_equal(store_decide(f->x, w, VERDICT_OK, T0, &j, &err),
                     -EALREADY);
    assert_int_equal(verdict(f, w), VERDICT_LATE);
    wish_free(&w);
}

static void what_is_gone_cannot_be_granted(void **state)
{
    struct fix *f = *state;
    int64_t id;
    struct wish *w = wished(f, CHANGE_CANCEL, &id);
    struct job *j;
    struct err err;

    end(f, id);
    assert_int_equal(store_decide(f->x, w, VERDICT_OK, T0, &j, &err), -ENOENT);
    assert_int_equal(verdict(f, w), VERDICT_NONE);
    assert_null(decide(f, w, VERDICT_GONE));
    wish_free(&w);
}

static void old_verdicts_are_pruned(void **state)
{
    struct fix *f = *state;
    int64_t id;
    struct wish *w = wished(f, CHANGE_CANCEL, &id), *open;
    enum verdict v;
    struct err err;

    assert_null(decide(f, w, VERDICT_OK));
    assert_int_equal(store_prune(f->x, T0 + 1000, 100, &err), 0);
    assert_int_equal(verdict(f, w), VERDICT_OK);
    open = wished(f, CHANGE_CANCEL, &id);
    assert_int_equal(store_prune(f->x, T0 + 20 * HOUR, 100, &err), 1);
    assert_int_equal(store_verdict(f->x, w->number, &v, &err), -ENOENT);
    assert_int_equal(verdict(f, open), VERDICT_NONE);
    wish_free(&open);
    wish_free(&w);
}

size_t tests_wish(struct CMUnitTest *into)
{
    const struct CMUnitTest tests[] = {
        contract_test(a_granted_cancel),
        contract_test(a_granted_reschedule),
        contract_test(a_granted_run),
        contract_test(a_granted_replacement),
        contract_test(a_replacement_of_an_ended_job_is_a_new_one),
        contract_test(a_replacement_meets_a_key_that_lives_again),
        contract_test(refusals_change_nothing),
        contract_test(what_is_gone_cannot_be_granted),
        contract_test(old_verdicts_are_pruned),
    };

    memcpy(into, tests, sizeof(tests));
    return sizeof(tests) / sizeof(tests[0]);
}
