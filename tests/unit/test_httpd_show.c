/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of httpd/show.h: jobs and executions as JSON.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "httpd/show.h"
#include "job/headers.h"

#define BYTES(s) ((struct span){s, sizeof(s) - 1})

static struct job *make(struct span key, struct span payload,
                        struct span headers)
{
    struct job_text text = {key, payload, headers};
    struct job *j = job_new(app_name_s("demo"), &text);

    assert_non_null(j);
    j->id = INT64_C(9007199254740993);
    j->due_ms = 1769853600000;
    j->scheduled_ms = 1769853600123;
    return j;
}

static void with_payload(struct span payload, size_t max, const char *want)
{
    struct job *j = make(BYTES("k"), payload, (struct span){0});
    struct buf b = BUF_INIT(1 << 20);
    struct json *doc;
    struct err err;

    show_job(&b, j, max);
    if (strstr(buf_cstr(&b), want) == NULL)
        fail_msg("%s is not in %s", want, buf_cstr(&b));
    if (json_parse(b.data, b.len, &doc, &err) < 0)
        fail_msg("%s: %s", buf_cstr(&b), err.text);
    json_free(&doc);
    buf_done(&b);
    job_free(&j);
}

static void payload_as_it_is(void **state)
{
    (void)state;
    with_payload(BYTES("{\"n\":9007199254740993,\"x\":1.10}"), 0,
                 "\"payload\":{\"n\":9007199254740993,\"x\":1.10}}");
    with_payload(BYTES(" [1, 2]\n"), 0, "\"payload\":[1, 2]}");
    with_payload(BYTES("\"text\""), 0, "\"payload\":\"text\"}");
    with_payload(BYTES("12"), 0, "\"payload\":12}");
    with_payload(BYTES("null"), 0, "\"payload\":null}");
    with_payload((struct span){NULL, 0}, 0, "\"payload\":null}");
}

static void what_is_not_json_is_base64(void **state)
{
    (void)state;
    with_payload(BYTES("hello"), 0, "\"payloadBase64\":\"aGVsbG8=\"}");
    with_payload(BYTES("\xff\x00"), 0, "\"payloadBase64\":\"/wA=\"}");
    with_payload(BYTES("a b"), 0, "\"payloadBase64\":\"YSBi\"}");
    with_payload((struct span){"", 0}, 0, "\"payloadBase64\":\"\"}");
    with_payload(BYTES("{\"a\":}"), 0, "\"payloadBase64\"");
    /* What would only be JSON inside of something else. */
    with_payload(BYTES("1,\"x\":2"), 0, "\"payloadBase64\":\"MSwieCI6Mg==\"}");
    with_payload(BYTES("1}"), 0, "\"payloadBase64\"");
    with_payload(BYTES("1} "), 0, "\"payloadBase64\"");
    with_payload(BYTES("\"\\u0000\""), 0, "\"payloadBase64\"");
}

static void long_payloads_are_left_out(void **state)
{
    (void)state;
    with_payload(BYTES("12345"), 4, "\"payloadBytes\":5}");
    with_payload(BYTES("1234"), 4, "\"payload\":1234}");
}

static void all_members(void **state)
{
    struct buf enc = BUF_INIT(100), b = BUF_INIT(1 << 20);
    struct job *j;

    (void)state;
    headers_add(&enc, BYTES("a"), BYTES("1"));
    headers_add(&enc, BYTES("b"), (struct span){NULL, 0});
    headers_add(&enc, BYTES("c"), BYTES("\xff"));
    j = make(BYTES("k\"\n"), BYTES("1"), (struct span){enc.data, enc.len});
    j->redelivered = true;
    j->attempt = 2;
    show_job(&b, j, 0);
    assert_string_equal(
        buf_cstr(&b),
        "{\"jobId\":\"9007199254740993\",\"version\":1,\"attempt\":2,"
        "\"app\":\"demo\",\"key\":\"k\\\"\\n\",\"state\":\"CREATED\","
        "\"priority\":\"normal\","
        "\"scheduledTime\":\"2026-01-31T10:00:00.123Z\","
        "\"scheduledTimeMs\":1769853600123,"
        "\"dueTime\":\"2026-01-31T10:00:00.000Z\","
        "\"dueTimeMs\":1769853600000,"
        "\"createdAt\":\"1970-01-01T00:00:00.000Z\",\"createdAtMs\":0,"
        "\"redelivered\":true,\"payload\":1,\"headers\":["
        "{\"name\":\"a\",\"value\":\"1\"},{\"name\":\"b\",\"value\":null},"
        "{\"name\":\"c\",\"valueBase64\":\"/w==\"}]}");
    buf_done(&b);
    buf_done(&enc);
    job_free(&j);
}

static void keys(void **state)
{
    struct buf b = BUF_INIT(1 << 20);
    struct job *j = make(BYTES("\xff"), BYTES("1"), (struct span){0});

    (void)state;
    show_job(&b, j, 0);
    assert_non_null(strstr(buf_cstr(&b), "\"keyBase64\":\"/w==\""));
    job_free(&j);
    buf_reset(&b);
    j = make((struct span){0}, BYTES("1"), (struct span){0});
    show_job(&b, j, 0);
    assert_non_null(strstr(buf_cstr(&b), "\"key\":null"));
    job_free(&j);
    buf_done(&b);
}

static void executions(void **state)
{
    struct execution e = {.job_id = 5,
                          .scheduled_ms = 1000,
                          .started_ms = 1002,
                          .finished_ms = 1005,
                          .version = 3,
                          .attempt = 2,
                          .outcome = OUTCOME_RETRY,
                          .app = "demo",
                          .error = BYTES("late\x1b")};
    struct buf b = BUF_INIT(1 << 20);

    (void)state;
    show_execution(&b, &e);
    assert_string_equal(
        buf_cstr(&b),
        "{\"jobId\":\"5\",\"app\":\"demo\",\"key\":null,\"version\":3,"
        "\"attemptNumber\":2,\"status\":\"FAILED\","
        "\"scheduledTime\":\"1970-01-01T00:00:01.000Z\","
        "\"scheduledTimeMs\":1000,"
        "\"startTime\":\"1970-01-01T00:00:01.002Z\",\"startTimeMs\":1002,"
        "\"endTime\":\"1970-01-01T00:00:01.005Z\",\"endTimeMs\":1005,"
        "\"durationMs\":3,\"errorMessage\":\"late\\u001b\"}");
    buf_done(&b);
    assert_int_equal(show_state(OUTCOME_DONE), JOB_SUCCESS);
    assert_int_equal(show_state(OUTCOME_DEAD), JOB_DEAD);
    assert_int_equal(show_state(OUTCOME_SKIPPED), JOB_CANCELED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(payload_as_it_is),
        cmocka_unit_test(what_is_not_json_is_base64),
        cmocka_unit_test(long_payloads_are_left_out),
        cmocka_unit_test(all_members),
        cmocka_unit_test(keys),
        cmocka_unit_test(executions),
    };

    return cmocka_run_group_tests_name("httpd/show", tests, NULL, NULL);
}
