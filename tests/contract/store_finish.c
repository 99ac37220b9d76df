/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/contract/store_finish.c - ends of attempts: rows, history, counts,
 * follow-ups, and who may write them.
 */
#include "config.h"

#include "store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct seen { /* executions, as they were given */
    size_t n;
    struct execution e[16];
    char error[16][STORE_ERROR_MAX + 8];
};

static void see(void *arg, const struct execution *e)
{
    struct seen *s = arg;

    if (s->n < 16) {
        s->e[s->n] = *e;
        (void)snprintf(s->error[s->n], sizeof(s->error[0]), "%.*s",
                       (int)e->error.len, (const char *)e->error.data);
    }
    s->n++;
}

static void history(struct fix *f, int64_t id, const struct app_name *app,
                    size_t cap, struct seen *ret)
{
    const struct execution_query q = {id, app, cap};
    struct err err = {0};

    ret->n = 0;
    if (store_executions(f->x, &q, see, ret, &err) < 0)
        fail_msg("executions: %s", err.text);
}

static struct job *load_one(struct fix *f)
{
    struct load_result got;

    assert_int_equal(fix_load(f, 0, T0 + DAY, 1, &got), 1);
    return list_of(list_pop(&got.jobs), struct job, link);
}

static void done_dead_and_skipped_end_a_job(void **state)
{
    struct fix *f = *state;
    static const enum outcome_kind kinds[] = {OUTCOME_DONE, OUTCOME_DEAD,
                                              OUTCOME_SKIPPED};
    struct seen *s = calloc(1, sizeof(*s));
    struct store_count c;

    for (int i = 0; i < 3; i++) {
        int64_t id = fix_put_id(f, "k", T0 + i);
        struct job *j = load_one(f);

        assert_int_equal(j->id, id);
        assert_false(fix_finish(f, j, kinds[i], 0, T0 + 100 + i));
        assert_null(fix_get(f, id));
        assert_null(fix_find(f, "k"));
        history(f, id, NULL, 9, s);
        assert_int_equal(s->n, 1);
        assert_int_equal(s->e[0].outcome, kinds[i]);
        assert_int_equal(s->e[0].attempt, 1);
        assert_int_equal(s->e[0].version, 1);
        assert_int_equal(s->e[0].scheduled_ms, T0 + i);
        assert_int_equal(s->e[0].finished_ms, T0 + 100 + i);
        assert_string_equal(s->error[0], i == 0 ? "" : "no luck");
        assert_true(fix_finish(f, j, OUTCOME_DONE, 0, T0)); /* once only */
        job_free(&j);
    }
    c = fix_count(f, f->app);
    assert_int_equal(c.pending, 0);
    assert_int_equal(c.succeeded, 1);
    assert_int_equal(c.dead, 1);
    assert_int_equal(c.canceled, 1);
    assert_int_equal(contract_backend->count_rows(f->dir), 0);
    free(s);
}

static void retry_keeps_version_and_moves(void **state)
{
    struct fix *f = *state;
    int64_t id = fix_put_id(f, "k", T0 + 10);
    struct job *j = load_one(f), *row;
    struct seen *s = calloc(1, sizeof(*s));

    for (unsigned i = 1; i <= 3; i++) {
        job_pos before = j->pos;

        assert_false(fix_finish(f, j, OUTCOME_RETRY, T0 + i * HOUR, T0 + i));
        assert_true(j->pos > before);
        assert_int_equal(j->due_ms, T0 + i * HOUR);
        assert_int_equal(j->attempt, i);
        row = fix_get(f, id);
        assert_int_equal(row->pos, j->pos);
        assert_int_equal(row->due_ms, T0 + i * HOUR);
        assert_int_equal(row->scheduled_ms, T0 + 10);
        assert_int_equal(row->version, 1);
        assert_int_equal(row->attempt, i);
        assert_int_equal(row->state, JOB_SCHEDULED);
        job_free(&row);
    }
    assert_int_equal(fix_count(f, f->app).retried, 3);
    assert_int_equal(fix_count(f, f->app).pending, 1);
    assert_int_equal(contract_backend->count_rows(f->dir), 1);
    assert_false(fix_finish(f, j, OUTCOME_DONE, 0, T0 + 9));
    history(f, id, NULL, 9, s);
    assert_int_equal(s->n, 4);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(s->e[i].attempt, i + 1);
        assert_int_equal(s->e[i].outcome, i < 3 ? OUTCOME_RETRY : OUTCOME_DONE);
    }
    job_free(&j);
    free(s);
}

/* A replay knows id and version only. */
static void a_job_is_ended_by_id_and_version(void **state)
{
    struct fix *f = *state;
    int64_t id = fix_put_id(f, "k", T0 + 10);
    struct job *bare = fix_job(f, NULL, 0, NULL);

    bare->id = id;
    bare->version = 2;
    assert_true(fix_finish(f, bare, OUTCOME_DONE, 0, T0));
    bare->version = 1;
    assert_false(fix_finish(f, bare, OUTCOME_DONE, 0, T0));
    assert_null(fix_get(f, id));
    assert_null(fix_find(f, "k"));
    assert_int_not_equal(fix_put_id(f, "k", T0 + 10), id);
    job_free(&bare);
}

static void stale_ones_do_not_hold_up_others(void **state)
{
    struct fix *f = *state;
    struct outcome o[5];
    struct outcome *p[5];
    struct finish_batch b = {.outcomes = p,
                             .count = 5,
                             .now_ms = T0,
                             .ledger_pos = -1,
                             .ledger_seq = -1};
    struct load_result got;
    struct err err;

    fix_put_many(f, 5, T0, 1);
    assert_int_equal(fix_load(f, 0, T0 + DAY, 9, &got), 5);
    for (int i = 0; i < 5; i++) {
        struct job *j = list_of(list_pop(&got.jobs), struct job, link);

        o[i] = (struct outcome){.job = j, .kind = OUTCOME_DONE};
        p[4 - i] = &o[i];
    }
    o[1].job->version = 9;
    o[3].kind = OUTCOME_RETRY;
    o[3].job->version = 9;
    assert_int_equal(store_finish(f->x, &b, &err), 0);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(o[i].stale, i == 1 || i == 3);
        assert_false(o[i].refused);
        job_free(&o[i].job);
    }
    assert_int_equal(contract_backend->count_rows(f->dir), 2);
    assert_int_equal(fix_count(f, f->app).pending, 2);
    assert_int_equal(fix_count(f, f->app).retried, 0);
}

static void follow_ups_come_with_their_parent(void **state)
{
    struct fix *f = *state;
    int64_t id = fix_put_id(f, "k", T0);
    struct job *j = load_one(f), *next;
    struct put_item items[3] = {
        {.job = fix_job(f, "k", T0 + HOUR, "next")},
        {.job = fix_job(f, "too late", STORE_DUE_MAX + 1, "bad")},
        {.job = fix_job(f, "more", T0 + HOUR, "more")},
    };
    struct outcome o = {.job = j, .follow_ups = items, .follow_up_count = 3};
    struct outcome *p = &o;
    struct finish_batch b = {.outcomes = &p,
                             .count = 1,
                             .now_ms = T0,
                             .ledger_pos = -1,
                             .ledger_seq = -1};
    struct err err;

    assert_int_equal(store_finish(f->x, &b, &err), 0);
    assert_int_equal(items[0].result, PUT_STORED); /* not a replacement */
    assert_int_equal(items[1].result, PUT_REFUSED);
    assert_int_equal(items[2].result, PUT_STORED);
    next = fix_find(f, "k");
    assert_int_equal(next->id, items[0].job->id);
    assert_int_not_equal(next->id, id);
    job_free(&next);
    /* A stale parent leaves nothing behind. */
    job_free(&items[0].job);
    items[0].job = fix_job(f, "ghost", T0, "x");
    o.follow_up_count = 1;
    assert_int_equal(store_finish(f->x, &b, &err), 0);
    assert_true(o.stale);
    assert_null(fix_find(f, "ghost"));
    for (int i = 0; i < 3; i++)
        job_free(&items[i].job);
    job_free(&j);
}

static void running_is_marked_and_told(void **state)
{
    struct fix *f = *state;
    struct job *j, *row;
    int64_t id = fix_put_id(f, "k", T0);
    struct err err;

    j = load_one(f);
    assert_false(j->redelivered);
    assert_int_equal(store_mark_running(f->x, &j, 1, &err), 0);
    job_free(&j);
    fix_reopen(f);
    row = fix_get(f, id);
    assert_int_equal(row->state, JOB_RUNNING);
    job_free(&row);
    j = load_one(f);
    assert_true(j->redelivered);
    assert_false(fix_finish(f, j, OUTCOME_RETRY, T0 + 1, T0));
    job_free(&j);
    j = load_one(f); /* still true of an earlier attempt */
    assert_true(j->redelivered);
    assert_int_equal(j->state, JOB_SCHEDULED);
    j->redelivered = false;
    assert_false(fix_finish(f, j, OUTCOME_RETRY, T0 + 2, T0));
    job_free(&j);
    j = load_one(f);
    assert_false(j->redelivered);
    job_free(&j);
}

/* As a time-out leaves it: retried, and an attempt may have run. */
static void redelivered_is_kept_with_a_retry(void **state)
{
    struct fix *f = *state;
    int64_t id = fix_put_id(f, "k", T0);
    struct job *j = load_one(f);

    j->redelivered = true;
    assert_false(fix_finish(f, j, OUTCOME_RETRY, T0 + 1, T0));
    job_free(&j);
    fix_reopen(f);
    j = fix_get(f, id);
    assert_int_equal(j->state, JOB_SCHEDULED);
    assert_true(j->redelivered);
    job_free(&j);
    j = load_one(f);
    assert_true(j->redelivered);
    job_free(&j);
}

static void errors_are_cut_at_a_character(void **state)
{
    struct fix *f = *state;
    char long_text[STORE_ERROR_MAX + 100];
    struct outcome o = {.kind = OUTCOME_DEAD};
    struct outcome *p = &o;
    struct finish_batch b = {.outcomes = &p,
                             .count = 1,
                             .now_ms = T0,
                             .ledger_pos = -1,
                             .ledger_seq = -1};
    struct seen *s = calloc(1, sizeof(*s));
    int64_t id = fix_put_id(f, "k", T0);
    struct err err;

    memset(long_text, 'e', sizeof(long_text));
    memcpy(long_text + STORE_ERROR_MAX - 1, "\xe2\x82\xac", 3);
    o.job = load_one(f);
    o.error = (struct span){long_text, sizeof(long_text)};
    assert_int_equal(store_finish(f->x, &b, &err), 0);
    history(f, id, NULL, 1, s);
    assert_int_equal(s->e[0].error.len, STORE_ERROR_MAX - 1);
    assert_true(utf8_valid(s->error[0], strlen(s->error[0])));
    job_free(&o.job);
    free(s);
}

static void history_is_newest_first_and_trimmed(void **state)
{
    struct fix *f = *state;
    struct seen *s = calloc(1, sizeof(*s));
    struct err err;

    for (int i = 0; i < 10; i++) {
        struct job *j;

        f->app = i % 2 == 0 ? app_name_s("sms") : f->other;
        (void)fix_put_id(f, NULL, T0 + i);
        j = load_one(f);
        assert_false(fix_finish(f, j, OUTCOME_DONE, 0, T0 + i * DAY));
        job_free(&j);
    }
    history(f, 0, NULL, 4, s);
    assert_int_equal(s->n, 4);
    for (int i = 0; i < 4; i++)
        assert_int_equal(s->e[i].finished_ms, T0 + (9 - i) * DAY);
    history(f, 0, f->other, 9, s);
    assert_int_equal(s->n, 5);
    assert_int_equal(s->e[0].finished_ms, T0 + 9 * DAY);
    assert_string_equal(s->e[4].app, "other.app");
    history(f, 0, app_name_s("nobody"), 9, s);
    assert_int_equal(s->n, 0);
    /* 30 days are kept: on day 34 the first four are older. */
    if (contract_backend->by_day) {
        for (int i = 0; i < 100; i++)
            assert_true(store_prune(f->x, T0 + 34 * DAY, 3, &err) >= 0);
    } else {
        assert_int_equal(store_prune(f->x, T0 + 34 * DAY, 3, &err), 3);
        assert_int_equal(store_prune(f->x, T0 + 34 * DAY, 3, &err), 1);
    }
    assert_int_equal(store_prune(f->x, T0 + 34 * DAY, 3, &err), 0);
    history(f, 0, NULL, 16, s);
    assert_int_equal(s->n, 6);
    free(s);
}

/* All of it, piece by piece; returns how many were met. */
static size_t walk(struct fix *f, struct history_walk *w, struct seen *s)
{
    struct err err;

    w->at[0] = w->at[1] = 0;
    w->end = false;
    s->n = 0;
    for (int i = 0; i < 100 && !w->end; i++)
        if (store_history(f->x, w, see, s, &err) < 0)
            fail_msg("history: %s", err.text);
    assert_true(w->end);
    return s->n;
}

static void history_is_walked_through(void **state)
{
    struct history_walk w = {.to = INT64_MAX, .cap = 2};
    struct fix *f = *state;
    struct seen *s = calloc(1, sizeof(*s));

    assert_int_equal(walk(f, &w, s), 0);
    for (int i = 0; i < 5; i++) {
        struct job *j;

        (void)fix_put_id(f, "k", T0 + i);
        j = load_one(f);
        if (i % 2 == 1)
            assert_false(fix_finish(f, j, OUTCOME_RETRY, T0 + i, T0 + 10 + i));
        assert_false(fix_finish(f, j, OUTCOME_DONE, 0, T0 + 20 + i));
        job_free(&j);
    }
    for (w.cap = 1; w.cap < 9; w.cap++) {
        int done = 0;

        assert_int_equal(walk(f, &w, s), 7);
        for (int i = 0; i < 7; i++)
            done += s->e[i].outcome == OUTCOME_DONE;
        assert_int_equal(done, 5);
    }
    w.from = T0 + 20;
    w.to = T0 + 23;
    assert_int_equal(walk(f, &w, s), 3);
    w.app = f->app;
    assert_int_equal(walk(f, &w, s), 3);
    w.app = f->other;
    assert_int_equal(walk(f, &w, s), 0);
    free(s);
}

static void a_former_owner_cannot_write(void **state)
{
    struct fix *f = *state;
    struct put_item item = {.job = fix_job(f, "n", T0, "x")};
    struct put_batch put = {.items = &item, .count = 1, .now_ms = T0};
    struct outcome o = {.kind = OUTCOME_DONE};
    struct outcome *p = &o;
    struct finish_batch b = {.outcomes = &p,
                             .count = 1,
                             .now_ms = T0,
                             .ledger_pos = 7,
                             .ledger_seq = 3};
    struct change c = {.kind = CHANGE_CANCEL, .now_ms = T0};
    struct err err;

    c.id = fix_put_id(f, "k", T0);
    o.job = load_one(f);
    contract_backend->usurp(f->dir);
    assert_int_equal(store_finish(f->x, &b, &err), -ESTALE);
    assert_false(err.retry);
    assert_int_equal(store_put(f->x, &put, &err), -ESTALE);
    assert_int_equal(store_mark_running(f->x, &o.job, 1, &err), -ESTALE);
    assert_int_equal(store_change(f->x, &c, &err), 0 - ESTALE);
    fix_reopen(f); /* a new owner's session finds all as it was */
    assert_int_equal(contract_backend->count_rows(f->dir), 1);
    assert_int_equal(fix_count(f, f->app).pending, 1);
    assert_int_equal(store_finish(f->x, &b, &err), 0);
    assert_false(o.stale);
    job_free(&o.job);
    job_free(&item.job);
}

size_t tests_finish(struct CMUnitTest *into)
{
    const struct CMUnitTest tests[] = {
        contract_test(done_dead_and_skipped_end_a_job),
        contract_test(retry_keeps_version_and_moves),
        contract_test(a_job_is_ended_by_id_and_version),
        contract_test(stale_ones_do_not_hold_up_others),
        contract_test(follow_ups_come_with_their_parent),
        contract_test(running_is_marked_and_told),
        contract_test(redelivered_is_kept_with_a_retry),
        contract_test(errors_are_cut_at_a_character),
        contract_test(history_is_newest_first_and_trimmed),
        contract_test(history_is_walked_through),
        contract_test(a_former_owner_cannot_write),
    };

    memcpy(into, tests, sizeof(tests));
    return sizeof(tests) / sizeof(tests[0]);
}
