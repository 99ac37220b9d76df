/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_plug_emit.c - records and follow-ups: all their parts, their
 * bounds, and when they are dropped.
 */
#include "config.h"

#include "plug_box.h"

#include "base/log.h"
#include "job/headers.h"

static struct yard yard;
static struct box box;

static int setup(void **state)
{
    (void)state;
    yard_open(&yard, YARD_PATIENCE_MS);
    box_open(&box, 4, 1u << 16);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    box_close(&box);
    yard_close(&yard);
    return 0;
}

static void done_keeps_the_records(void **state)
{
    struct plugin_instance *i = yard_ready(&yard, "fix_good", box.table);
    struct attempt *a = box_result(&box, i, 1, NULL);

    (void)state;
    assert_int_equal(a->outcome, ONTIME_DONE);
    assert_int_equal(a->ended_by, ATTEMPT_ANSWERED);
    assert_int_equal(a->record_count, 1);
    assert_int_equal(a->record_bytes, 11);
    assert_ptr_equal(a->records->topic, topic_name_s("out"));
    assert_null(a->records->key.data);
    assert_int_equal(a->records->partition, -1);
    expect_record(a->records, "version 1.0");
    assert_int_equal(a->message.len, 0);
    assert_true(a->started_ms > 1000 && a->ended_ms >= a->started_ms);
    assert_int_equal(a->opened_ms, 1000);
    assert_int_equal(a->job->id, 1);
    assert_ptr_equal(a->instance, i);
    assert_int_equal(attempt_table_open(box.table), 0);
    assert_int_equal(attempt_table_used(box.table), 1);
    attempt_free(&a);
    assert_null(a);
    assert_int_equal(attempt_table_used(box.table), 0);
    yard_done(&i);
}

static struct job *full_job(const char *payload)
{
    struct buf headers = BUF_INIT(1000);
    struct job_text text = {.key = {"k\0k", 3},
                            .payload = {payload, strlen(payload)}};
    struct job *j;

    (void)headers_add(&headers, (struct span){"a", 1}, (struct span){"1", 1});
    (void)headers_add(&headers, (struct span){"", 0}, (struct span){NULL, 0});
    (void)headers_add(&headers, (struct span){"b", 1}, (struct span){"", 0});
    text.headers = (struct span){headers.data, headers.len};
    j = job_new(app_name_s("app_1"), &text);
    assert_non_null(j);
    buf_done(&headers);
    j->id = 77;
    j->version = 3;
    j->due_ms = 5000;
    return j;
}

static struct attempt *full_result(struct plugin_instance *i,
                                   const char *payload)
{
    struct attempt *a;

    assert_int_equal(
        attempt_open(
            box.table, i,
            &(struct attempt_start){.job = full_job(payload), .now_ms = 1}, &a),
        0);
    assert_int_equal(attempt_run(a), 0);
    a = box_next(&box);
    assert_non_null(a);
    return a;
}

static void all_parts_of_records_and_followups(void **state)
{
    struct plugin_instance *i = yard_ready(&yard, "fix_full", box.table);
    struct attempt *a = full_result(i, "payload");
    const struct attempt_followup *f = a->followups;

    (void)state;
    assert_int_equal(a->outcome, ONTIME_DONE);
    assert_int_equal(a->record_count, 2);
    assert_true(span_eq(a->records->key, (struct span){"k\0k", 3}));
    expect_record(a->records, "payload");
    assert_true(span_eq(a->records->headers, a->job->headers));
    assert_int_equal(a->records->partition, 3);
    expect_record(a->records->next, "store-77-3");
    assert_null(a->records->next->next);
    assert_int_equal(a->record_bytes,
                     3 + 7 + a->job->headers.len + strlen("store-77-3"));
    assert_int_equal(a->followup_count, 2);
    assert_ptr_equal(f->app, app_name_s("app_1"));
    assert_true(span_eqs(f->payload, "again"));
    assert_null(f->key.data);
    assert_int_equal(f->due_ms, 6000);
    assert_int_equal(f->priority, JOB_NORMAL);
    f = f->next;
    assert_ptr_equal(f->app, app_name_s("other"));
    assert_true(span_eqs(f->key, "k"));
    assert_null(f->payload.data);
    assert_true(span_eq(f->headers, a->job->headers));
    assert_null(f->next);
    attempt_free(&a);
    yard_done(&i);
}

static void retry_drops_them_and_has_a_text(void **state)
{
    struct plugin_instance *i = yard_ready(&yard, "fix_full", box.table);
    struct attempt *a = full_result(i, "retry");

    (void)state;
    assert_int_equal(a->outcome, ONTIME_RETRY);
    assert_int_equal(a->retry_ms, 1500);
    expect_message(a, "not now ?"); /* what was not UTF-8 is made so */
    expect_empty(a);
    attempt_free(&a);
    yard_done(&i);
}

/* A record that was refused is not forgotten: DONE would be a lie. */
static void a_refused_record_is_a_failure(void **state)
{
    struct plugin_instance *i = yard_ready(&yard, "fix_full", box.table);
    struct plugin_instance *flood = yard_ready(&yard, "fix_flood", box.table);
    struct attempt *a = full_result(i, "bad");

    (void)state;
    assert_int_equal(a->outcome, ONTIME_FAIL);
    expect_message(a, "a record or follow-up was refused: not valid");
    expect_empty(a);
    attempt_free(&a);
    a = box_result(&box, flood, 1, NULL);
    assert_int_equal(a->outcome, ONTIME_FAIL);
    expect_message(a, "a record or follow-up was refused: too large");
    expect_empty(a);
    attempt_free(&a);
    yard_done(&flood);
    yard_done(&i);
}

static void within_bounds_a_flood_is_fine(void **state)
{
    struct plugin_instance *i;
    struct attempt *a;
    struct box big;

    (void)state;
    box_open(&big, 1, 20u << 20);
    i = yard_ready(&yard, "fix_flood", big.table);
    a = box_result(&big, i, 1, NULL);
    assert_int_equal(a->outcome, ONTIME_DONE);
    assert_int_equal(a->record_count, 100);
    assert_int_equal(a->record_bytes, 10000000);
    attempt_free(&a);
    yard_done(&i);
    box_close(&big);
}

/* The bound is on all of an attempt, not on each record alone. */
static void many_records_are_one_sum(void **state)
{
    struct plugin_instance *i;
    struct attempt *a;
    struct box small;

    (void)state;
    box_open(&small, 1, 9u << 20); /* each of them would fit */
    i = yard_ready(&yard, "fix_flood", small.table);
    a = box_result(&small, i, 1, NULL);
    assert_int_equal(a->outcome, ONTIME_FAIL);
    expect_message(a, "a record or follow-up was refused: too large");
    attempt_free(&a);
    yard_done(&i);
    box_close(&small);
}

int main(int argc, char **argv)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(done_keeps_the_records),
        T(all_parts_of_records_and_followups),
        T(retry_drops_them_and_has_a_text),
        T(a_refused_record_is_a_failure),
        T(within_bounds_a_flood_is_fine),
        T(many_records_are_one_sum),
    };

    yard_probe(argc, argv);
    (void)log_set_levels("off", NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
