/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_kafka_consumer.c - kafka/consumer.c and assignment.c,
 * against librdkafka's mock cluster in this process.
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
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "base/clock.h"
#include "base/log.h"
#include "job/headers.h"
#include "kafka/consumer.h"
#include "kafka/producer.h"

#define PARTS 2

struct world {
    rd_kafka_t *mock_rk;
    rd_kafka_mock_cluster_t *mock;
    struct kafka_settings kafka;
    struct producer *p;
    struct consumer *c;
    /* what assigned() says */
    int64_t start[PARTS];
    int64_t base; /* where the group stands */
    int refuse;   /* so many times assigned() fails first */
    int assigned, revoked, out_of_range;
    int64_t answer;      /* of out_of_range; -2: low */
    int64_t seen[PARTS]; /* the next offset expected by take() */
};

static int on_assigned(void *arg, int32_t part, int64_t *ret_next,
                       struct err *err)
{
    struct world *w = arg;

    if (w->refuse > 0) {
        w->refuse--;
        return err_again(err, -EIO, "the store is away");
    }
    w->assigned++;
    *ret_next = w->start[part];
    w->seen[part] = w->start[part] < 0 ? w->base : w->start[part];
    return 0;
}

static void on_revoked(void *arg, int32_t part, bool lost)
{
    struct world *w = arg;

    (void)part;
    (void)lost;
    w->revoked++;
}

static int64_t on_out_of_range(void *arg, int32_t part, int64_t low,
                               int64_t high)
{
    struct world *w = arg;

    w->out_of_range++;
    assert_true(low <= high);
    if (w->answer == -2)
        w->seen[part] = low;
    return w->answer == -2 ? low : w->answer;
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    struct producer_settings ps = {.name = "test",
                                   .queue_records = 200000,
                                   .queue_kb = 100000,
                                   .message_timeout_ms = 10000,
                                   .linger_ms = 1};
    rd_kafka_conf_t *rc = rd_kafka_conf_new();
    char why[200];

    assert_non_null(w);
    log_set_fd(-1);
    rd_kafka_conf_set(rc, "log_level", "0", why, sizeof(why));
    w->mock_rk = rd_kafka_new(RD_KAFKA_PRODUCER, rc, why, sizeof(why));
    w->mock = rd_kafka_mock_cluster_new(w->mock_rk, 1);
    assert_non_null(w->mock);
    assert_int_equal(rd_kafka_mock_topic_create(w->mock, "in", PARTS, 1), 0);
    w->kafka.bootstrap_servers = rd_kafka_mock_cluster_bootstraps(w->mock);
    ps.kafka = &w->kafka;
    assert_int_equal(producer_open(&ps, &w->p, NULL), 0);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    consumer_close(&w->c);
    producer_close(&w->p);
    rd_kafka_mock_cluster_destroy(w->mock);
    rd_kafka_destroy(w->mock_rk);
    free(w);
    return 0;
}

static struct consumer *open_consumer(struct world *w,
                                      const char *const *passthrough)
{
    struct consumer_settings set = {
        .kafka = &w->kafka,
        .name = "s",
        .topic = "in",
        .group_id = "g",
        .queue_kb = 8192,
        .passthrough = passthrough,
        .events = {on_assigned, on_revoked, on_out_of_range},
        .arg = w,
    };
    struct consumer *c = NULL;
    struct err err = {0};

    assert_int_equal(consumer_open(&set, &c, &err), 0);
    return c;
}

static void send_to(struct world *w, int32_t part, struct span key,
                    struct span value, struct span headers)
{
    struct producer_record r = {.topic = producer_topic(w->p, "in"),
                                .partition = part,
                                .key = key,
                                .value = value,
                                .headers = headers};

    assert_int_equal(producer_send(w->p, &r, NULL), 0);
}

static void send_n(struct world *w, int32_t part, int n)
{
    for (int i = 0; i < n; i++)
        send_to(w, part, (struct span){NULL, 0}, (struct span){"v", 1},
                (struct span){NULL, 0});
    assert_int_equal(producer_flush(w->p, 10000), 0);
}

/* Polls until `want` messages have come, each the next of its partition. */
static void take(struct world *w, struct consumer *c, int want)
{
    int64_t until = clock_boot_ms() + 20000;
    struct message m[64];
    struct err err = {0};

    while (want > 0) {
        int n = consumer_poll(c, m, 64, 100, &err);

        assert_true(n >= 0 || err.retry);
        assert_true(clock_boot_ms() < until);
        for (int i = 0; i < n; i++) {
            assert_int_equal(m[i].offset, w->seen[m[i].partition]);
            w->seen[m[i].partition]++;
            message_free(&m[i]);
            want--;
        }
    }
    assert_int_equal(want, 0);
}

static void expect_none(struct consumer *c, int for_ms)
{
    int64_t until = clock_boot_ms() + for_ms;
    struct message m[4];

    while (clock_boot_ms() < until)
        assert_true(consumer_poll(c, m, 4, 50, NULL) <= 0);
}

static void test_starts_where_the_caller_says_and_seeks(void **state)
{
    struct world *w = *state;
    struct err err = {0};

    send_n(w, 0, 100);
    send_n(w, 1, 50);
    w->start[0] = 90;
    w->start[1] = 0;
    w->c = open_consumer(w, NULL);
    take(w, w->c, 60);
    assert_int_equal(w->assigned, PARTS);
    assert_int_equal(consumer_lag(w->c), 0);
    assert_int_equal(consumer_seek(w->c, 1, 10, &err), 0);
    w->seen[1] = 10;
    take(w, w->c, 40);
    assert_int_equal(consumer_seek(w->c, 7, 10, &err), -ENOENT);
    send_n(w, 0, 3);
    take(w, w->c, 3);
    consumer_close(&w->c);
    assert_null(w->c);
    assert_int_equal(w->revoked, PARTS);
}

static void test_nulls_headers_and_large_values(void **state)
{
    struct world *w = *state;
    const size_t big = 10 << 20;
    char *mem = malloc(big);
    struct buf hb = BUF_INIT(1000);
    struct span none = {NULL, 0}, h;
    struct message m[1] = {{0}};
    int64_t until = clock_boot_ms() + 20000;
    int seen = 0;

    assert_non_null(mem);
    memset(mem, 'x', big);
    assert_int_equal(
        headers_add(&hb, (struct span){"n", 1}, (struct span){"v", 1}), 0);
    assert_int_equal(headers_add(&hb, (struct span){"z", 1}, none), 0);
    send_to(w, 0, none, none, none);
    send_to(w, 0, (struct span){"", 0}, (struct span){"", 0},
            (struct span){hb.data, hb.len});
    assert_int_equal(producer_flush(w->p, 10000), 0);
    /* In the other partition: the mock keeps 5 MB of each. */
    send_to(w, 1, (struct span){"k", 1}, (struct span){mem, big}, none);
    assert_int_equal(producer_flush(w->p, 10000), 0);
    w->c = open_consumer(w, NULL);
    while (seen < 3 && clock_boot_ms() < until) {
        if (consumer_poll(w->c, m, 1, 200, NULL) <= 0)
            continue;
        h = message_headers(&m[0]);
        seen++;
        if (m[0].partition == 1) {
            assert_int_equal(m[0].value.len, big);
            assert_memory_equal(m[0].value.data, mem, big);
            assert_true(m[0].timestamp_ms > 0);
        } else if (m[0].offset == 0) {
            assert_null(m[0].key.data);
            assert_null(m[0].value.data);
            assert_int_equal(h.len, 0);
        } else {
            assert_non_null(m[0].key.data);
            assert_non_null(m[0].value.data);
            assert_int_equal(m[0].value.len, 0);
            assert_true(span_eq(h, (struct span){hb.data, hb.len}));
            assert_ptr_equal(message_headers(&m[0]).data, h.data);
        }
        message_free(&m[0]);
    }
    assert_int_equal(seen, 3);
    buf_done(&hb);
    free(mem);
}

/* Without a stored position: the group's, and without that the beginning. */
static void test_first_start_is_earliest_then_committed(void **state)
{
    struct world *w = *state;

    w->start[0] = w->start[1] = -1;
    send_n(w, 0, 20);
    w->c = open_consumer(w, NULL);
    take(w, w->c, 20);
    consumer_commit(w->c, 0, 15);
    expect_none(w->c, 500); /* the commit is asynchronous */
    consumer_close(&w->c);
    w->c = open_consumer(w, NULL);
    w->base = 15;
    take(w, w->c, 5);
    assert_int_equal(w->out_of_range, 0);
}

static void test_position_that_the_log_lacks(void **state)
{
    struct world *w = *state;

    send_n(w, 0, 10);
    send_n(w, 1, 10);
    w->start[0] = 500; /* beyond the end */
    w->start[1] = 0;
    w->answer = -2;
    w->c = open_consumer(w, NULL);
    take(w, w->c, 20);
    assert_int_equal(w->out_of_range, 1);
    consumer_close(&w->c);
    /* "fail": that partition stops, the other goes on. */
    w->answer = -1;
    w->c = open_consumer(w, NULL);
    take(w, w->c, 10);
    expect_none(w->c, 500);
    assert_int_equal(w->out_of_range, 2);
}

static void test_waits_for_positions(void **state)
{
    struct world *w = *state;
    int64_t until = clock_boot_ms() + 20000;
    struct message m[1];
    struct err err = {0};
    int r = 0;

    send_n(w, 0, 10);
    send_n(w, 1, 10);
    w->start[0] = 4;
    w->start[1] = -1;
    w->refuse = 5;
    w->c = open_consumer(w, NULL);
    while (r == 0 && clock_boot_ms() < until)
        r = consumer_poll(w->c, m, 1, 100, &err);
    assert_int_equal(r, -EIO);
    assert_true(err.retry);
    assert_string_equal(err.text, "the store is away");
    take(w, w->c, 16);
    assert_int_equal(w->refuse, 0);
}

static void test_pause_loses_and_doubles_nothing(void **state)
{
    struct world *w = *state;

    send_n(w, 0, 1000);
    w->c = open_consumer(w, NULL);
    take(w, w->c, 64); /* the rest is in the queue */
    consumer_pause(w->c, true);
    consumer_pause(w->c, true);
    expect_none(w->c, 300);
    send_n(w, 1, 10);
    expect_none(w->c, 300);
    consumer_pause(w->c, false);
    take(w, w->c, 1000 - 64 + 10);
}

static void test_broker_away_and_back(void **state)
{
    struct world *w = *state;
    int64_t until = clock_boot_ms() + 20000;
    struct message m[1];
    struct err err = {0};
    int r = 0;

    rd_kafka_mock_broker_set_down(w->mock, 1);
    w->c = open_consumer(w, NULL);
    while (r == 0 && clock_boot_ms() < until)
        r = consumer_poll(w->c, m, 1, 100, &err);
    assert_int_equal(r, -ENOTCONN);
    assert_true(err.retry);
    rd_kafka_mock_broker_set_up(w->mock, 1);
    send_n(w, 0, 10);
    take(w, w->c, 10);
    /* And in the middle. */
    rd_kafka_mock_broker_set_down(w->mock, 1);
    for (r = 0; r == 0 && clock_boot_ms() < until + 10000;)
        r = consumer_poll(w->c, m, 1, 100, &err);
    assert_int_equal(r, -ENOTCONN);
    rd_kafka_mock_broker_set_up(w->mock, 1);
    send_n(w, 0, 10);
    take(w, w->c, 10);
    expect_none(w->c, 200);
}

static void rebalance_between_two(struct world *w, const char *const *strategy)
{
    int64_t until = clock_boot_ms() + 30000;
    struct consumer *second;
    struct message m[64];
    int n, revoked;

    w->start[0] = w->start[1] = 0;
    send_n(w, 0, 300);
    send_n(w, 1, 300);
    w->c = open_consumer(w, strategy);
    take(w, w->c, 64);
    /* What was read counts as stored; the second consumer takes a partition in
     * the middle. */
    second = open_consumer(w, strategy);
    revoked = w->revoked;
    while (w->revoked == revoked && clock_boot_ms() < until) {
        w->start[0] = w->seen[0];
        w->start[1] = w->seen[1];
        n = consumer_poll(w->c, m, 1, 20, NULL);
        for (int i = 0; i < n; i++) {
            assert_int_equal(m[i].offset, w->seen[m[i].partition]++);
            message_free(&m[i]);
        }
        n = consumer_poll(second, m, 1, 20, NULL);
        for (int i = 0; i < n; i++) {
            assert_int_equal(m[i].offset, w->seen[m[i].partition]++);
            message_free(&m[i]);
        }
    }
    assert_true(w->revoked > revoked);
    w->start[0] = w->seen[0];
    w->start[1] = w->seen[1];
    while (w->seen[0] + w->seen[1] < 600 && clock_boot_ms() < until) {
        struct consumer *both[] = {w->c, second};

        for (int k = 0; k < 2; k++) {
            w->start[0] = w->seen[0];
            w->start[1] = w->seen[1];
            n = consumer_poll(both[k], m, 64, 20, NULL);
            for (int i = 0; i < n; i++) {
                assert_int_equal(m[i].offset, w->seen[m[i].partition]++);
                message_free(&m[i]);
            }
        }
    }
    assert_int_equal(w->seen[0] + w->seen[1], 600);
    consumer_close(&second);
}

static void test_rebalance_eager(void **state)
{
    rebalance_between_two(*state, NULL);
}

static void test_rebalance_cooperative(void **state)
{
    struct world *w = *state;
    const char *const strategy[] = {
        "partition.assignment.strategy=cooperative-sticky", NULL};

    struct consumer_settings set = {.kafka = &w->kafka,
                                    .name = "s",
                                    .topic = "in",
                                    .group_id = "g",
                                    .passthrough = strategy};
    struct err err = {0};

    if (rd_kafka_version() >= 0x02030000) {
        rebalance_between_two(w, strategy);
        return;
    }
    /* Older ones would take the process down. */
    assert_int_equal(consumer_open(&set, &w->c, &err), -EINVAL);
    assert_non_null(
        strstr(err.text, "cooperative-sticky needs librdkafka 2.3"));
}

static void test_bad_settings_are_named(void **state)
{
    struct world *w = *state;
    const char *const bad[] = {"enable.auto.commit=true", NULL};
    struct consumer_settings set = {.kafka = &w->kafka,
                                    .name = "s",
                                    .topic = "in",
                                    .group_id = "g",
                                    .passthrough = bad};
    struct err err = {0};

    assert_int_equal(consumer_open(&set, &w->c, &err), -EINVAL);
    assert_non_null(strstr(err.text, "enable.auto.commit must be false"));
    assert_null(w->c);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_starts_where_the_caller_says_and_seeks),
        T(test_nulls_headers_and_large_values),
        T(test_first_start_is_earliest_then_committed),
        T(test_position_that_the_log_lacks),
        T(test_waits_for_positions),
        T(test_pause_loses_and_doubles_nothing),
        T(test_broker_away_and_back),
        T(test_rebalance_eager),
        T(test_rebalance_cooperative),
        T(test_bad_settings_are_named),
    };

    return cmocka_run_group_tests_name("kafka_consumer", tests, NULL, NULL);
}
