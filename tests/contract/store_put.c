/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/contract/store_put.c - jobs in: content, limits, repeats, positions.
 */
#include "config.h"

#include "store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void every_field_comes_back(void **state)
{
    struct fix *f = *state;
    const struct job_text t = {
        {"k\0\xff\n'\"", 6}, {"\0\x80 p", 4}, {"h\0h", 3}};
    struct job *j = job_new(f->other, &t), *back;
    struct put_item item = {.kind = PUT_JOB, .job = j};
    struct put_batch b = {
        .items = &item, .count = 1, .now_ms = T0, .sync = true};
    struct err err;

    j->due_ms = T0 + HOUR + 7;
    j->scheduled_ms = T0 + HOUR;
    j->created_ms = T0 - 3;
    j->priority = JOB_HIGH;
    assert_int_equal(store_put(f->x, &b, &err), 0);
    assert_int_equal(item.result, PUT_STORED);
    assert_int_equal(job_pos_ms(j->pos), T0 + HOUR + 7);
    fix_reopen(f);
    back = fix_get(f, j->id);
    assert_non_null(back);
    assert_int_equal(back->id, j->id);
    assert_int_equal(back->pos, j->pos);
    assert_int_equal(back->due_ms, j->due_ms);
    assert_int_equal(back->scheduled_ms, j->scheduled_ms);
    assert_int_equal(back->created_ms, j->created_ms);
    assert_ptr_equal(back->app, f->other);
    assert_int_equal(back->version, 1);
    assert_int_equal(back->attempt, 0);
    assert_int_equal(back->state, JOB_CREATED);
    assert_int_equal(back->priority, JOB_HIGH);
    assert_false(back->redelivered);
    assert_true(span_eq(back->key, t.key));
    assert_true(span_eq(back->payload, t.payload));
    assert_true(span_eq(back->headers, t.headers));
    job_free(&back);
    assert_int_equal(store_find(f->x, f->other, t.key, &back, &err), 0);
    assert_int_equal(back->id, j->id);
    job_free(&back);
    job_free(&j);
}

static void null_and_empty_payload_differ(void **state)
{
    struct fix *f = *state;
    struct job *j;

    assert_int_equal(fix_put(f, fix_job(f, "none", T0, NULL), NULL, T0),
                     PUT_STORED);
    assert_int_equal(fix_put(f, fix_job(f, "empty", T0, ""), NULL, T0),
                     PUT_STORED);
    j = fix_find(f, "none");
    assert_null(j->payload.data);
    job_free(&j);
    j = fix_find(f, "empty");
    assert_non_null(j->payload.data);
    assert_int_equal(j->payload.len, 0);
    job_free(&j);
}

static void ten_megabytes_fit(void **state)
{
    struct fix *f = *state;
    const size_t len = 10 << 20;
    char *big = malloc(len);
    struct job_text t = {.key = text("big"), .payload = {big, len}};
    struct job *j, *back;

    assert_non_null(big);
    for (size_t i = 0; i < len; i++)
        big[i] = (char)(i * 31 >> 3);
    j = job_new(f->app, &t);
    j->due_ms = T0;
    assert_int_equal(fix_put(f, j, NULL, T0), PUT_STORED);
    back = fix_find(f, "big");
    assert_true(span_eq(back->payload, t.payload));
    job_free(&back);
    free(big);
}

static int try_put(struct fix *f, struct job *j, struct err *err)
{
    struct put_item items[2] = {{.job = fix_job(f, "fine", T0, "x")},
                                {.job = j}};
    struct put_batch b = {.items = items, .count = 2, .now_ms = T0};
    int r = store_put(f->x, &b, err);

    job_free(&items[0].job);
    job_free(&j);
    return r;
}

static void what_cannot_be_stored_is_refused(void **state)
{
    struct fix *f = *state;
    char *key = calloc(1, STORE_KEY_MAX + 2);
    struct job *j;
    struct err err;

    memset(key, 'k', STORE_KEY_MAX + 1);
    assert_int_equal(try_put(f, fix_job(f, key, T0, "x"), &err), -EMSGSIZE);
    assert_false(err.retry);
    key[STORE_KEY_MAX] = '\0';
    assert_int_equal(fix_put(f, fix_job(f, key, T0, "x"), NULL, T0),
                     PUT_STORED);
    free(key);
    assert_int_equal(try_put(f, fix_job(f, "k", -1, "x"), &err), -EINVAL);
    assert_int_equal(try_put(f, fix_job(f, "k", STORE_DUE_MAX + 1, "x"), &err),
                     -EINVAL);
    j = fix_job(f, "k", T0, "x");
    j->priority = JOB_PRIORITIES;
    assert_int_equal(try_put(f, j, &err), -EINVAL);
    assert_null(fix_find(f, "fine")); /* nothing of those batches is there */
    assert_int_equal(fix_put(f, fix_job(f, "k", STORE_DUE_MAX, "x"), NULL, T0),
                     PUT_STORED);
}

/* ---- repeats ------------------------------------------------------------ */

/* Not every backend knows. */
static void expect_remembered(struct fix *f, int64_t want)
{
    int64_t n = store_remembered(f->store);

    if (n != -1)
        assert_int_equal(n, want);
}

static void repeats_are_dropped_inside_the_window(void **state)
{
    struct fix *f = *state;

    assert_int_equal(fix_put(f, fix_job(f, "a", T0, "x"), "req", T0),
                     PUT_STORED);
    assert_int_equal(fix_put(f, fix_job(f, "b", T0, "x"), "req", T0 + 1),
                     PUT_DUPLICATE);
    assert_null(fix_find(f, "b"));
    expect_remembered(f, 1);
    fix_reopen(f);
    expect_remembered(f, 1);
    assert_int_equal(fix_put(f, fix_job(f, "b", T0, "x"), "req", T0 + DAY - 1),
                     PUT_DUPLICATE);
    /* At its end it is a new request, and begins a window of its own. */
    assert_int_equal(fix_put(f, fix_job(f, "b", T0, "x"), "req", T0 + DAY),
                     PUT_STORED);
    assert_int_equal(
        fix_put(f, fix_job(f, "c", T0, "x"), "req", T0 + 2 * DAY - 1),
        PUT_DUPLICATE);
    expect_remembered(f, 1);
    assert_int_equal(fix_count(f, f->app).pending, 2);
}

static void repeats_count_within_their_app_only(void **state)
{
    struct fix *f = *state;

    assert_int_equal(fix_put(f, fix_job(f, "a", T0, "x"), "req", T0),
                     PUT_STORED);
    f->app = f->other;
    assert_int_equal(fix_put(f, fix_job(f, "a", T0, "x"), "req", T0),
                     PUT_STORED);
    assert_int_equal(fix_put(f, fix_job(f, "b", T0, "x"), "req", T0),
                     PUT_DUPLICATE);
}

static void repeats_within_a_batch_are_dropped(void **state)
{
    struct fix *f = *state;
    struct put_item items[4] = {0};
    struct put_batch b = {.items = items, .count = 4, .now_ms = T0};
    static const char *const ids[] = {"r1", "r2", "r1", "r1"};
    struct err err;

    for (int i = 0; i < 4; i++) {
        items[i].job = fix_job(f, NULL, T0 + HOUR + i, "x");
        items[i].idempotency = text(ids[i]);
    }
    assert_int_equal(store_put(f->x, &b, &err), 0);
    assert_int_equal(items[0].result, PUT_STORED);
    assert_int_equal(items[1].result, PUT_STORED);
    assert_int_equal(items[2].result, PUT_DUPLICATE);
    assert_int_equal(items[3].result, PUT_DUPLICATE);
    assert_int_equal(contract_backend->count_rows(f->dir), 2);
    expect_remembered(f, 2);
    for (int i = 0; i < 4; i++)
        job_free(&items[i].job);
}

static void pruning_keeps_the_window(void **state)
{
    struct fix *f = *state;
    char name[16];
    struct err err;
    int r = 1;

    for (int i = 0; i < 500; i++) {
        (void)snprintf(name, sizeof(name), "req%d", i);
        assert_int_equal(fix_put(f, fix_job(f, NULL, T0 + 9 * DAY, "x"), name,
                                 T0 + (i < 250 ? 0 : HOUR)),
                         PUT_STORED);
    }
    for (int i = 0; i < 10000 && r > 0; i++)
        r = store_prune(f->x, T0 + DAY, 50, &err);
    assert_int_equal(r, 0); /* it comes to an end */
    for (int i = 0; i < 500; i++) {
        (void)snprintf(name, sizeof(name), "req%d", i);
        assert_int_equal(fix_put(f, fix_job(f, NULL, T0, "x"), name, T0 + DAY),
                         i < 250 ? PUT_STORED : PUT_DUPLICATE);
    }
}

/* ---- source positions ------------------------------------------------------ */

static int put_at(struct fix *f, const char *key, int64_t from, int64_t next)
{
    const struct store_position at = {"K", "src", "topic", 3, from, next};
    struct put_item item = {.job = fix_job(f, key, T0, "x"),
                            .idempotency = text(key)};
    struct put_batch b = {.items = &item,
                          .count = 1,
                          .positions = &at,
                          .position_count = 1,
                          .now_ms = T0};
    struct err err = {0};
    int r = store_put(f->x, &b, &err);

    assert_false(r < 0 && err.retry);
    job_free(&item.job);
    return r;
}

static int64_t position(struct fix *f, int32_t partition)
{
    struct store_position at = {"K", "src", "topic", partition, 99, 99};
    struct err err;

    assert_int_equal(store_position_get(f->x, &at, &err), 0);
    assert_int_equal(at.from, at.next);
    return at.next;
}

static void positions_move_exactly_once(void **state)
{
    struct fix *f = *state;

    assert_int_equal(position(f, 3), -1);
    assert_int_equal(put_at(f, "a", -1, 10), 0);
    assert_int_equal(position(f, 3), 10);
    assert_int_equal(position(f, 2), -1);
    /* Whoever else believes to be at the start, or at an older place. */
    assert_int_equal(put_at(f, "b", -1, 10), -ESTALE);
    assert_int_equal(put_at(f, "b", 9, 20), -ESTALE);
    assert_null(fix_find(f, "b"));
    assert_int_equal(position(f, 3), 10);
    /* Nor did the refused batch leave its idempotency key. */
    expect_remembered(f, 1);
    assert_int_equal(put_at(f, "b", 10, 20), 0);
    fix_reopen(f);
    assert_int_equal(position(f, 3), 20);
    assert_int_equal(put_at(f, "c", 10, 30), -ESTALE);
    assert_int_equal(fix_count(f, f->app).pending, 2);
}

static void a_batch_of_positions_only_moves_them(void **state)
{
    struct fix *f = *state;
    const struct store_position at[] = {{"K", "src", "topic", 0, -1, 5},
                                        {"K", "src", "topic", 1, -1, 6},
                                        {"K", "src", "topic", 1, 6, 7}};
    struct put_batch b = {.positions = at, .position_count = 3, .now_ms = T0};
    struct err err;

    assert_int_equal(store_put(f->x, &b, &err), 0);
    assert_int_equal(position(f, 0), 5);
    assert_int_equal(position(f, 1), 7);
}

size_t tests_put(struct CMUnitTest *into)
{
    const struct CMUnitTest tests[] = {
        contract_test(every_field_comes_back),
        contract_test(null_and_empty_payload_differ),
        contract_test(ten_megabytes_fit),
        contract_test(what_cannot_be_stored_is_refused),
        contract_test(repeats_are_dropped_inside_the_window),
        contract_test(repeats_count_within_their_app_only),
        contract_test(repeats_within_a_batch_are_dropped),
        contract_test(pruning_keeps_the_window),
        contract_test(positions_move_exactly_once),
        contract_test(a_batch_of_positions_only_moves_them),
    };

    memcpy(into, tests, sizeof(tests));
    return sizeof(tests) / sizeof(tests[0]);
}
