/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_kafka_producer.c - kafka/producer.c, against librdkafka's
 * mock cluster in this process.
 */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "base/clock.h"
#include "base/log.h"
#include "job/headers.h"
#include "kafka/embedded.h"
#include "kafka/producer.h"

#define PRODUCE_KEY 0 /* Kafka's number of the request */

struct world {
    struct embedded *broker;
    struct kafka_settings kafka;
    struct producer *p;
    int ok, failed, last_result;
    int64_t last_offset;
    void *last_opaque;
};

static void count(void *arg, const struct producer_report *r)
{
    struct world *w = arg;

    w->last_result = r->result;
    w->last_offset = r->offset;
    w->last_opaque = r->opaque;
    if (r->result == 0)
        w->ok++;
    else
        w->failed++;
    if (r->result != 0)
        assert_non_null(r->text);
}

static void open_producer(struct world *w, int64_t queue_records,
                          int64_t timeout_ms)
{
    const struct producer_settings set = {
        .kafka = &w->kafka,
        .name = "test",
        .queue_records = queue_records,
        .queue_kb = 100000,
        .message_timeout_ms = timeout_ms,
        .linger_ms = 1,
        .report = count,
        .arg = w,
    };
    struct err err = {0};

    assert_int_equal(producer_open(&set, &w->p, &err), 0);
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    struct err err = {0};

    assert_non_null(w);
    log_set_fd(-1);
    assert_int_equal(embedded_start(1, &w->broker, &err), 0);
    assert_int_equal(embedded_topic(w->broker, "out", 3, &err), 0);
    assert_int_equal(embedded_topic(w->broker, "out", 3, &err),
                     0); /* again: fine */
    w->kafka.bootstrap_servers = embedded_bootstrap(w->broker);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    producer_close(&w->p);
    embedded_stop(&w->broker);
    free(w);
    return 0;
}

static struct span text(const char *s)
{
    return (struct span){s, strlen(s)};
}

/* Reads `n` messages of out's partitions through a plain client. */
static rd_kafka_t *reader(struct world *w, const char *topic, int partitions)
{
    rd_kafka_conf_t *rc = rd_kafka_conf_new();
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(4);
    rd_kafka_t *rk;
    char why[200];

    rd_kafka_conf_set(rc, "bootstrap.servers", w->kafka.bootstrap_servers, why,
                      sizeof(why));
    rd_kafka_conf_set(rc, "group.id", "reader", why, sizeof(why));
    rk = rd_kafka_new(RD_KAFKA_CONSUMER, rc, why, sizeof(why));
    assert_non_null(rk);
    rd_kafka_poll_set_consumer(rk);
    for (int i = 0; i < partitions; i++)
        rd_kafka_topic_partition_list_add(l, topic, i)->offset =
            RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_assign(rk, l);
    rd_kafka_topic_partition_list_destroy(l);
    return rk;
}

static rd_kafka_message_t *next_message(rd_kafka_t *rk)
{
    int64_t until = clock_boot_ms() + 10000;

    while (clock_boot_ms() < until) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, 100);

        if (m != NULL && m->err == 0)
            return m;
        if (m != NULL)
            rd_kafka_message_destroy(m);
    }
    fail_msg("no message within 10 s");
    return NULL;
}

static void close_reader(rd_kafka_t *rk)
{
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
}

static void test_all_fields_arrive(void **state)
{
    struct world *w = *state;
    struct buf hb = BUF_INIT(1000);
    struct producer_record r = {
        .partition = 2, .timestamp_ms = 1700000000123, .opaque = w};
    rd_kafka_t *rk;
    rd_kafka_message_t *m;
    rd_kafka_headers_t *h;
    const char *name;
    const void *value;
    size_t len;

    open_producer(w, 1000, 10000);
    assert_int_equal(headers_add(&hb, text("a"), text("1")), 0);
    assert_int_equal(headers_add(&hb, text("a"), (struct span){NULL, 0}), 0);
    assert_int_equal(headers_add(&hb, text("b"), text("")), 0);
    r.topic = producer_topic(w->p, "out");
    assert_non_null(r.topic);
    assert_ptr_equal(r.topic, producer_topic(w->p, "out"));
    assert_null(producer_topic(w->p, ""));
    r.key = text("k1");
    r.value = text("hello");
    r.headers = (struct span){hb.data, hb.len};
    assert_int_equal(producer_send(w->p, &r, NULL), 0);
    assert_int_equal(producer_outstanding(w->p), 1);
    assert_int_equal(producer_flush(w->p, 10000), 0);
    assert_int_equal(w->ok, 1);
    assert_ptr_equal(w->last_opaque, w);
    assert_int_equal(w->last_offset, 0);
    buf_done(&hb);

    rk = reader(w, "out", 3);
    m = next_message(rk);
    assert_int_equal(m->partition, 2);
    assert_int_equal(m->len, 5);
    assert_memory_equal(m->payload, "hello", 5);
    assert_memory_equal(m->key, "k1", 2);
    assert_int_equal(rd_kafka_message_timestamp(m, NULL), 1700000000123);
    assert_int_equal(rd_kafka_message_headers(m, &h), 0);
    assert_int_equal(rd_kafka_header_get_all(h, 0, &name, &value, &len), 0);
    assert_string_equal(name, "a");
    assert_int_equal(len, 1);
    assert_int_equal(rd_kafka_header_get_all(h, 1, &name, &value, &len), 0);
    assert_string_equal(name, "a");
    assert_null(value);
    assert_int_equal(rd_kafka_header_get_all(h, 2, &name, &value, &len), 0);
    assert_string_equal(name, "b");
    assert_int_equal(len, 0);
    rd_kafka_message_destroy(m);
    close_reader(rk);
}

static void test_null_and_empty_differ(void **state)
{
    struct world *w = *state;
    struct producer_record r = {.partition = 0};
    rd_kafka_t *rk;
    rd_kafka_message_t *m;

    open_producer(w, 1000, 10000);
    r.topic = producer_topic(w->p, "out");
    assert_int_equal(producer_send(w->p, &r, NULL),
                     0); /* null key, null value */
    r.key = text("");
    r.value = text("");
    assert_int_equal(producer_send(w->p, &r, NULL), 0);
    assert_int_equal(producer_flush(w->p, 10000), 0);
    rk = reader(w, "out", 1);
    m = next_message(rk);
    assert_null(m->payload);
    assert_null(m->key);
    rd_kafka_message_destroy(m);
    m = next_message(rk);
    assert_non_null(m->payload);
    assert_int_equal(m->len, 0);
    assert_non_null(m->key);
    rd_kafka_message_destroy(m);
    close_reader(rk);
}

/* Java's clients put "customer-1" of 3 partitions where murmur2 says. */
static void test_keys_go_where_java_puts_them(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *key;
        int32_t partition; /* toPositive(murmur2(key)) % 3 */
    } rows[] = {{"kafka", 2}, {"giberish123456789", 2}, {"1234", 1}, {"1", 0}};
    struct producer_record r = {.partition = -1};
    static const uint32_t murmur[] = {0xd067cf64u, 0x8f552b0cu, 0x9fc97b14u,
                                      0x0u};
    rd_kafka_t *rk;

    open_producer(w, 1000, 10000);
    r.topic = producer_topic(w->p, "out");
    for (size_t i = 0; i < 3; i++) {
        r.key = text(rows[i].key);
        assert_int_equal(producer_send(w->p, &r, NULL), 0);
    }
    assert_int_equal(producer_flush(w->p, 10000), 0);
    rk = reader(w, "out", 3);
    for (size_t n = 0; n < 3; n++) {
        rd_kafka_message_t *m = next_message(rk);

        for (size_t i = 0; i < 3; i++)
            if (m->key_len == strlen(rows[i].key) &&
                memcmp(m->key, rows[i].key, m->key_len) == 0)
                assert_int_equal(m->partition, (murmur[i] & 0x7fffffffu) % 3);
        rd_kafka_message_destroy(m);
    }
    close_reader(rk);
}

static void test_full_queue_says_again(void **state)
{
    struct world *w = *state;
    struct producer_record r = {.partition = 0, .value = text("x")};
    struct err err = {0};
    int sent = 0, rc = 0;

    open_producer(w, 10, 10000);
    r.topic = producer_topic(w->p, "out");
    while (sent < 100 && (rc = producer_send(w->p, &r, &err)) == 0)
        sent++;
    assert_int_equal(rc, -EAGAIN);
    assert_true(err.retry);
    assert_int_equal(producer_outstanding(w->p), sent);
    assert_int_equal(producer_flush(w->p, 10000), 0);
    assert_int_equal(w->ok, sent);
    assert_int_equal(producer_send(w->p, &r, &err), 0);
    assert_int_equal(producer_flush(w->p, 10000), 0);
}

static void test_unknown_partition_and_bad_headers_are_refused(void **state)
{
    struct world *w = *state;
    struct producer_record r = {.partition = 0, .value = text("x")};
    struct err err = {0};

    open_producer(w, 10, 10000);
    r.topic = producer_topic(w->p, "out");
    assert_int_equal(producer_send(w->p, &r, &err),
                     0); /* learns the partitions */
    assert_int_equal(producer_flush(w->p, 10000), 0);
    r.partition = 7;
    assert_int_equal(producer_send(w->p, &r, &err), -ENOENT);
    r.partition = 0;
    r.headers = (struct span){"\xff\xff", 2};
    assert_int_equal(producer_send(w->p, &r, &err), -EINVAL);
    assert_int_equal(producer_outstanding(w->p), 0);
}

/* The embedded broker's handle is private, so this test has one of its own. */
static void test_results_of_the_broker(void **state)
{
    struct world *w = *state;
    char why[200];
    rd_kafka_conf_t *rc = rd_kafka_conf_new();
    rd_kafka_t *rk;
    rd_kafka_mock_cluster_t *mc;
    struct producer_record r = {.partition = 0, .value = text("x")};

    rd_kafka_conf_set(rc, "log_level", "0", why, sizeof(why));
    rk = rd_kafka_new(RD_KAFKA_PRODUCER, rc, why, sizeof(why));
    mc = rd_kafka_mock_cluster_new(rk, 1);
    w->kafka.bootstrap_servers = rd_kafka_mock_cluster_bootstraps(mc);
    rd_kafka_mock_topic_create(mc, "out", 1, 1);
    rd_kafka_mock_topic_create(mc, "other", 1, 1);
    open_producer(w, 100, 3000);
    r.topic = producer_topic(w->p, "out");
    rd_kafka_mock_push_request_errors(mc, PRODUCE_KEY, 1,
                                      RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    assert_int_equal(producer_send(w->p, &r, NULL), 0);
    assert_int_equal(producer_flush(w->p, 10000), 0);
    assert_int_equal(w->last_result, -EMSGSIZE);
    /* The producer goes on after a record that the broker refuses. */
    assert_int_equal(producer_send(w->p, &r, NULL), 0);
    assert_int_equal(producer_flush(w->p, 10000), 0);
    assert_int_equal(w->last_result, 0);
    rd_kafka_mock_push_request_errors(
        mc, PRODUCE_KEY, 1, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    assert_int_equal(producer_send(w->p, &r, NULL), 0);
    assert_int_equal(producer_flush(w->p, 10000), 0);
    assert_int_equal(w->last_result, -EACCES);
    /* librdkafka remembers that of the topic for a while. */
    assert_int_equal(producer_send(w->p, &r, NULL), -EACCES);
    r.topic = producer_topic(w->p, "other");
    /* A broker that comes back within the time is not noticed. */
    assert_true(producer_connected(w->p));
    rd_kafka_mock_broker_set_down(mc, 1);
    assert_int_equal(producer_send(w->p, &r, NULL), 0);
    for (int i = 0; i < 100 && producer_connected(w->p); i++)
        (void)producer_poll(w->p, 20);
    assert_false(producer_connected(w->p));
    rd_kafka_mock_broker_set_up(mc, 1);
    assert_int_equal(producer_flush(w->p, 10000), 0);
    assert_int_equal(w->last_result, 0);
    assert_true(producer_connected(w->p));
    producer_close(&w->p);
    rd_kafka_mock_cluster_destroy(mc);
    rd_kafka_destroy(rk);
}

static void test_no_broker_is_a_timeout_report(void **state)
{
    struct world *w = *state;
    struct producer_record r = {.partition = -1, .value = text("x")};

    w->kafka.bootstrap_servers = "127.0.0.1:1";
    open_producer(w, 100, 1000);
    r.topic = producer_topic(w->p, "out");
    assert_int_equal(producer_send(w->p, &r, NULL), 0);
    assert_int_equal(producer_flush(w->p, 300), -ETIMEDOUT);
    assert_int_equal(producer_flush(w->p, 10000), 0);
    assert_int_equal(w->failed, 1);
    assert_int_equal(w->last_result, -ETIMEDOUT);
    assert_false(producer_connected(w->p));
    /* What is outstanding at close is dropped without a report. */
    assert_int_equal(producer_send(w->p, &r, NULL), 0);
    producer_close(&w->p);
    assert_null(w->p);
    assert_int_equal(w->failed, 1);
}

static void test_settings_pass_through(void **state)
{
    struct world *w = *state;
    const char *good[] = {"compression.codec=lz4", "batch.size=1000", NULL};
    const char *bad[] = {"linger.mx=3", NULL};
    const char *ours[] = {"acks=1", NULL};
    const char *no_eq[] = {"compression.codec", NULL};
    struct producer_settings set = {.kafka = &w->kafka,
                                    .name = "t",
                                    .queue_records = 10,
                                    .queue_kb = 10,
                                    .message_timeout_ms = 1000};
    struct err err = {0};

    w->kafka.producer = good;
    assert_int_equal(producer_open(&set, &w->p, &err), 0);
    producer_close(&w->p);
    w->kafka.producer = bad;
    assert_int_equal(producer_open(&set, &w->p, &err), -EINVAL);
    assert_non_null(strstr(err.text, "linger.mx"));
    w->kafka.producer = ours;
    assert_int_equal(producer_open(&set, &w->p, &err), -EINVAL);
    assert_non_null(strstr(err.text, "always all"));
    w->kafka.producer = no_eq;
    assert_int_equal(producer_open(&set, &w->p, &err), -EINVAL);
    assert_non_null(strstr(err.text, "name=value"));
    w->kafka.producer = NULL;
    w->kafka.partitioner = "nonsense";
    assert_int_equal(producer_open(&set, &w->p, &err), -EINVAL);
    assert_null(w->p);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_all_fields_arrive),
        T(test_null_and_empty_differ),
        T(test_keys_go_where_java_puts_them),
        T(test_full_queue_says_again),
        T(test_unknown_partition_and_bad_headers_are_refused),
        T(test_results_of_the_broker),
        T(test_no_broker_is_a_timeout_report),
        T(test_settings_pass_through),
    };

    return cmocka_run_group_tests_name("kafka_producer", tests, NULL, NULL);
}
