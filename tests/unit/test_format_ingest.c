/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_format_ingest.c - ingest/format_ingest.c.
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

#include "ingest/format.h"

#define NOV_13_1530 INT64_C(1763047800000) /* 2025-11-13T15:30:00Z */

static const struct app_name *known(void *arg, const char *name, size_t len)
{
    (void)arg;
    if ((len == 9 && memcmp(name, "sms_retry", 9) == 0) ||
        (len == 3 && memcmp(name, "sms", 3) == 0))
        return app_name(name, len);
    return NULL;
}

static struct format_source plain = {.known_app = known};
static struct format_source with_default;

static int setup(void **state)
{
    (void)state;
    with_default =
        (struct format_source){.default_app = app_name_s("sms_retry"),
                               .time_field = "retryTime",
                               .known_app = known};
    return 0;
}

static int decode_span(const struct format_source *src, struct span value,
                       struct put_item *item, struct err *err)
{
    const struct format_input in = {
        .key = {"customer-1", 10}, .value = value, .now_ms = 1234};

    return format_find("ingest")->decode(src, &in, item, err);
}

static struct put_item good(const struct format_source *src, const char *json)
{
    struct put_item item;
    struct err err = {0};

    if (decode_span(src, (struct span){json, strlen(json)}, &item, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(item.kind, PUT_JOB);
    assert_non_null(item.job);
    return item;
}

static void bad(const struct format_source *src, const char *json,
                const char *says)
{
    struct put_item item;
    struct err err = {0};
    int r = decode_span(src, (struct span){json, strlen(json)}, &item, &err);

    assert_int_equal(r, -EINVAL);
    assert_null(item.job);
    if (strstr(err.text, says) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.text, says);
}

static void is(struct span s, const char *text)
{
    assert_int_equal(s.len, strlen(text));
    assert_memory_equal(s.data, text, s.len);
}

static void test_all_fields(void **state)
{
    struct put_item it = good(
        &plain,
        "{\"requestId\":\"r-1\",\"appName\":\"sms_retry\","
        "\"scheduledTime\":\"2025-11-13 15:30:00\",\"priority\":\"HIGH\","
        "\"idempotencyKey\":\"i-1\",\"jobKey\":\"k-1\",\"unknown\":[1,2],"
        "\"jobData\": {\"campaignTaskId\": 9007199254740993, \"x\":1.10} }");

    (void)state;
    assert_string_equal(it.job->app->text, "sms_retry");
    assert_int_equal(it.job->due_ms, NOV_13_1530);
    assert_int_equal(it.job->scheduled_ms, NOV_13_1530);
    assert_int_equal(it.job->created_ms, 1234);
    assert_int_equal(it.job->priority, JOB_HIGH);
    assert_int_equal(it.job->state, JOB_CREATED);
    is(it.job->key, "k-1");
    is(it.idempotency, "i-1");
    is(it.job->payload, "{\"campaignTaskId\": 9007199254740993, \"x\":1.10}");
    job_free(&it.job);
}

#define HEAD "{\"appName\":\"sms\",\"jobData\":{},"

static void test_identity(void **state)
{
    struct put_item a, b;

    (void)state;
    a = good(&plain, HEAD "\"scheduledTime\":\"2025-11-13T15:30:00\","
                          "\"requestId\":\"r-1\"}");
    is(a.job->key, "r-1");
    is(a.idempotency, "r-1");
    assert_int_equal(a.job->priority, JOB_NORMAL);
    job_free(&a.job);
    a = good(&plain, HEAD "\"scheduledTime\":\"2025-11-13T15:30:00\","
                          "\"requestId\":\"r-1\",\"idempotencyKey\":\"i\"}");
    is(a.job->key, "r-1");
    is(a.idempotency, "i");
    job_free(&a.job);
    a = good(&plain, HEAD "\"scheduledTime\":\"2025-11-13T15:30:00\","
                          "\"requestId\":\"r-1\",\"jobKey\":\"k\"}");
    is(a.job->key, "k");
    is(a.idempotency, "r-1");
    job_free(&a.job);
    a = good(&plain, HEAD "\"scheduledTime\":\"2025-11-13T15:30:00\","
                          "\"requestId\":12345678901234567890}");
    is(a.job->key, "12345678901234567890");
    job_free(&a.job);
    /* Neither: a UUID each, and no idempotency. */
    a = good(&plain, HEAD "\"scheduledTime\":\"2025-11-13T15:30:00\"}");
    b = good(&plain, HEAD "\"scheduledTime\":\"2025-11-13T15:30:00\","
                          "\"requestId\":null,\"jobKey\":\"\"}");
    assert_int_equal(a.job->key.len, 36);
    assert_int_equal(b.job->key.len, 36);
    assert_false(span_eq(a.job->key, b.job->key));
    assert_int_equal(a.idempotency.len, 0);
    job_free(&a.job);
    job_free(&b.job);
}

static void test_times(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } rows[] = {
        {"2025-11-13T15:30:00", NOV_13_1530},
        {"2025-11-13 15:30:00", NOV_13_1530},
        {"2025-11-13T15:30:00.123", NOV_13_1530 + 123},
        {"2025-11-13 15:30:00.123456789", NOV_13_1530 + 123},
        {"2025-11-13T15:30:00Z", NOV_13_1530},
        {"2025-11-13T17:30:00+02:00", NOV_13_1530},
        {"1971-01-01 00:00:00", INT64_C(31536000000)}, /* long past: fine */
    };
    struct zone *berlin = NULL;
    struct format_source local = plain;
    char json[200];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct put_item it;

        (void)snprintf(json, sizeof(json), HEAD "\"scheduledTime\":\"%s\"}",
                       rows[i].text);
        it = good(&plain, json);
        assert_int_equal(it.job->due_ms, rows[i].ms);
        job_free(&it.job);
    }
    if (zone_load("Europe/Berlin", &berlin, NULL) == 0) {
        struct put_item it;

        local.zone = berlin;
        it = good(&local, HEAD "\"scheduledTime\":\"2025-11-13 15:30:00\"}");
        assert_int_equal(it.job->due_ms, NOV_13_1530 - 3600000);
        job_free(&it.job);
        zone_free(&berlin);
    }
    bad(&plain, HEAD "\"scheduledTime\":1763047800000}",
        "scheduledTime is a number");
    bad(&plain, HEAD "\"scheduledTime\":\"tomorrow\"}",
        "scheduledTime \"tomorrow\"");
    bad(&plain, HEAD "\"scheduledTime\":\"2025-13-13 15:30:00\"}",
        "2025-13-13");
    bad(&plain, HEAD "\"scheduledTime\":\"\"}", "scheduledTime is empty");
    bad(&plain, HEAD "\"scheduledTime\":null}", "scheduledTime is missing");
    bad(&plain, HEAD "\"x\":1}", "scheduledTime is missing");
}

#define WHEN "\"scheduledTime\":\"2025-11-13 15:30:00\""

static void test_wrong_fields(void **state)
{
    (void)state;
    bad(&plain, "{" WHEN ",\"jobData\":{}}", "appName is missing");
    bad(&plain, "{" WHEN ",\"appName\":\"\",\"jobData\":{}}",
        "appName is empty");
    bad(&plain, "{" WHEN ",\"appName\":7,\"jobData\":{}}",
        "appName is not a text");
    bad(&plain, "{" WHEN ",\"appName\":\"nosuch\",\"jobData\":{}}",
        "unknown app \"nosuch\"");
    bad(&plain, "{" WHEN ",\"appName\":\"sms\"}", "jobData is missing");
    bad(&plain, "{" WHEN ",\"appName\":\"sms\",\"jobData\":null}",
        "jobData is missing");
    bad(&plain, "{" WHEN ",\"appName\":\"sms\",\"jobData\":\"{}\"}",
        "jobData is not an object");
    bad(&plain, "{" WHEN ",\"appName\":\"sms\",\"jobData\":[]}",
        "jobData is not an object");
    bad(&plain, HEAD WHEN ",\"priority\":\"urgent\"}", "priority \"urgent\"");
    bad(&plain, HEAD WHEN ",\"priority\":1}", "priority is not a text");
    bad(&plain, HEAD WHEN ",\"requestId\":{}}", "requestId is not a text");
    bad(&plain, HEAD WHEN ",\"idempotencyKey\":true}",
        "idempotencyKey is not a text");
    bad(&plain, HEAD WHEN ",\"jobKey\":[]}", "jobKey is not a text");
}

static void test_not_json(void **state)
{
    struct put_item item;
    struct err err = {0};

    (void)state;
    bad(&plain, "{\"appName\":", "not JSON");
    bad(&plain, "", "empty value");
    bad(&plain, "[]", "not");
    bad(&plain, "plain text", "not JSON");
    bad(&plain, HEAD WHEN "} trailing", "not JSON");
    bad(&plain, HEAD WHEN ",\"requestId\":\"\xff\"}", "UTF-8");
    assert_int_equal(decode_span(&plain, (struct span){NULL, 0}, &item, &err),
                     -EINVAL);
    assert_string_equal(err.text, "null value");
}

static void test_bare_form(void **state)
{
    static const char bare[] =
        "{\"campaignTaskId\": 12345, \"createdOn\":\"2025-11-13 15:00:00\", "
        "\"retryTime\":\"2025-11-13 15:30:00\", \"failureReason\":\"x\"}";
    struct put_item it = good(&with_default, bare);

    (void)state;
    assert_string_equal(it.job->app->text, "sms_retry");
    assert_int_equal(it.job->due_ms, NOV_13_1530);
    is(it.job->payload, bare);
    assert_int_equal(it.job->key.len, 36);
    job_free(&it.job);
    /* The same source takes envelopes, with and without a name. */
    it = good(&with_default,
              "{\"appName\":\"sms\",\"jobData\":{\"a\":1}," WHEN "}");
    assert_string_equal(it.job->app->text, "sms");
    is(it.job->payload, "{\"a\":1}");
    job_free(&it.job);
    it = good(&with_default, "{\"jobData\":{\"a\":1}," WHEN "}");
    assert_string_equal(it.job->app->text, "sms_retry");
    job_free(&it.job);
    bad(&with_default, "{\"campaignTaskId\":1}", "retryTime is missing");
    bad(&with_default, "{\"jobData\":{}}", "scheduledTime is missing");
    /* A source without them does not know the form. */
    bad(&plain, bare, "appName is missing");
}

static void test_too_large(void **state)
{
    const size_t n = (16u << 20) + 100;
    char *big = malloc(n + 200);
    struct put_item item;
    struct err err = {0};
    int at;

    (void)state;
    assert_non_null(big);
    /* A key of digits without end must not run over anything. */
    at = snprintf(big, 200,
                  HEAD WHEN ",\"idempotencyKey\":\"i\",\"requestId\":");
    memset(big + at, '7', 50000);
    big[at + 50000] = '}';
    assert_int_equal(decode_span(&plain, (struct span){big, (size_t)at + 50001},
                                 &item, &err),
                     -EINVAL);
    assert_non_null(strstr(err.text, "requestId has 50000 bytes"));
    at = snprintf(big, 200,
                  "{\"appName\":\"sms\"," WHEN ",\"jobData\":{\"x\":\"");
    memset(big + at, 'x', n);
    memcpy(big + (size_t)at + n, "\"}}", 3);
    assert_int_equal(decode_span(&plain, (struct span){big, (size_t)at + n + 3},
                                 &item, &err),
                     -EINVAL);
    assert_non_null(strstr(err.text, "jobData has"));
    /* 10 MB go through. */
    memset(big + (size_t)at + (10 << 20), ' ', n - (10 << 20));
    big[(size_t)at + (10 << 20)] = '"';
    memcpy(big + (size_t)at + n, " }}", 3);
    assert_int_equal(
        decode_span(&plain, (struct span){big, (size_t)at + (10 << 20) + 1},
                    &item, &err),
        -EINVAL);
    memcpy(big + (size_t)at + (10 << 20), "\"}}", 3);
    assert_int_equal(
        decode_span(&plain, (struct span){big, (size_t)at + (10 << 20) + 3},
                    &item, &err),
        0);
    assert_int_equal(item.job->payload.len, (10 << 20) + 8);
    job_free(&item.job);
    free(big);
}

static void test_headers_are_kept(void **state)
{
    static const char json[] =
        HEAD WHEN ",\"requestId\":\"a\",\"idempotencyKey\":\"b\"}";
    const struct format_input in = {.value = {json, sizeof(json) - 1},
                                    .headers = {"\2a\0", 3}};
    struct put_item item;

    (void)state;
    assert_true(format_find("ingest")->wants_headers);
    assert_int_equal(format_find("ingest")->decode(&plain, &in, &item, NULL),
                     0);
    assert_int_equal(item.job->headers.len, 3);
    assert_memory_equal(item.job->headers.data, "\2a\0", 3);
    is(item.job->key, "a");
    is(item.idempotency, "b");
    job_free(&item.job);
    assert_null(format_find("nosuch"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_fields),
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_wrong_fields),
        cmocka_unit_test(test_not_json),
        cmocka_unit_test(test_bare_form),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_headers_are_kept),
    };

    return cmocka_run_group_tests_name("format_ingest", tests, setup, NULL);
}
