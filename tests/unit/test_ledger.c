/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_ledger.c - records of the ledger: what is written is read, and
 * what is damaged is refused.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "commit/ledger.h"

static const struct ledger_head head = {.store_id = "store-1",
                                        .slot = 7,
                                        .epoch = 300,
                                        .seq = INT64_C(1) << 40,
                                        .time_ms = 1763740000123,
                                        .writer = UINT64_C(0xfedcba9876543210)};

static struct job *job_at(int64_t id, uint32_t version, uint32_t attempt)
{
    const struct job_text t = {.key = {"k", 1}};
    struct job *j = job_new(app_name_s("app"), &t);

    assert_non_null(j);
    j->id = id;
    j->version = version;
    j->attempt = attempt;
    return j;
}

static struct span built(struct buf *b, struct outcome *o, size_t n)
{
    struct ledger_writer w;

    *b = BUF_INIT(4u << 20);
    ledger_begin(&w, b, &head);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(ledger_add(&w, &o[i]), 0);
    assert_int_equal(ledger_end(&w), 0);
    return (struct span){b->data, b->len};
}

static void the_head_is_read(void **state)
{
    struct ledger_reader r;
    struct ledger_head h;
    struct ledger_entry e;
    struct buf b;
    struct span rec = built(&b, NULL, 0);

    (void)state;
    assert_int_equal(ledger_parse(&r, rec, &h, NULL), 0);
    assert_string_equal(h.store_id, "store-1");
    assert_int_equal(h.slot, 7);
    assert_int_equal(h.epoch, 300);
    assert_true(h.seq == head.seq && h.time_ms == head.time_ms);
    assert_true(h.writer == head.writer);
    assert_int_equal(h.count, 0);
    assert_int_equal(ledger_next(&r, &e, NULL), 0);
    buf_done(&b);
}

static void entries_are_read(void **state)
{
    static const int64_t ids[] = {5, 1, INT64_MAX, INT64_MIN + 1, 6, 7};
    struct outcome o[6] = {{.kind = OUTCOME_DONE}};
    struct ledger_reader r;
    struct ledger_head h;
    struct ledger_entry e;
    struct buf b;
    struct span rec;

    (void)state;
    for (size_t i = 0; i < 6; i++) {
        o[i].job = job_at(ids[i], i == 2 ? UINT32_MAX : 1, i == 3 ? 4 : 0);
        o[i].kind = i == 4 ? OUTCOME_DEAD : OUTCOME_DONE;
        o[i].error = i == 4 ? (struct span){"why", 3} : (struct span){NULL, 0};
    }
    rec = built(&b, o, 6);
    assert_int_equal(ledger_parse(&r, rec, &h, NULL), 0);
    assert_int_equal(h.count, 6);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(ledger_next(&r, &e, NULL), 1);
        assert_true(e.id == ids[i]);
        assert_int_equal(e.version, o[i].job->version);
        assert_int_equal(e.attempt, o[i].job->attempt);
        assert_int_equal(e.kind, o[i].kind);
        assert_true(span_eqs(e.error, i == 4 ? "why" : ""));
        job_free(&o[i].job);
    }
    assert_int_equal(ledger_next(&r, &e, NULL), 0);
    buf_done(&b);
}

static void follow_ups_are_there_in_full(void **state)
{
    const struct job_text text[2] = {
        {{"key", 3}, {"payload", 7}, {"h", 1}},
        {{"", 0}, {NULL, 0}, {NULL, 0}},
    };
    struct put_item items[2] = {{.kind = PUT_JOB}, {.kind = PUT_JOB}};
    struct outcome o = {
        .kind = OUTCOME_DONE, .follow_ups = items, .follow_up_count = 2};
    struct ledger_follow_up f;
    struct ledger_reader r;
    struct ledger_head h;
    struct ledger_entry e;
    struct buf b;
    struct span rec;

    (void)state;
    o.job = job_at(1, 1, 0);
    for (int i = 0; i < 2; i++) {
        items[i].job = job_new(app_name_s(i == 0 ? "one" : "two"), &text[i]);
        items[i].job->due_ms = 1000 + i;
        items[i].job->created_ms = 500;
        items[i].job->priority = JOB_LOW;
    }
    rec = built(&b, &o, 1);
    assert_int_equal(ledger_parse(&r, rec, &h, NULL), 0);
    assert_int_equal(ledger_next(&r, &e, NULL), 1);
    assert_int_equal(e.follow_up_count, 2);
    assert_int_equal(ledger_follow_up(&e, &f, NULL), 1);
    assert_true(span_eqs(f.app, "one") && span_eqs(f.key, "key"));
    assert_true(span_eqs(f.payload, "payload") && span_eqs(f.headers, "h"));
    assert_int_equal(f.due_ms, 1000);
    assert_int_equal(f.created_ms, 500);
    assert_int_equal(f.priority, JOB_LOW);
    assert_int_equal(ledger_follow_up(&e, &f, NULL), 1);
    assert_true(span_eqs(f.app, "two") && f.payload.data == NULL);
    assert_int_equal(ledger_follow_up(&e, &f, NULL), 0);
    assert_int_equal(ledger_next(&r, &e, NULL), 0);
    for (int i = 0; i < 2; i++)
        job_free(&items[i].job);
    job_free(&o.job);
    buf_done(&b);
}

static void a_full_record_takes_no_more(void **state)
{
    char *big = calloc(1, LEDGER_ENTRY_BYTES);
    const struct job_text text = {{NULL, 0}, {big, 300u << 10}, {NULL, 0}};
    struct put_item item = {.kind = PUT_JOB};
    struct outcome o = {
        .kind = OUTCOME_DONE, .follow_ups = &item, .follow_up_count = 1};
    struct outcome plain = {.kind = OUTCOME_DONE};
    struct ledger_writer w;
    struct buf b = BUF_INIT(4u << 20);
    size_t len;

    (void)state;
    o.job = plain.job = job_at(1, 1, 0);
    item.job = job_new(app_name_s("a"), &text);
    ledger_begin(&w, &b, &head);
    assert_int_equal(ledger_add(&w, &plain), 0);
    len = b.len;
    assert_int_equal(ledger_add(&w, &o), -EMSGSIZE); /* not beside others */
    assert_int_equal(b.len, len);
    assert_int_equal(ledger_add(&w, &plain), 0);
    buf_reset(&b);
    ledger_begin(&w, &b, &head);
    assert_int_equal(ledger_add(&w, &o), 0); /* alone */
    assert_int_equal(ledger_add(&w, &plain), -EMSGSIZE);
    assert_int_equal(ledger_end(&w), 0);
    job_free(&item.job);
    job_free(&o.job);
    buf_done(&b);
    free(big);
}

/* Any prefix, and any byte changed: an error or an end, never beyond it. */
static void damage_is_refused(void **state)
{
    struct outcome o[2] = {{.kind = OUTCOME_DONE}, {.kind = OUTCOME_DONE}};
    struct ledger_reader r;
    struct ledger_head h;
    struct ledger_entry e;
    struct buf b;
    struct span rec;
    struct err err;

    (void)state;
    o[0].job = job_at(1000000, 2, 3);
    o[1].job = job_at(1000001, 1, 0);
    rec = built(&b, o, 2);
    for (size_t n = 0; n < rec.len; n++) {
        char *copy = malloc(n + 1);
        int result;

        memcpy(copy, rec.data, n);
        result = ledger_parse(&r, (struct span){copy, n}, &h, NULL);
        while (result == 0 && (result = ledger_next(&r, &e, NULL)) == 1)
            result = 0;
        assert_int_equal(result, -EINVAL);
        free(copy);
    }
    b.data[3]++;
    assert_int_equal(ledger_parse(&r, rec, &h, &err), -EINVAL);
    assert_non_null(strstr(err.text, "version 2"));
    for (int i = 0; i < 2; i++)
        job_free(&o[i].job);
    buf_done(&b);
}

static void an_entry_takes_few_bytes(void **state)
{
    struct outcome o = {.kind = OUTCOME_DONE};
    struct ledger_writer w;
    struct buf b = BUF_INIT(4u << 20);
    size_t len;

    (void)state;
    o.job = job_at(INT64_C(1763740000123) << 20, 1, 0);
    ledger_begin(&w, &b, &head);
    assert_int_equal(ledger_add(&w, &o), 0);
    len = b.len;
    for (int i = 0; i < 1000; i++) {
        o.job->id += 1 + i % 60;
        assert_int_equal(ledger_add(&w, &o), 0);
    }
    assert_true(b.len - len <= 1000 * 4);
    job_free(&o.job);
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_head_is_read),
        cmocka_unit_test(entries_are_read),
        cmocka_unit_test(follow_ups_are_there_in_full),
        cmocka_unit_test(a_full_record_takes_no_more),
        cmocka_unit_test(damage_is_refused),
        cmocka_unit_test(an_entry_takes_few_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
