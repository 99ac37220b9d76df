/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_sms_retry.c - the plugin sms_retry: what it makes of jobData,
 * and how it reads JSON and times.
 */
#include "config.h"

#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/flat.h"
#include "sms_retry/stamp.h"
#include "support/fakehost.h"

static void *handle;
static struct fake_host host;

static int load(void **state)
{
    const char *builddir = getenv("builddir");
    const struct ontime_plugin *p;
    char path[400];

    (void)state;
    (void)snprintf(path, sizeof(path),
                   "%s/plugins/sms_retry/.libs/sms_retry.so",
                   builddir != NULL ? builddir : ".");
    handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        print_error("%s\n", dlerror());
        return -1;
    }
    p = dlsym(handle, "ontime_plugin");
    fake_open(&host, p, NULL);
    return fake_init(&host, path, sizeof(path));
}

static int unload(void **state)
{
    (void)state;
    fake_close(&host);
    fake_done(&host);
    return 0; /* the code stays mapped: leak reports need its names */
}

/* jobData must become that record. */
static void makes(const char *data, const char *key, const char *value)
{
    int outcome = fake_run(&host, data);

    if (outcome != ONTIME_DONE || host.record_count != 1)
        fail_msg("%s: outcome %d: %s", data, outcome, host.message);
    assert_string_equal(host.records[0].topic, "SMS_Send");
    assert_string_equal(host.records[0].key, key);
    assert_string_equal(host.records[0].value, value);
    assert_int_equal(host.records[0].value_len, strlen(value));
    assert_null(host.wrong);
}

static void refuses(const char *data, const char *why)
{
    assert_int_equal(fake_run(&host, data), ONTIME_FAIL);
    assert_int_equal(host.record_count, 0);
    if (strstr(host.message, why) == NULL)
        fail_msg("\"%s\" is not in: %s", why, host.message);
    assert_null(host.wrong);
}

static void the_seed_document(void **state)
{
    (void)state;
    makes("{\"campaignTaskId\":12345,\"createdOn\":\"2025-11-13 15:00:00\","
          "\"retryTime\":\"2025-11-13 15:30:00\",\"retryAttempt\":1,"
          "\"failureReason\":\"Network timeout\"}",
          "task-12345",
          "{\"campaignTaskId\":12345,\"createdOn\":\"2025-11-13 15:00:00\","
          "\"scheduledRetryTime\":\"2025-11-13 15:30:00\","
          "\"actualExecutionTime\":\"2025-11-13 15:40:02\","
          "\"retryAttempt\":1}");
}

#define REST(created, retry, attempt)                                            \
    "\"createdOn\":" created ",\"scheduledRetryTime\":" retry                    \
    ",\"actualExecutionTime\":\"2025-11-13 15:40:02\",\"retryAttempt\":" attempt \
    "}"

static void what_may_be_absent(void **state)
{
    (void)state;
    makes(
        "{\"campaignTaskId\":1}", "task-1",
        "{\"campaignTaskId\":1," REST("null", "\"2025-11-13 15:40:00\"", "1"));
    makes(
        "{\"retryTime\":null,\"createdOn\":null,\"retryAttempt\":null,"
        "\"campaignTaskId\":1}",
        "task-1",
        "{\"campaignTaskId\":1," REST("null", "\"2025-11-13 15:40:00\"", "1"));
}

static void ids_survive_as_they_are(void **state)
{
    (void)state;
    makes("{\"campaignTaskId\":9007199254740993}", "task-9007199254740993",
          "{\"campaignTaskId\":9007199254740993," REST(
              "null", "\"2025-11-13 15:40:00\"", "1"));
    makes("{\"campaignTaskId\":123456789012345678901234567890}",
          "task-123456789012345678901234567890",
          "{\"campaignTaskId\":123456789012345678901234567890," REST(
              "null", "\"2025-11-13 15:40:00\"", "1"));
    makes(
        "{\"campaignTaskId\":-5.00,\"retryAttempt\":2.0}", "task--5",
        "{\"campaignTaskId\":-5," REST("null", "\"2025-11-13 15:40:00\"", "2"));
    makes("{\"campaignTaskId\":\"a\\u00e9\\\"b\"}", "task-a\xc3\xa9\"b",
          "{\"campaignTaskId\":\"a\\u00e9\\\"b\"," REST(
              "null", "\"2025-11-13 15:40:00\"", "1"));
}

static void times_in_their_forms(void **state)
{
    (void)state;
    makes("{\"campaignTaskId\":1,\"createdOn\":\"2025-11-13T15:00:00.123456\","
          "\"retryTime\":\"2025-11-13T15:30\"}",
          "task-1",
          "{\"campaignTaskId\":1," REST("\"2025-11-13 15:00:00\"",
                                        "\"2025-11-13 15:30:00\"", "1"));
    makes("{\"campaignTaskId\":1,\"createdOn\":\"2025-11-13T15:00:00Z\","
          "\"retryTime\":\"2025-11-13T01:30:00+06:00\"}",
          "task-1",
          "{\"campaignTaskId\":1," REST("\"2025-11-13 15:00:00\"",
                                        "\"2025-11-12 19:30:00\"", "1"));
    makes("{\"campaignTaskId\":1,\"createdOn\":\"last \\\"week\\\"\"}",
          "task-1",
          "{\"campaignTaskId\":1," REST("\"last \\\"week\\\"\"",
                                        "\"2025-11-13 15:40:00\"", "1"));
}

static void what_cannot_be_used(void **state)
{
    char big[4000];

    (void)state;
    refuses("{}", "campaignTaskId is missing");
    refuses("{\"campaignTaskId\":null}", "campaignTaskId is missing");
    refuses("{\"campaigntaskid\":1}", "campaignTaskId is missing");
    refuses("{\"campaignTaskId\":1.5}", "campaignTaskId must be a whole");
    refuses("{\"campaignTaskId\":1e5}", "campaignTaskId must be a whole");
    refuses("{\"campaignTaskId\":true}", "campaignTaskId must be a whole");
    refuses("{\"campaignTaskId\":\"\"}", "campaignTaskId must be a whole");
    refuses("{\"campaignTaskId\":[1]}", "campaignTaskId must be a whole");
    refuses("{\"campaignTaskId\":\"\\ud800\"}", "campaignTaskId must be");
    refuses("{\"campaignTaskId\":1,\"createdOn\":5}", "createdOn must be");
    refuses("{\"campaignTaskId\":1,\"retryTime\":{}}", "retryTime must be");
    refuses("{\"campaignTaskId\":1,\"retryAttempt\":\"x\"}",
            "retryAttempt must be a whole number");
    refuses("[1]", "it is not an object");
    refuses(NULL, "it is not an object");
    refuses("{\"campaignTaskId\":1} x", "something behind its end");
    memset(big, 'x', sizeof(big));
    memcpy(big, "{\"campaignTaskId\":1,\"createdOn\":\"", 33);
    memcpy(big + 3990, "\"}\0", 3);
    refuses(big, "a text is too long");
    memset(big, 'x', 40);
    memcpy(big, "{\"campaignTaskId\":       \"", 26);
    refuses(big, "campaignTaskId must be a whole number or a text of 1 to");
}

static void a_bad_topic_is_refused(void **state)
{
    static const struct fake_setting set[] = {{"topic", "no topic!"},
                                              {NULL, NULL}};
    struct fake_host f;
    char text[100];

    (void)state;
    fake_open(&f, host.plugin, set);
    assert_int_equal(fake_init(&f, text, sizeof(text)), -EINVAL);
    assert_non_null(strstr(text, "topic \"no topic!\""));
    fake_done(&f);
}

/* ---- flat ---------------------------------------------------------------- */

static int scan(const char *text, struct flat_member *m, const char **why)
{
    size_t len = strlen(text);
    char *exact = malloc(len > 0 ? len : 1); /* ASan sees reads behind it */
    int r;

    assert_non_null(exact);
    memcpy(exact, text, len);
    r = flat_read(exact, len, m, 1, why);
    free(exact);
    return r;
}

static void json_that_is_none(void **state)
{
    static const char *const bad[] = {
        "",
        " ",
        "{",
        "{\"",
        "{\"a",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,",
        "{\"a\":1,}",
        "{,}",
        "{a:1}",
        "{\"a\" 1}",
        "{\"a\":01}",
        "{\"a\":-}",
        "{\"a\":1.}",
        "{\"a\":.5}",
        "{\"a\":1e}",
        "{\"a\":+1}",
        "{\"a\":tru}",
        "{\"a\":nul",
        "{\"a\":[}",
        "{\"a\":[1,]}",
        "{\"a\":[1 2]}",
        "{\"a\":{\"b\"}}",
        "{\"a\":{1:2}}",
        "{\"a\":]}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\u12g4\"}",
        "{\"a\":\"\\u12",
        "{\"a\":\"\\",
        "{\"a\":\"\t\"}",
        "{\"a\":\"\xff\"}",
        "{\"a\":\"\xc3\"}",
        "{\"a\":\"\xc0\x80\"}",
        "{\"a\":\"\xed\xa0\x80\"}",
        "{\"a\":\"\xf4\x90\x80\x80\"}",
        "{\"a\":\"\xe2\x82",
        "{\"a\":1}}",
        "{\"a\":'x'}",
        "{\"a\":[[[}]]]}",
        "{\"a\":{\"b\":1]}",
    };
    struct flat_member m = {.name = "a"};
    const char *why = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        why = NULL;
        if (scan(bad[i], &m, &why) != -EINVAL || why == NULL)
            fail_msg("taken: %s", bad[i]);
    }
}

static void json_that_is(void **state)
{
    static const struct {
        const char *text;
        enum flat_kind kind;
    } good[] = {
        {"{}", FLAT_ABSENT},
        {" { \"b\" : 1 } ", FLAT_ABSENT},
        {"{\"a\":1,\"a\":\"second\"}", FLAT_NUMBER},
        {"{\"b\":{\"a\":1},\"a\":null}", FLAT_NULL},
        {"{\"b\":[{\"a\":[]},{}],\"a\":{\"x\":[1,2]}}", FLAT_OBJECT},
        {"{\"a\":[[[]],{\"b\":{}}]}", FLAT_ARRAY},
        {"{\"a\":-0.5e+10}", FLAT_NUMBER},
        {"{\"a\":false}", FLAT_BOOL},
        {"{\"a\":\"\\u00e9\\\"\\\\\\/\\b\\f\\n\\r\\t\"}", FLAT_STRING},
        {"{\"a\":\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"}", FLAT_STRING},
        {"{\"\":0,\"ab\":0,\"\\u0061\":0}", FLAT_ABSENT},
    };
    struct flat_member m = {.name = "a"};
    const char *why = "";

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        if (scan(good[i].text, &m, &why) != 0)
            fail_msg("%s: %s", good[i].text, why);
        assert_int_equal(m.kind, good[i].kind);
    }
}

static void depth_is_bounded(void **state)
{
    char text[300] = "{\"a\":";
    struct flat_member m = {.name = "a"};
    const char *why = "";

    (void)state;
    memset(text + 5, '[', 64);
    memset(text + 69, ']', 64);
    memcpy(text + 133, "}", 2);
    assert_int_equal(scan(text, &m, &why), 0);
    memset(text + 5, '[', 65);
    memset(text + 70, ']', 65);
    memcpy(text + 135, "}", 2);
    assert_int_equal(scan(text, &m, &why), -EINVAL);
    assert_string_equal(why, "nested too deeply");
}

static void texts_without_escapes(void **state)
{
    const char raw[] = "x\\n\\u0041\\u20ac\\ud83d\\ude00";
    struct flat_member m = {
        .kind = FLAT_STRING, .at = raw, .len = sizeof(raw) - 1};
    char out[32];

    (void)state;
    assert_int_equal(flat_text(&m, out, sizeof(out)), 10);
    assert_string_equal(out, "x\nA\xe2\x82\xac\xf0\x9f\x98\x80");
    assert_int_equal(flat_text(&m, out, 11), 10);
    assert_int_equal(flat_text(&m, out, 10), -EMSGSIZE);
    assert_int_equal(flat_text(&m, out, 0), -EMSGSIZE);
    m.at = "\\ude00";
    m.len = 6;
    assert_int_equal(flat_text(&m, out, sizeof(out)), -EINVAL);
    m.at = "\\u0000";
    assert_int_equal(flat_text(&m, out, sizeof(out)), -EINVAL);
    m.at = "\\ud83d\\u0041";
    m.len = 12;
    assert_int_equal(flat_text(&m, out, sizeof(out)), -EINVAL);
}

static void stamps(void **state)
{
    static const char *const none[] = {
        "",
        "2025",
        "2025-13-01 00:00:00",
        "2025-02-29 00:00:00",
        "2025-01-00 00:00:00",
        "2025-01-01 24:00:00",
        "2025-01-01 00:60:00",
        "2025-01-01 00:00:60",
        "2025-01-01_00:00:00",
        "2025-01-01 00",
        "2025-01-01 00:00:00 ",
        "2025-01-01 00:00:00.",
        "2025-01-01T00:00:00ZZ",
        "2025-01-01T00:00:00+",
        "2025-01-01T00:00:00+1",
        "2025-01-01T00:00:00+01:",
        "2025-01-01T00:00:00+01:60",
        "2025-01-01T00:00:00+19:00",
    };
    char out[20];
    int64_t ms;

    (void)state;
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        if (stamp_read(none[i], strlen(none[i]), out, &ms) != STAMP_NONE)
            fail_msg("taken: %s", none[i]);
    assert_int_equal(stamp_read("2024-02-29T23:59:59,9", 21, out, &ms),
                     STAMP_LOCAL);
    assert_string_equal(out, "2024-02-29 23:59:59");
    assert_int_equal(stamp_read("1970-01-01T00:00:01.5Z", 22, out, &ms),
                     STAMP_UTC);
    assert_int_equal(ms, 1000);
    assert_int_equal(stamp_read("2025-11-13 15:40:02-0130", 24, out, &ms),
                     STAMP_UTC);
    assert_int_equal(ms, 1763048402000 + 90 * 60000);
    assert_int_equal(stamp_read("2000-03-01T00:00+00", 19, out, &ms),
                     STAMP_UTC);
    assert_int_equal(ms, 951868800000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_seed_document),
        cmocka_unit_test(what_may_be_absent),
        cmocka_unit_test(ids_survive_as_they_are),
        cmocka_unit_test(times_in_their_forms),
        cmocka_unit_test(what_cannot_be_used),
        cmocka_unit_test(a_bad_topic_is_refused),
        cmocka_unit_test(json_that_is_none),
        cmocka_unit_test(json_that_is),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(texts_without_escapes),
        cmocka_unit_test(stamps),
    };

    return cmocka_run_group_tests(tests, load, unload);
}
