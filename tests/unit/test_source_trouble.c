/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_source_trouble.c - sources when the store, the broker or another
 * consumer is in the way.
 */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "job/headers.h"
#include "ingest/format_ingest.h"
#include "kafka/consumer.h"
#include "../support/ingestworld.h"

static void test_stale_position(void **state)
{
    struct world *w = *state;
    struct store_position pos = {.cluster = "cluster-1",
                                 .source = w->name,
                                 .topic = "in",
                                 .partition = 0};
    struct store_session *x = NULL;
    struct writer_request r = {.kind = WRITE_PUT,
                               .put = {.positions = &pos, .position_count = 1}};
    struct err err = {0};

    world_send_jobs(w, 0, 100);
    world_start(w);
    wait_for(world_stored(w) == 100);
    assert_int_equal(store_session_open(w->store, false, &x, NULL), 0);
    wait_for(store_position_get(x, &pos, NULL) == 0 && pos.next == 50);
    store_session_close(&x);
    pos.from = 50;
    pos.next = 53; /* as if 50, 51, 52 were stored elsewhere */
    assert_int_equal(writer_run(w->writer, &r, &err), 0);
    world_send_jobs(w, 100, 120); /* 10 in each partition */
    wait_for(world_stored(w) == 117);
    world_send_jobs(w, 120, 122);
    wait_for(world_stored(w) == 119);
    world_stop(w);
    assert_int_equal(world_stored(w), 119);
    assert_int_equal(world_metric(w, "messages_duplicate_total"), 0);
}

static void test_store_held_up(void **state)
{
    struct world *w = *state;

    world_start(w);
    world_send_jobs(w, 0, 10);
    wait_for(world_stored(w) == 10);
    world_plug(w);
    /* More than one batch holds: what is on its way, and one that is full. */
    world_send_jobs(w, 10, 70000);
    wait_for(world_state_is(w, "paused: store"));
    assert_int_equal(world_metric(w, "ingest_paused"), 1);
    assert_true(world_metric(w, "messages_received_total") <= 10 + 3 * 20000);
    world_unplug(w);
    wait_for(world_stored(w) == 70000);
    wait_for(world_state_is(w, "running"));
    assert_int_equal(world_metric(w, "ingest_paused"), 0);
    assert_int_equal(world_metric(w, "messages_duplicate_total"), 0);
    world_expect_jobs(w, 70000);
}

static void test_stop_at_the_deadline(void **state)
{
    struct world *w = *state;
    int64_t before;

    world_start(w);
    world_send_jobs(w, 0, 10);
    wait_for(world_stored(w) == 10);
    world_plug(w);
    world_send_jobs(w, 10, 20);
    wait_for(world_metric(w, "messages_received_total") == 20);
    before = clock_boot_ms();
    source_stop(&w->source, before + 300);
    assert_true(clock_boot_ms() - before < 8000);
    assert_int_equal(world_stored(w), 10);
    world_unplug(w);
    world_start(w);
    wait_for(world_stored(w) == 20);
    world_send_jobs(w, 20, 22);
    wait_for(world_stored(w) == 22);
    assert_int_equal(world_metric(w, "messages_duplicate_total"), 0);
    world_expect_jobs(w, 22);
}

static void test_what_the_store_cannot_take(void **state)
{
    struct world *w = *state;
    rd_kafka_t *rk;
    rd_kafka_message_t *m;

    atomic_store(&world_poison_seen, 0);
    world_send_jobs(w, 0, 40);
    world_send_text(w, 1,
                    "{\"appName\":\"sms_retry\",\"scheduledTime\":"
                    "\"2035-01-01 00:00:00\",\"jobData\":{\"x\":\"poison\"}}");
    world_send_jobs(w, 40, 80);
    world_start(w);
    wait_for(world_stored(w) == 80);
    assert_int_equal(world_metric(w, "messages_dead_lettered_total"), 1);
    assert_int_equal(world_metric(w, "messages_duplicate_total"), 0);
    /* max_retries = 1: alone twice, and before that in ever smaller batches. */
    assert_in_range(atomic_load(&world_poison_seen), 2, 30);
    rk = world_letters(w);
    m = world_next_letter(rk, 10000);
    assert_non_null(m);
    world_header_is(m, 2, "original-offset", "20");
    world_header_is(m, 3, "error-message", "indigestible");
    rd_kafka_message_destroy(m);
    world_close_letters(rk);
    world_expect_jobs(w, 80);
}

int __real_format_ingest_decode(const struct format_source *src,
                                const struct format_input *in,
                                struct put_item *item, struct err *err);
int __wrap_format_ingest_decode(const struct format_source *src,
                                const struct format_input *in,
                                struct put_item *item, struct err *err);

/* A format that makes a job of more than the store takes. */
int __wrap_format_ingest_decode(const struct format_source *src,
                                const struct format_input *in,
                                struct put_item *item, struct err *err)
{
    int r = __real_format_ingest_decode(src, in, item, err);

    if (r == 0 && memmem(item->job->payload.data, item->job->payload.len,
                         "never", 5) != NULL)
        item->job->due_ms = STORE_DUE_MAX + 1;
    return r;
}

static void test_what_can_be_known_holds_up_nobody(void **state)
{
    struct world *w = *state;
    rd_kafka_t *rk;
    rd_kafka_message_t *m;

    atomic_store(&world_refusals, 0);
    world_send_jobs(w, 0, 40);
    world_send_text(w, 1,
                    "{\"appName\":\"sms_retry\",\"scheduledTime\":"
                    "\"2035-01-01 00:00:00\",\"jobData\":{\"x\":\"never\"}}");
    world_send_jobs(w, 40, 80);
    world_start(w);
    wait_for(world_stored(w) == 80);
    wait_for(world_metric(w, "messages_dead_lettered_total") == 1);
    /* No batch came back, so nothing waited for a smaller one. */
    assert_int_equal(atomic_load(&world_refusals), 0);
    assert_int_equal(world_metric(w, "messages_failed_total"), 1);
    rk = world_letters(w);
    m = world_next_letter(rk, 10000);
    assert_non_null(m);
    world_header_is(m, 2, "original-offset", "20");
    world_header_is(m, 3, "error-message",
                    "due time 8796093022207 is out of range");
    rd_kafka_message_destroy(m);
    world_close_letters(rk);
    world_expect_jobs(w, 80);
}

static void test_broker_away(void **state)
{
    struct world *w = *state;

    rd_kafka_mock_broker_set_down(w->mock, 1);
    world_start(w);
    assert_string_equal(source_state(w->source), "connecting");
    rd_kafka_mock_broker_set_up(w->mock, 1);
    wait_for(world_state_is(w, "running"));
    world_send_jobs(w, 0, 10);
    wait_for(world_stored(w) == 10);
    rd_kafka_mock_broker_set_down(w->mock, 1);
    wait_for(world_state_is(w, "connecting"));
    rd_kafka_mock_broker_set_up(w->mock, 1);
    wait_for(world_state_is(w, "running"));
    world_send_jobs(w, 10, 20);
    wait_for(world_stored(w) == 20);
    assert_int_equal(world_metric(w, "messages_duplicate_total"), 0);
    world_expect_jobs(w, 20);
}

static atomic_int fail_polls, fail_opens;
int __real_consumer_open(const struct consumer_settings *set,
                         struct consumer **ret, struct err *err);
int __wrap_consumer_open(const struct consumer_settings *set,
                         struct consumer **ret, struct err *err);
int __real_consumer_poll(struct consumer *c, struct message *out, size_t cap,
                         int timeout_ms, struct err *err);
int __wrap_consumer_poll(struct consumer *c, struct message *out, size_t cap,
                         int timeout_ms, struct err *err);

/* What is to fail once more? */
static bool fails(atomic_int *count)
{
    int n = atomic_load(count);

    return n > 0 && atomic_compare_exchange_strong(count, &n, n - 1);
}

int __wrap_consumer_open(const struct consumer_settings *set,
                         struct consumer **ret, struct err *err)
{
    return fails(&fail_opens) ? err_set(err, -EIO, "no more of them")
                              : __real_consumer_open(set, ret, err);
}

int __wrap_consumer_poll(struct consumer *c, struct message *out, size_t cap,
                         int timeout_ms, struct err *err)
{
    return fails(&fail_polls)
               ? err_set(err, -EIO, "fenced")
               : __real_consumer_poll(c, out, cap, timeout_ms, err);
}

/* Held meanwhile: a dead letter that cannot be sent, and with it the batch. */
static void test_a_consumer_that_fails_is_replaced(void **state)
{
    struct world *w = *state;
    rd_kafka_message_t *m;
    rd_kafka_t *rk;

    world_start(w);
    world_send_jobs(w, 0, 10);
    wait_for(world_stored(w) == 10);
    rd_kafka_mock_topic_set_error(w->mock, "dlq",
                                  RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    world_send_text(w, 0, "no json");
    wait_for(world_metric(w, "messages_failed_total") == 1);
    atomic_store(&fail_opens, 1);
    atomic_store(&fail_polls, 1);
    wait_for(world_state_is(w, "failed"));
    world_send_jobs(w, 10, 20);
    rd_kafka_mock_topic_set_error(w->mock, "dlq", RD_KAFKA_RESP_ERR_NO_ERROR);
    wait_for(world_stored(w) == 20);
    assert_int_equal(world_metric(w, "ingest_reopens_total"), 2);
    wait_for(world_state_is(w, "running"));
    assert_int_equal(world_metric(w, "messages_duplicate_total"), 0);
    world_expect_jobs(w, 20);
    rk = world_letters(w);
    m = world_next_letter(rk, 10000);
    assert_non_null(m);
    world_header_is(m, 2, "original-offset", "5");
    rd_kafka_message_destroy(m);
    world_close_letters(rk);
    /* And at a stop there may be none. */
    atomic_store(&fail_polls, 1);
    wait_for(world_state_is(w, "failed"));
    world_stop(w);
}

static void test_position_lost(void **state)
{
    struct world *w = *state;
    struct store_position pos = {.cluster = "cluster-1",
                                 .source = w->name,
                                 .topic = "in",
                                 .partition = 0,
                                 .from = -1,
                                 .next = 1000};
    struct writer_request r = {.kind = WRITE_PUT,
                               .put = {.positions = &pos, .position_count = 1}};

    w->conf.on_position_lost = world_text("fail");
    assert_int_equal(writer_run(w->writer, &r, NULL), 0);
    world_send_jobs(w, 0, 10);
    world_start(w);
    wait_for(world_state_is(w, "failed: position lost"));
    wait_for(world_stored(w) == 5); /* the other partition goes on */
    world_stop(w);
    w->conf.on_position_lost = world_text("earliest");
    world_start(w);
    wait_for(world_stored(w) == 10);
    world_expect_jobs(w, 10);
}

int main(void)
{
#define T(name)                                                                \
    cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        T(test_stale_position),
        T(test_store_held_up),
        T(test_stop_at_the_deadline),
        T(test_what_the_store_cannot_take),
        T(test_broker_away),
        T(test_position_lost),
        T(test_what_can_be_known_holds_up_nobody),
        T(test_a_consumer_that_fails_is_replaced),
    };

    return cmocka_run_group_tests_name("source_trouble", tests, NULL, NULL);
}
