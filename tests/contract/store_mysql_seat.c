/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/contract/store_mysql_seat.c - slots and shards: claims, fences,
 * acquiring and giving back, and what one instance puts into another's shards.
 */
#include "config.h"

#include "store_mysql.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "store/slots.h"

/* Another instance with a seat but no shards. */
static struct store_session *second(struct fix *f, struct store_slot *ret)
{
    struct store_session *x;
    struct err err = {0};

    if (store_session_open(f->store, true, &x, &err) < 0 ||
        store_claim(x, NULL, ret, &err) < 0)
        fail_msg("second: %s", err.text);
    return x;
}

static struct store_slot own_slot(struct fix *f)
{
    struct store_slot s;
    struct err err = {0};

    if (store_verify(f->x, &s, &err) < 0)
        fail_msg("verify: %s", err.text);
    return s;
}

static void a_claim_is_a_compare_and_set(void **state)
{
    struct fix *f = *state;
    struct store_slot mine = own_slot(f), theirs, all[8], now;
    struct store_session *x = second(f, &theirs);
    struct err err;

    assert_int_not_equal(theirs.slot, mine.slot);
    assert_int_equal(store_slots(x, all, 8, &err), 2);
    assert_true(all[0].owned && all[1].owned);
    assert_string_equal(all[0].owner, "contract");
    mine = own_slot(f);
    assert_int_equal(store_beat(x, mine.slot, mine.epoch, &err), 0);
    /* It has beaten since it was seen. */
    assert_int_equal(store_claim(x, &mine, &now, &err), -ESTALE);
    mine.beat++;
    assert_int_equal(store_claim(x, &mine, &now, &err), 0);
    assert_int_equal(now.slot, mine.slot);
    assert_int_equal(now.epoch, mine.epoch + 1);
    assert_int_equal(now.wseq, 0);
    /* The former owner cannot write, nor beat. */
    assert_int_equal(store_beat(f->x, mine.slot, mine.epoch, &err), -ESTALE);
    assert_int_equal(store_verify(f->x, &mine, &err), -ESTALE);
    assert_false(err.retry);
    store_session_close(&x);
}

static void shards_pass_through_nobody(void **state)
{
    struct fix *f = *state;
    int32_t owners[STORE_SHARDS_MOST];
    struct store_slot theirs;
    struct store_session *x = second(f, &theirs);
    struct shard_set want, got, some = {{0}};
    struct err err;

    memset(&want, 0xff, sizeof(want));
    assert_int_equal(store_acquire(x, &want, 99, 0, &got, &err), 0);
    assert_int_equal(shard_count(&got), 0);
    shard_add(&some, 2);
    shard_add(&some, 5);
    assert_int_equal(store_release(f->x, &some, &err), 0);
    assert_int_equal(store_shard_owners(x, owners, STORE_SHARDS_MOST, &err), 8);
    assert_int_equal(owners[2], STORE_NO_SLOT);
    assert_int_not_equal(owners[3], STORE_NO_SLOT);
    assert_int_equal(store_acquire(x, &want, 1, 0, &got, &err), 0);
    assert_int_equal(shard_count(&got), 1);
    assert_int_equal(store_acquire(x, &want, 9, 0, &got, &err), 0);
    assert_int_equal(shard_count(&got), 1);
    assert_int_equal(store_vacate(x, false, &err), 0);
    assert_int_equal(store_shard_owners(x, owners, STORE_SHARDS_MOST, &err), 8);
    assert_int_equal(owners[2], STORE_NO_SLOT);
    assert_int_equal(owners[5], STORE_NO_SLOT);
    store_session_close(&x);
}

static void each_loads_its_own(void **state)
{
    struct fix *f = *state;
    struct load_request q = {
        .until = job_pos_at(T0 + DAY), .cap = 1000, .bytes_cap = 1 << 20};
    struct store_slot theirs;
    struct store_session *x = second(f, &theirs);
    struct shard_set half = {{0x0f}}, got;
    struct load_result a, b;
    struct err err;

    for (int i = 0; i < 40; i++) {
        fix_put_many(f, 1, T0 + i, 0); /* near: to ours, one after the other */
        fix_put_many(f, 1, T0 + HOUR + i, 0);
    }
    behind_exec(f->dir, "UPDATE jobs SET shard=id%8");
    assert_int_equal(store_release(f->x, &half, &err), 0);
    assert_int_equal(store_acquire(x, &half, 99, 0, &got, &err), 0);
    assert_int_equal(store_load_due(f->x, &q, &a, &err), 0);
    assert_int_equal(store_load_due(x, &q, &b, &err), 0);
    assert_int_equal(a.count + b.count, 80);
    assert_true(a.count > 0 && b.count > 0);
    while (!list_empty(&a.jobs)) {
        struct job *j = list_of(list_pop(&a.jobs), struct job, link);

        assert_true(j->shard >= 4);
        job_free(&j);
    }
    free_jobs(&b.jobs);
    store_session_close(&x);
}

/* A change of a job that another instance has loaded is that one's to decide,
 * and what is put behind its mark is shown to it. */
static void others_are_told_by_wishes(void **state)
{
    struct fix *f = *state;
    int64_t id = fix_put_id(f, "k", T0 + 1000), far;
    struct store_slot theirs;
    struct store_session *x = second(f, &theirs);
    struct change c = {.kind = CHANGE_CANCEL, .id = id, .now_ms = T0};
    struct put_item item = {.job = fix_job(f, "new", T0 + 500, "x")};
    struct put_batch b = {.items = &item, .count = 1, .now_ms = T0};
    struct list none;
    struct wish *w;
    struct err err;

    far = fix_put_id(f, "far", T0 + 2 * HOUR);
    fix_mark_loaded(f, T0 + HOUR);
    assert_int_equal(store_change(x, &c, &err), 0);
    assert_true(c.wish > 0);
    assert_int_equal(store_put(x, &b, &err), 0);
    assert_int_equal(item.result, PUT_STORED);
    w = fix_wish(f, 0);
    assert_int_equal(w->number, c.wish);
    wish_free(&w);
    w = fix_wish(f, c.wish);
    assert_int_equal(w->kind, CHANGE_LOAD);
    assert_int_equal(w->job_id, item.job->id);
    assert_int_equal(w->shard, item.job->shard);
    wish_free(&w);
    list_init(&none); /* they are not its own to see */
    assert_int_equal(store_wishes(x, 0, 9, &none, &err), 0);
    assert_true(list_empty(&none));
    /* Beyond the mark it is done at once, and shown when it comes near. */
    c = (struct change){.kind = CHANGE_RUN, .id = far, .now_ms = T0};
    assert_int_equal(store_change(x, &c, &err), 0);
    assert_int_equal(c.wish, 0);
    assert_int_equal(c.job->version, 2);
    job_free(&c.job);
    job_free(&item.job);
    store_session_close(&x);
}

static void the_ledger_is_kept_with_the_slot(void **state)
{
    struct fix *f = *state;
    struct store_slot s = own_slot(f);
    struct finish_batch b = {.now_ms = T0, .ledger_pos = 77, .ledger_seq = 5};
    int64_t clock = 0;
    struct err err;

    assert_false(s.ledger_used);
    assert_int_equal(store_ledger_begin(f->x, 70, 0, &err), 0);
    s = own_slot(f);
    assert_true(s.ledger_used);
    assert_int_equal(s.ledger_pos, 70);
    assert_int_equal(store_finish(f->x, &b, &err), 0);
    fix_reopen(f);
    s = own_slot(f);
    assert_int_equal(s.ledger_pos, 77);
    assert_int_equal(s.ledger_seq, 5);
    assert_int_equal(store_clock(f->x, &clock, &err), 0);
    assert_true(clock > INT64_C(1600000000000));
}

size_t tests_mysql_seat(struct CMUnitTest *into)
{
    const struct CMUnitTest tests[] = {
        contract_test(a_claim_is_a_compare_and_set),
        contract_test(shards_pass_through_nobody),
        contract_test(each_loads_its_own),
        contract_test(others_are_told_by_wishes),
        contract_test(the_ledger_is_kept_with_the_slot),
    };

    memcpy(into, tests, sizeof(tests));
    return sizeof(tests) / sizeof(tests[0]);
}
