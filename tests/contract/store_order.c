/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/contract/store_order.c - whatever is put, moved and ended, in whatever
 * order it is looked at: each part of the future comes back whole and sorted.
 */
#include "config.h"

#include "store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JOBS 300
#define SPAN (6 * HOUR)

struct live {   /* what must be in the store under key "k<i>" */
    int64_t id; /* 0: nothing */
    job_pos pos;
};

struct world {
    struct fix *f;
    struct live job[JOBS];
    uint64_t random;
};

static uint64_t next(struct world *w, uint64_t below)
{
    uint64_t z = (w->random += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % below;
}

/* Mostly anywhere, often in one crowded minute, sometimes in the past. */
static int64_t some_time(struct world *w)
{
    switch (next(w, 4)) {
    case 0:
        return T0 + 2 * HOUR + (int64_t)next(w, 60000);
    case 1:
        return T0 - (int64_t)next(w, HOUR);
    default:
        return T0 + (int64_t)next(w, SPAN);
    }
}

static void put(struct world *w, struct live *l, const char *key)
{
    struct put_item item = {.job = fix_job(w->f, key, some_time(w), key)};
    struct put_batch b = {.items = &item, .count = 1, .now_ms = T0};
    struct err err;

    assert_int_equal(store_put(w->f->x, &b, &err), 0);
    assert_int_equal(item.result, l->id == 0 ? PUT_STORED : PUT_REPLACED);
    assert_true(l->id == 0 || l->id == item.job->id);
    *l = (struct live){item.job->id, item.job->pos};
    job_free(&item.job);
}

static void change(struct world *w, struct live *l, enum change_kind kind)
{
    struct change c = {
        .kind = kind, .id = l->id, .due_ms = some_time(w), .now_ms = T0};
    struct err err;

    assert_int_equal(store_change(w->f->x, &c, &err), 0);
    assert_int_equal(c.wish, 0);
    l->pos = c.job->pos;
    if (kind == CHANGE_CANCEL)
        l->id = 0;
    job_free(&c.job);
}

static void end(struct world *w, struct live *l, enum outcome_kind kind)
{
    struct job *j = fix_get(w->f, l->id);

    assert_int_equal(j->pos, l->pos);
    if (next(w, 4) == 0)
        j->pos = 0; /* as a replay, which does not know it */
    assert_false(fix_finish(w->f, j, kind, some_time(w), T0));
    l->pos = j->pos;
    if (kind != OUTCOME_RETRY)
        l->id = 0;
    job_free(&j);
}

static void do_something(struct world *w)
{
    size_t i = next(w, JOBS);
    struct live *l = &w->job[i];
    char key[16];

    (void)snprintf(key, sizeof(key), "k%zu", i);
    if (l->id == 0 || next(w, 3) == 0) {
        put(w, l, key);
        return;
    }
    switch (next(w, 6)) {
    case 0:
        change(w, l, CHANGE_CANCEL);
        break;
    case 1:
        change(w, l, CHANGE_RESCHEDULE);
        break;
    case 2:
        change(w, l, CHANGE_RUN);
        break;
    case 3:
        end(w, l, OUTCOME_DONE);
        break;
    default:
        end(w, l, OUTCOME_RETRY);
        break;
    }
}

static int by_pos(const void *pa, const void *pb)
{
    const struct live *a = pa, *b = pb;

    return a->pos < b->pos ? -1 : a->pos > b->pos;
}

/* What must come of (after, until), in order. */
static size_t expected(const struct world *w, job_pos after, job_pos until,
                       struct live *ret)
{
    size_t n = 0;

    for (size_t i = 0; i < JOBS; i++) {
        const struct live *l = &w->job[i];

        if (l->id != 0 && l->pos > after && l->pos < until)
            ret[n++] = *l;
    }
    qsort(ret, n, sizeof(*ret), by_pos);
    return n;
}

static void load_part(struct world *w, job_pos after, job_pos until)
{
    struct load_request q = {.after = after,
                             .until = until,
                             .cap = 1 + next(w, 50),
                             .bytes_cap = 1 << 20};
    struct live want[JOBS];
    size_t n = expected(w, after, until, want), at = 0;
    struct load_result got;
    struct err err;

    while (q.after < until - 1) {
        assert_int_equal(store_load_due(w->f->x, &q, &got, &err), 0);
        for (; !list_empty(&got.jobs); at++) {
            struct job *j = list_of(list_pop(&got.jobs), struct job, link);

            assert_true(at < n);
            assert_int_equal(j->id, want[at].id);
            assert_int_equal(j->pos, want[at].pos);
            job_free(&j);
        }
        assert_true(got.reached >= q.after);
        q.after = got.reached;
    }
    assert_int_equal(at, n);
}

static void list_part(struct world *w, struct store_session *x, job_pos after)
{
    const struct list_filter f = {.state = -1,
                                  .due_from = INT64_MIN,
                                  .due_to = INT64_MAX,
                                  .after = after,
                                  .cap = 1 + next(w, 100)};
    struct live want[JOBS];
    size_t n = expected(w, after, JOB_POS_MAX, want), at = 0;
    struct list jobs;
    struct err err;

    list_init(&jobs);
    assert_int_equal(store_list(x, &f, &jobs, &err), 0);
    for (; !list_empty(&jobs); at++) {
        struct job *j = list_of(list_pop(&jobs), struct job, link);

        assert_true(at < n);
        assert_int_equal(j->id, want[at].id);
        job_free(&j);
    }
    assert_int_equal(at, n < f.cap ? n : f.cap);
}

static void order_survives_everything(void **state)
{
    struct fix *f = *state;
    struct world *w = calloc(1, sizeof(*w));
    struct store_session *reader;
    struct err err;

    w->f = f;
    w->random = 4711;
    for (int round = 0; round < 120; round++) {
        int64_t from = T0 - HOUR + (int64_t)next(w, SPAN + 2 * HOUR);
        int64_t len = next(w, 3) == 0 ? SPAN : (int64_t)next(w, HOUR) + 1;

        for (int i = 0; i < 40; i++)
            do_something(w);
        assert_int_equal(store_session_open(f->store, false, &reader, &err), 0);
        list_part(w, reader, round % 2 == 0 ? 0 : job_pos_at(from));
        load_part(w, job_pos_at(from), job_pos_at(from + len));
        list_part(w, reader, round % 2 == 1 ? 0 : job_pos_at(from));
        list_part(w, f->x, job_pos_at(from));
        store_session_close(&reader);
        (void)contract_backend->count_rows(f->dir);
        fix_reopen(f); /* nothing is loaded any more */
    }
    free(w);
}

/* A start after a long stop: what is due now comes at once, what was missed
 * is drained beside it. */
static void what_was_missed_does_not_hold_up_what_is_due(void **state)
{
    struct fix *f = *state;
    struct load_request q = {.cap = 1000, .bytes_cap = 1 << 20};
    struct load_result got;
    job_pos last = 0;
    size_t n = 0;
    struct err err;

    fix_put_many(f, 30000, T0, 1000); /* over eight hours */
    fix_put_many(f, 100, T0 + 20 * HOUR, 1000);
    q.after = job_pos_at(T0 + 20 * HOUR) - 1;
    q.until = job_pos_at(T0 + 20 * HOUR + 60000);
    for (int tries = 0; n < 60 && tries < 3; tries++) {
        assert_int_equal(store_load_due(f->x, &q, &got, &err), 0);
        n += got.count;
        q.after = got.reached;
        free_jobs(&got.jobs);
    }
    assert_int_equal(n, 60);
    (void)fix_put_id(f, "between", T0 + HOUR); /* into what is not sorted yet */
    q = (struct load_request){
        .cap = 700, .bytes_cap = 1 << 20, .until = job_pos_at(T0 + 20 * HOUR)};
    for (n = 0; q.after < q.until - 1; q.after = got.reached) {
        assert_int_equal(store_load_due(f->x, &q, &got, &err), 0);
        for (; !list_empty(&got.jobs); n++) {
            struct job *j = list_of(list_pop(&got.jobs), struct job, link);

            assert_true(j->pos > last);
            last = j->pos;
            job_free(&j);
        }
    }
    assert_int_equal(n, 30001);
}

/* All of `after` .. `until` in order; how many there are, and *calls it took. */
static size_t load_all(struct fix *f, job_pos after, job_pos until,
                       unsigned *ret_calls)
{
    struct load_request q = {
        .cap = 1000, .bytes_cap = 1 << 20, .after = after, .until = until};
    struct load_result got;
    job_pos last = 0;
    size_t n = 0;
    struct err err;

    *ret_calls = 0;
    for (; q.after < q.until - 1; q.after = got.reached, ++*ret_calls) {
        assert_int_equal(store_load_due(f->x, &q, &got, &err), 0);
        for (; !list_empty(&got.jobs); n++) {
            struct job *j = list_of(list_pop(&got.jobs), struct job, link);

            assert_true(j->pos > last);
            last = j->pos;
            job_free(&j);
        }
    }
    return n;
}

/* Stopped, started for a moment, stopped, started: what the first start left
 * undone is not forgotten at the second, nor is what came in between. */
static void missed_twice(void **state)
{
    struct fix *f = *state;
    unsigned calls;

    fix_put_many(f, 30000, T0, 1000);             /* over eight hours */
    fix_put_many(f, 5000, T0 + 20 * HOUR, 1000);  /* over an hour and more */
    fix_put_many(f, 10000, T0 + 30 * HOUR, 1000); /* missed the second time */
    fix_put_many(f, 50, T0 + 50 * HOUR, 1000);
    assert_int_equal(load_all(f, job_pos_at(T0 + 20 * HOUR) - 1,
                              job_pos_at(T0 + 20 * HOUR + 60000), &calls),
                     60);
    assert_true(calls <= 3);
    fix_reopen(f);
    (void)fix_put_id(f, "gap 1", T0 + HOUR);
    (void)fix_put_id(f, "between", T0 + 20 * HOUR + 30000);
    (void)fix_put_id(f, "gap 2", T0 + 31 * HOUR);
    /* On time: soon, after what was missed first has been put in order (there
     * is one gap only; a million rows take a second). */
    assert_int_equal(load_all(f, job_pos_at(T0 + 50 * HOUR) - 1,
                              job_pos_at(T0 + 50 * HOUR + 60000), &calls),
                     50);
    assert_true(calls <= 4);
    fix_reopen(f);
    assert_int_equal(load_all(f, 0, job_pos_at(T0 + 50 * HOUR), &calls), 45003);
}

/* More jobs in one range than are put in order at a time, many of them in one
 * millisecond, and puts in between. */
static void a_crowd_comes_out_as_it_went_in(void **state)
{
    struct fix *f = *state;
    struct load_request q = {
        .cap = 5000, .bytes_cap = 8 << 20, .until = job_pos_at(T0 + DAY)};
    struct load_result got;
    job_pos last = 0;
    size_t n = 0, late = 0;
    struct err err;

    for (int i = 0; i < 3; i++)
        fix_put_many(f, 15000, T0 + HOUR + i, 0);
    for (; q.after < q.until - 1; q.after = got.reached) {
        assert_int_equal(store_load_due(f->x, &q, &got, &err), 0);
        if (got.reached == q.after) {
            assert_int_equal(got.count, 0);
            (void)fix_put_id(f, NULL, T0 + HOUR + 5);
            (void)contract_backend->count_rows(f->dir);
            late++;
        }
        for (; !list_empty(&got.jobs); n++) {
            struct job *j = list_of(list_pop(&got.jobs), struct job, link);

            assert_true(j->pos > last);
            assert_int_equal(job_pos_ms(j->pos), j->due_ms);
            last = j->pos;
            job_free(&j);
        }
    }
    assert_int_equal(n, 45000 + late);
    assert_int_equal(contract_backend->count_rows(f->dir), 45000 + late);
}

size_t tests_order(struct CMUnitTest *into)
{
    const struct CMUnitTest tests[] = {
        contract_test(order_survives_everything),
        contract_test(a_crowd_comes_out_as_it_went_in),
        contract_test(what_was_missed_does_not_hold_up_what_is_due),
        contract_test(missed_twice),
    };

    memcpy(into, tests, sizeof(tests));
    return sizeof(tests) / sizeof(tests[0]);
}
