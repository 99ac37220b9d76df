/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/contract/store_many.c - attempts that end together, in large batches.
 */
#include "config.h"

#include "store.h"

#include "store/slots.h"

#include <stdlib.h>
#include <string.h>

#define MANY 3000

static int by_wish(uint64_t *random, int one_in)
{
    *random = *random * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (int)((*random >> 33) % (unsigned)one_in) == 0;
}

/* Ends one in `part` of the jobs in one batch, in any order: of these some
 * stand there twice, some with a version that is gone, some are retried. */
static void end_some(struct fix *f, struct list *jobs, int part,
                     uint64_t *random, int64_t *left)
{
    struct outcome *o = calloc(2 * MANY, sizeof(*o));
    struct outcome **list = calloc(2 * MANY, sizeof(struct outcome *));
    struct finish_batch b = {
        .outcomes = list, .now_ms = T0 + 1, .ledger_pos = -1, .ledger_seq = -1};
    struct list kept;
    struct err err = {0};
    int64_t ended = 0, second = 0;

    list_init(&kept);
    for (struct list *e; (e = list_pop(jobs)) != NULL;) {
        struct job *j = list_of(e, struct job, link);

        list_push(&kept, &j->link);
        if (!by_wish(random, part))
            continue;
        o[b.count] = (struct outcome){.job = j, .finished_ms = T0};
        if (by_wish(random, 10)) {
            j->version++;
        } else if (by_wish(random, 10)) {
            o[b.count].kind = OUTCOME_RETRY;
            o[b.count].retry_ms = T0 + HOUR;
        } else {
            ended++;
            if (by_wish(random, 10)) {
                o[b.count + 1] = o[b.count];
                b.count++;
                second++;
            }
        }
        b.count++;
    }
    for (size_t i = 0; i < b.count; i++)
        list[i] = &o[i * 7919 % b.count];
    if (store_finish(f->x, &b, &err) < 0)
        fail_msg("finish: %s", err.text);
    for (size_t i = 0; i < b.count; i++) {
        if (o[i].job->version > 1)
            assert_true(o[i].stale);
        else
            second -= o[i].stale;
    }
    assert_int_equal(second, 0);
    *left -= ended;
    free_jobs(&kept);
    free(o);
    free(list);
}

static void many_end_together(void **state)
{
    static const int parts[] = {40, 1, 9, 2, 40, 1};
    struct fix *f = *state;
    uint64_t random = 7;
    int64_t left = 0;

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        struct load_result got;
        job_pos after = 0;
        size_t n = 0;

        fix_put_many(f, MANY, T0 + 1, i % 2);
        left += MANY;
        assert_true(fix_load(f, 0, T0 + DAY, MANY, &got) == MANY);
        end_some(f, &got.jobs, parts[i], &random, &left);
        assert_int_equal(fix_count(f, f->app).pending, left);
        assert_int_equal(contract_backend->count_rows(f->dir), left);
        while (fix_load(f, after, T0 + DAY, MANY, &got) > 0) {
            n += got.count;
            after = got.reached;
            free_jobs(&got.jobs);
        }
        assert_int_equal(n, left); /* each stands in the order, once */
    }
}

/* A ledger begins, goes on with the outcomes, and is where it is after it was
 * made sure that the disk has that. */
static void the_ledgers_place_is_kept(void **state)
{
    struct fix *f = *state;
    struct store_slot s;
    struct outcome o = {.kind = OUTCOME_DONE}, *p = &o;
    struct finish_batch b = {.outcomes = &p,
                             .count = 1,
                             .now_ms = T0,
                             .ledger_pos = 12,
                             .ledger_seq = 5};
    struct load_result got;
    struct err err;

    assert_int_equal(store_ledger_begin(f->x, 7, 0, &err), 0);
    fix_put_many(f, 1, T0, 0);
    assert_int_equal(fix_load(f, 0, T0 + DAY, 1, &got), 1);
    o.job = list_of(list_pop(&got.jobs), struct job, link);
    assert_int_equal(store_finish(f->x, &b, &err), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(store_verify(f->x, &s, &err), 0);
        assert_true(s.ledger_used);
        assert_int_equal(s.ledger_pos, 12);
        assert_int_equal(s.ledger_seq, 5);
        assert_int_equal(
            store_ledger_begin(f->x, s.ledger_pos, s.ledger_seq, &err), 0);
    }
    job_free(&o.job);
}

size_t tests_many(struct CMUnitTest *into)
{
    const struct CMUnitTest tests[] = {
        contract_test(many_end_together),
        contract_test(the_ledgers_place_is_kept)};

    memcpy(into, tests, sizeof(tests));
    return sizeof(tests) / sizeof(tests[0]);
}
