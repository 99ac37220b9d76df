/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_source.c - sources on good days: jobs are stored once,
 * bad messages become dead letters.
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
#include "../support/ingestworld.h"

#define PRODUCE_KEY 0 /* Kafka's number of the request */

static void test_stored_once_over_restarts(void **state)
{
    struct world *w = *state;

    world_send_jobs(w, 0, 100);
    world_start(w);
    assert_string_equal(source_conf(w->source)->name, w->name);
    wait_for(world_stored(w) == 100);
    assert_string_equal(source_state(w->source), "running");
    world_stop(w);
    world_send_jobs(w, 100, 150);
    world_start(w);
    wait_for(world_stored(w) == 150);
    /* A repeat is a repeat. */
    world_send_jobs(w, 0, 5);
    wait_for(world_metric(w, "messages_duplicate_total") == 5);
    world_expect_jobs(w, 150);
    assert_int_equal(world_metric(w, "messages_received_total"), 155);
    assert_int_equal(world_metric(w, "messages_processed_total"), 150);
    wait_for(world_metric(w, "ingest_lag") == 0);
    world_stop(w);
    world_expect_jobs(w, 150);
}

static void test_dead_letters(void **state)
{
    struct world *w = *state;
    struct buf hb = BUF_INIT(100);
    struct span none = {NULL, 0};
    int64_t before = clock_wall_ms();
    rd_kafka_t *rk;
    rd_kafka_message_t *m;
    rd_kafka_headers_t *h = NULL;
    const char *n;
    const void *v;
    size_t len;

    assert_int_equal(
        headers_add(&hb, (struct span){"trace", 5}, (struct span){"t1", 2}), 0);
    world_send_jobs(w, 0, 2);
    world_send(w, 1, (struct span){"k", 1}, (struct span){"{\"appName\":", 11},
               (struct span){hb.data, hb.len});
    world_send(w, 0, none, none, none);
    world_send_text(
        w, 0,
        "{\"appName\":\"nosuch\",\"scheduledTime\":\"2035-01-01 00:00:00\","
        "\"jobData\":{}}");
    world_send_text(w, 0, "{\"appName\":\"\xff\"}");
    world_send_jobs(w, 2, 4);
    world_start(w);
    wait_for(world_stored(w) == 4);
    wait_for(world_metric(w, "messages_dead_lettered_total") == 4);
    assert_int_equal(world_metric(w, "messages_failed_total"), 4);
    rk = world_letters(w);
    for (int i = 0; i < 4; i++) {
        bool from_one;

        m = world_next_letter(rk, 10000);
        assert_non_null(m);
        from_one = m->key_len == 1;
        if (from_one) {
            assert_memory_equal(m->key, "k", 1);
            assert_int_equal(m->len, 11);
            assert_memory_equal(m->payload, "{\"appName\":", 11);
            assert_int_equal(world_header_count(m), 6);
            world_header_is(m, 0, "trace", "t1");
            world_header_is(m, 1, "original-topic", "in");
            world_header_is(m, 2, "original-partition", "1");
            world_header_is(m, 3, "original-offset", "1");
            world_header_is(m, 4, "error-message", NULL);
            world_header_is(m, 5, "error-timestamp", NULL);
            assert_int_equal(rd_kafka_message_headers(m, &h), 0);
            assert_int_equal(rd_kafka_header_get_all(h, 5, &n, &v, &len), 0);
            assert_int_equal(len, 13);
            assert_true(strtoll(v, NULL, 10) >= before);
        } else {
            assert_int_equal(world_header_count(m), 5);
            world_header_is(m, 1, "original-partition", "0");
            if (m->payload == NULL) {
                world_header_is(m, 2, "original-offset", "1");
                world_header_is(m, 3, "error-message", "null value");
            } else if (memcmp(m->payload, "{\"appName\":\"nosuch", 18) == 0) {
                world_header_is(m, 3, "error-message",
                                "unknown app \"nosuch\"");
            } else {
                world_header_is(m, 2, "original-offset", "3");
            }
        }
        rd_kafka_message_destroy(m);
    }
    world_close_letters(rk);
    world_stop(w);
    /* They are behind us. */
    world_start(w);
    world_send_jobs(w, 4, 6);
    wait_for(world_stored(w) == 6);
    assert_int_equal(world_metric(w, "messages_dead_lettered_total"), 4);
    world_expect_jobs(w, 6);
    buf_done(&hb);
}

static void test_dead_letter_topic_away(void **state)
{
    struct world *w = *state;

    rd_kafka_mock_topic_set_error(w->mock, "dlq",
                                  RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    world_send_jobs(w, 0, 2);
    world_send_text(w, 0, "rubbish");
    world_send_jobs(w, 2, 4);
    world_start(w);
    wait_for(world_state_is(w, "paused: dead-letter topic"));
    assert_int_equal(world_metric(w, "ingest_paused"), 1);
    /* What the position would pass is not stored. */
    assert_int_equal(world_metric(w, "messages_dead_lettered_total"), 0);
    assert_true(world_stored(w) < 4);
    /* Nor does a stop pass it. */
    source_stop(&w->source, clock_boot_ms() + 300);
    world_start(w);
    wait_for(world_state_is(w, "paused: dead-letter topic"));
    rd_kafka_mock_topic_set_error(w->mock, "dlq", RD_KAFKA_RESP_ERR_NO_ERROR);
    wait_for(world_stored(w) == 4);
    wait_for(world_state_is(w, "running"));
    assert_int_equal(world_metric(w, "messages_dead_lettered_total"), 1);
    assert_int_equal(world_metric(w, "ingest_paused"), 0);
    world_expect_jobs(w, 4);
}

static void test_dead_letter_too_large(void **state)
{
    struct world *w = *state;
    rd_kafka_t *rk;
    rd_kafka_message_t *m;

    world_send(w, 0, (struct span){"key", 3}, (struct span){"rubbish", 7},
               (struct span){NULL, 0});
    rd_kafka_mock_push_request_errors(w->mock, PRODUCE_KEY, 1,
                                      RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    world_start(w);
    wait_for(world_metric(w, "messages_dead_lettered_total") == 1);
    rk = world_letters(w);
    m = world_next_letter(rk, 10000);
    assert_non_null(m);
    assert_null(m->payload);
    assert_memory_equal(m->key, "key", 3);
    assert_int_equal(world_header_count(m), 6);
    world_header_is(m, 5, "ontime-value-dropped", "7");
    rd_kafka_message_destroy(m);
    world_close_letters(rk);
}

static void test_drop(void **state)
{
    struct world *w = *state;
    rd_kafka_t *rk;

    w->conf.on_bad = world_text("drop");
    world_send_text(w, 0, "rubbish");
    world_send_jobs(w, 0, 2);
    world_start(w);
    wait_for(world_stored(w) == 2);
    assert_int_equal(world_metric(w, "messages_failed_total"), 1);
    assert_int_equal(world_metric(w, "messages_dead_lettered_total"), 0);
    rk = world_letters(w);
    assert_null(world_next_letter(rk, 500));
    world_close_letters(rk);
}

static void test_large_payload(void **state)
{
    struct world *w = *state;
    const size_t n = 10 << 20;
    char *text = malloc(n + 200);
    int at;

    assert_non_null(text);
    at = snprintf(
        text, 200,
        "{\"requestId\":\"r-0\",\"appName\":\"sms_retry\",\"scheduledTime\":"
        "\"2035-01-01 00:00:00\",\"jobData\":{\"x\":\"");
    memset(text + at, 'x', n);
    memcpy(text + (size_t)at + n, "\"}}", 3);
    world_send(w, 0, (struct span){NULL, 0},
               (struct span){text, (size_t)at + n + 3}, (struct span){NULL, 0});
    world_start(w);
    wait_for(world_stored(w) == 1);
    assert_int_equal(list_of(w->jobs.next, struct job, link)->payload.len,
                     n + 8);
    /* In the other partition: the mock cluster keeps 5 MB of each. */
    world_send_jobs(w, 1, 2);
    wait_for(world_stored(w) == 2);
    world_expect_jobs(w, 2);
    free(text);
}

static void test_bad_sources_are_refused(void **state)
{
    struct world *w = *state;
    struct err err = {0};

    w->conf.format = world_text("yaml");
    assert_int_equal(source_start(&w->env, &w->conf, &w->source, &err),
                     -EINVAL);
    assert_non_null(strstr(err.text, "unknown format \"yaml\""));
    w->conf.format = world_text("ingest");
    w->conf.timezone = world_text("Mars/Olympus");
    assert_true(source_start(&w->env, &w->conf, &w->source, &err) < 0);
    assert_non_null(strstr(err.text, "Mars/Olympus"));
    w->conf.timezone = world_text("");
    w->conf.app = world_text("no name");
    assert_int_equal(source_start(&w->env, &w->conf, &w->source, &err),
                     -EINVAL);
    w->conf.app = world_text("");
    w->conf.consumer.count = 1;
    w->conf.consumer.at = (char *[]){world_text("fetch.nonsense=1")};
    assert_int_equal(source_start(&w->env, &w->conf, &w->source, &err),
                     -EINVAL);
    assert_non_null(strstr(err.text, "fetch.nonsense"));
    assert_null(w->source);
}

int main(void)
{
#define T(name)                                                                \
    cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        T(test_stored_once_over_restarts),
        T(test_dead_letters),
        T(test_dead_letter_topic_away),
        T(test_dead_letter_too_large),
        T(test_drop),
        T(test_large_payload),
        T(test_bad_sources_are_refused),
    };

    return cmocka_run_group_tests_name("source", tests, NULL, NULL);
}
