/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_kafka_client.c - kafka/client.c: settings, cluster id and
 * topics.  The mock cluster cannot make topics on request; that part runs
 * against a real broker (ONTIME_TEST_KAFKA) when there is one.
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
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "kafka/client.h"
#include "kafka/embedded.h"

struct world {
    struct embedded *broker;
    struct kafka_settings kafka;
};

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));

    assert_non_null(w);
    log_set_fd(-1);
    assert_int_equal(embedded_start(1, &w->broker, NULL), 0);
    assert_int_equal(embedded_topic(w->broker, "here", 4, NULL), 0);
    w->kafka.bootstrap_servers = embedded_bootstrap(w->broker);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    embedded_stop(&w->broker);
    free(w);
    return 0;
}

static void test_settings(void **state)
{
    struct world *w = *state;
    const char *good[] = {"socket.timeout.ms=1234", NULL};
    const char *bad[] = {"session.timeout.ms=a", NULL};
    const char *odd[] = {"session.timeout.ms=10", "max.poll.interval.ms=5",
                         NULL};
    struct err err = {0};

    w->kafka.common = good;
    assert_int_equal(kafka_settings_check(&w->kafka, &err), 0);
    w->kafka.consumer = bad;
    assert_int_equal(kafka_settings_check(&w->kafka, &err), -EINVAL);
    assert_non_null(strstr(err.text, "kafka.consumer: session.timeout.ms"));
    w->kafka.consumer = odd; /* seen only when a client is made */
    assert_int_equal(kafka_settings_check(&w->kafka, &err), -EINVAL);
    assert_non_null(strstr(err.text, "max.poll.interval"));
    w->kafka.consumer = NULL;
    w->kafka.partitioner = "mur";
    assert_int_equal(kafka_settings_check(&w->kafka, &err), -EINVAL);
    assert_non_null(strstr(err.text, "kafka.partitioner"));
    w->kafka.partitioner = "consistent_random";
    assert_int_equal(kafka_settings_check(&w->kafka, &err), 0);
    w->kafka.bootstrap_servers = "";
    assert_int_equal(kafka_settings_check(&w->kafka, &err), -EINVAL);
    assert_string_equal(err.text, "kafka.bootstrap_servers is empty");
}

static void test_cluster_id(void **state)
{
    struct world *w = *state;
    struct err err = {0};
    char *id = NULL;

    assert_int_equal(kafka_cluster_id(&w->kafka, 5000, &id, &err), 0);
    assert_non_null(id);
    assert_true(strlen(id) > 0);
    free(id);
    w->kafka.bootstrap_servers = "127.0.0.1:1";
    assert_int_equal(kafka_cluster_id(&w->kafka, 300, &id, &err), -ETIMEDOUT);
    assert_true(err.retry);
    assert_non_null(strstr(err.text, "127.0.0.1:1"));
}

static void test_missing_topics_are_named(void **state)
{
    struct world *w = *state;
    struct topic_need needs[] = {
        {.topic = "here", .why = "source a", .partitions = 3},
        {.topic = "SMS_Retry", .why = "source sms_retry", .partitions = 6},
        {.topic = "other", .why = "dead letters", .partitions = 1},
    };
    struct err err = {0};

    assert_int_equal(kafka_topics_ensure(&w->kafka, needs, 1,
                                         &(struct topic_policy){TOPIC_FAIL, 0},
                                         5000, &err),
                     0);
    assert_int_equal(needs[0].found, 4);
    assert_int_equal(kafka_topics_ensure(&w->kafka, needs, 3,
                                         &(struct topic_policy){TOPIC_FAIL, 2},
                                         5000, &err),
                     -ENOENT);
    assert_false(err.retry);
    assert_non_null(
        strstr(err.text, "SMS_Retry (source sms_retry) is missing"));
    assert_non_null(strstr(err.text, "and so are others"));
    assert_non_null(
        strstr(err.text, "kafka-topics.sh --bootstrap-server 127.0.0.1:"));
    assert_non_null(strstr(
        err.text,
        "--create --topic SMS_Retry --partitions 6 --replication-factor 2"));
    assert_int_equal(needs[1].found, 0);
    assert_int_equal(kafka_topics_ensure(&w->kafka, needs, 3,
                                         &(struct topic_policy){TOPIC_WARN, 0},
                                         5000, &err),
                     0);
    assert_int_equal(needs[0].found, 4);
    assert_int_equal(needs[2].found, 0);
    /* Looking did not make them. */
    assert_int_equal(kafka_topics_ensure(&w->kafka, needs + 1, 2,
                                         &(struct topic_policy){TOPIC_FAIL, 0},
                                         5000, &err),
                     -ENOENT);
}

static void test_no_broker(void **state)
{
    struct world *w = *state;
    struct topic_need need = {.topic = "here", .why = "x", .partitions = 3};
    struct err err = {0};

    w->kafka.bootstrap_servers = "127.0.0.1:1";
    assert_int_equal(
        kafka_topics_ensure(&w->kafka, &need, 1,
                            &(struct topic_policy){TOPIC_CREATE, 0}, 300, &err),
        -ETIMEDOUT);
    assert_true(err.retry);
    assert_int_equal(need.found, -1);
}

static void test_refused_creation_says_the_command(void **state)
{
    struct world *w = *state;
    struct topic_need need = {.topic = "new", .why = "x", .partitions = 3};
    struct err err = {0};

    assert_true(kafka_topics_ensure(&w->kafka, &need, 1,
                                    &(struct topic_policy){TOPIC_CREATE, 0},
                                    3000, &err) < 0);
    assert_non_null(strstr(err.text, "kafka-topics.sh"));
    need.topic = "not a name!";
    assert_true(kafka_topics_ensure(&w->kafka, &need, 1,
                                    &(struct topic_policy){TOPIC_CREATE, 0},
                                    3000, &err) < 0);
}

static void test_topics_are_made(void **state)
{
    struct world *w = *state;
    const char *real = getenv("ONTIME_TEST_KAFKA");
    char a[64], b[64];
    struct topic_need needs[] = {{.topic = a, .why = "x", .partitions = 3},
                                 {.topic = b, .why = "y", .partitions = 1},
                                 {.topic = a, .why = "again", .partitions = 5}};
    struct err err = {0};

    if (real == NULL)
        skip();
    (void)snprintf(a, sizeof(a), "client-test-a-%d-%lld", (int)getpid(),
                   (long long)clock_boot_ms());
    (void)snprintf(b, sizeof(b), "client-test-b-%d-%lld", (int)getpid(),
                   (long long)clock_boot_ms());
    w->kafka.bootstrap_servers = real;
    assert_int_equal(kafka_topics_ensure(
                         &w->kafka, needs, 3,
                         &(struct topic_policy){TOPIC_CREATE, 0}, 20000, &err),
                     0);
    assert_int_equal(needs[0].found, 3);
    assert_int_equal(needs[1].found, 1);
    assert_int_equal(needs[2].found, 3);
    assert_int_equal(kafka_topics_ensure(
                         &w->kafka, needs, 3,
                         &(struct topic_policy){TOPIC_CREATE, 0}, 20000, &err),
                     0);
    needs[0].topic = "not a name!";
    assert_int_equal(kafka_topics_ensure(
                         &w->kafka, needs, 1,
                         &(struct topic_policy){TOPIC_CREATE, 0}, 20000, &err),
                     -ENOENT);
    assert_non_null(strstr(err.text, "does not make it"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_settings),
        T(test_cluster_id),
        T(test_missing_topics_are_named),
        T(test_no_broker),
        T(test_refused_creation_says_the_command),
        T(test_topics_are_made),
    };

    return cmocka_run_group_tests_name("kafka_client", tests, NULL, NULL);
}
