/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of the HTTP API's changing routes: jobs created, canceled,
 * rescheduled, run.  The house is a fake (support/fakehouse.h).
 */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/loglevel.h"
#include "httpd/httpd.h"
#include "../support/fakehouse.h"
#include "../support/rawhttp.h"

struct rig {
    struct fakehouse f;
    struct httpd *h;
    unsigned port;
};

static int setup(void **state)
{
    struct httpd_settings set = {.listen = "127.0.0.1:0", .max_body = 4096};
    struct rig *t = calloc(1, sizeof(*t));
    struct httpd_house house;
    struct err err;

    assert_non_null(t);
    (void)log_set_levels("off", NULL);
    fakehouse_init(&t->f);
    fakehouse_add(&t->f, 77, "seven", "1", 1);
    house = fakehouse_of(&t->f);
    if (httpd_start(&set, &house, &t->h, &err) < 0)
        fail_msg("%s", err.text);
    t->port = httpd_port(t->h);
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    struct rig *t = *state;

    httpd_stop(&t->h);
    fakehouse_done(&t->f);
    free(t);
    return 0;
}

static void ask(struct rig *t, const char *method, const char *target,
                const char *body, int status, const char *want)
{
    struct reply r;

    raw_call(t->port, method, target, "", body, &r);
    if (r.status != status)
        fail_msg("%s %s: %d, not %d: %s", method, target, r.status, status,
                 r.body);
    if (strstr(r.body, want) == NULL)
        fail_msg("%s %s: no %s in %s", method, target, want, r.body);
    reply_done(&r);
}

/* ---- creating ------------------------------------------------------------ */

static void created(void **state)
{
    struct rig *t = *state;
    struct reply r;
    char text[64];

    raw_call(t->port, "POST", "/api/v1/jobs", "", "{\"n\":5}", &r);
    assert_int_equal(r.status, 201);
    assert_non_null(strstr(
        r.body, "{\"success\":true,\"message\":\"Job created successfully\","
                "\"data\":{\"jobId\":\"9007199254740993\",\"version\":1,"
                "\"app\":\"demo\",\"key\":\"k\",\"state\":\"CREATED\","));
    assert_non_null(strstr(r.body, "},\"timestamp\":\"20"));
    assert_true(reply_header(&r, "Location", text, sizeof(text)));
    assert_string_equal(text, "/api/v1/jobs/9007199254740993");
    assert_string_equal(t->f.idempotency, "from-body");
    reply_done(&r);
}

static void repeats_and_keys(void **state)
{
    struct rig *t = *state;
    struct reply r;

    t->f.put_result = PUT_DUPLICATE;
    ask(t, "POST", "/api/v1/jobs", "{\"n\":5}", 200,
        "{\"success\":true,\"duplicate\":true,");
    ask(t, "POST", "/api/v1/jobs", "{\"n\":5}", 200, "\"jobId\":null,");
    t->f.put_result = PUT_REPLACED;
    ask(t, "POST", "/api/v1/jobs", "{\"n\":5}", 200, "replaced");
    t->f.put_result = PUT_WISHED;
    ask(t, "POST", "/api/v1/jobs", "{\"n\":5}", 202, "\"jobId\":null,");
    raw_call(t->port, "POST", "/api/v1/jobs", "Idempotency-Key: mine\r\n",
             "{\"n\":5}", &r);
    assert_int_equal(r.status, 202);
    assert_string_equal(t->f.idempotency, "mine");
    reply_done(&r);
}

static void long_idempotency_key(void **state)
{
    struct rig *t = *state;
    struct reply r;
    char head[400];

    memset(head, 'a', sizeof(head));
    memcpy(head, "Idempotency-Key: ", 17);
    memcpy(head + 17 + 256, "\r\n", 3);
    raw_call(t->port, "POST", "/api/v1/jobs", head, "{\"n\":5}", &r);
    assert_int_equal(r.status, 400);
    reply_done(&r);
    assert_int_equal(t->f.puts, 0);
}

static void not_created(void **state)
{
    struct rig *t = *state;

    ask(t, "POST", "/api/v1/jobs", "", 400, "");
    ask(t, "POST", "/api/v1/jobs", NULL, 400, "");
    ask(t, "POST", "/api/v1/jobs", "[]", 400, "");
    ask(t, "POST", "/api/v1/jobs", "{}", 400, "scheduledTime is missing");
    assert_int_equal(t->f.puts, 0);
    ask(t, "POST", "/api/v1/jobs", "{\"n\":13}", 413, "one is too large");
    t->f.put_code = -EIO;
    ask(t, "POST", "/api/v1/jobs", "{\"n\":1}", 500, "it does not fit");
    t->f.put_retry = true;
    ask(t, "POST", "/api/v1/jobs", "{\"n\":1}", 503, "the store is away");
    assert_int_equal(t->f.put_items, 0);
}

static int post(struct rig *t, const char *body)
{
    int fd = raw_connect(t->port), n;
    char text[256];

    n = snprintf(text, sizeof(text),
                 "POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\n"
                 "Content-Length: %zu\r\n\r\n%s",
                 strlen(body), body);
    raw_send(fd, text, (size_t)n);
    return fd;
}

/* The status of the answer; 0: there was none. */
static int posted(int fd)
{
    struct reply r;
    int status;

    raw_read(fd, false, &r);
    status = r.status;
    reply_done(&r);
    close(fd);
    return status;
}

/* Both of the listener's threads have come by often since. */
static void settle(struct rig *t)
{
    struct reply r;

    for (int i = 0; i < 300; i++) {
        raw_call(t->port, "GET", "/health/live", "", NULL, &r);
        assert_int_equal(r.status, 200);
        reply_done(&r);
    }
}

/* Those that come while the store is busy are stored in one call; the one that
 * cannot be stored does not harm the others, and health answers meanwhile. */
static void gathered(void **state)
{
    struct rig *t = *state;
    int fd[17];

    fakehouse_hold(&t->f, true);
    for (int i = 0; i < 17; i++) {
        fd[i] = post(t, i == 9 ? "{\"n\":13}" : "{\"n\":5}");
        if (i == 0)
            fakehouse_await_put(&t->f);
    }
    settle(t);
    fakehouse_hold(&t->f, false);
    for (int i = 0; i < 17; i++)
        assert_int_equal(posted(fd[i]), i == 9 ? 413 : 201);
    assert_int_equal(t->f.put_items, 16);
    assert_true(t->f.put_most > 1);
}

static void stop_answers_those_who_wait(void **state)
{
    struct rig *t = *state;
    size_t stored = 0;
    int fd[5];

    fakehouse_hold(&t->f, true);
    for (int i = 0; i < 5; i++) {
        fd[i] = post(t, "{\"n\":5}");
        if (i == 0)
            fakehouse_await_put(&t->f);
    }
    settle(t);
    fakehouse_hold(&t->f, false);
    httpd_stop(&t->h);
    for (int i = 0; i < 5; i++) {
        int status = posted(fd[i]);

        assert_true(status == 201 || status == 503 || status == 0);
        stored += status == 201;
    }
    assert_true(t->f.put_items >= 1);
    assert_true(stored <= t->f.put_items); /* no answer without the deed */
}

/* ---- changing ------------------------------------------------------------ */

static void canceled(void **state)
{
    struct rig *t = *state;

    ask(t, "DELETE", "/api/v1/jobs/77", NULL, 200,
        "\"message\":\"canceled\",\"data\":{\"jobId\":\"77\"}");
    assert_int_equal(t->f.change.kind, CHANGE_CANCEL);
    assert_int_equal(t->f.change.id, 77);
    assert_true(t->f.change.now_ms > 0);
    t->f.give_job = true;
    ask(t, "DELETE", "/api/v1/jobs/77", NULL, 200,
        "\"key\":\"seven\",\"state\":\"CANCELED\"");
    t->f.give_job = false;
    ask(t, "DELETE", "/api/v1/jobs?app=demo&key=a%26b", NULL, 200,
        "\"data\":{\"app\":\"demo\",\"key\":\"a&b\"}");
    assert_int_equal(t->f.change.id, 0);
    assert_string_equal(t->f.change.app->text, "demo");
    assert_string_equal(t->f.change_key, "a&b");
    ask(t, "DELETE", "/api/v1/jobs?app=retired&key=x", NULL, 200, "retired");
    ask(t, "DELETE", "/api/v1/jobs?app=strange&key=x", NULL, 404, "no app");
    ask(t, "DELETE", "/api/v1/jobs?app=demo", NULL, 400, "app and key");
    ask(t, "DELETE", "/api/v1/jobs?key=x", NULL, 400, "app and key");
    ask(t, "DELETE", "/api/v1/jobs?app=demo&key=", NULL, 400, "app and key");
    ask(t, "DELETE", "/api/v1/jobs", NULL, 400, "app and key");
}

static void verdicts(void **state)
{
    struct rig *t = *state;
    struct reply r;
    char text[64];

    t->f.verdict = VERDICT_LATE;
    ask(t, "DELETE", "/api/v1/jobs/77", NULL, 409, "too late");
    t->f.verdict = VERDICT_GONE;
    ask(t, "DELETE", "/api/v1/jobs/77", NULL, 404, "no live job 77");
    ask(t, "DELETE", "/api/v1/jobs?app=demo&key=x", NULL, 404, "app demo");
    t->f.verdict = VERDICT_NONE;
    raw_call(t->port, "DELETE", "/api/v1/jobs/77", "", NULL, &r);
    assert_int_equal(r.status, 202);
    assert_true(reply_header(&r, "Location", text, sizeof(text)));
    assert_string_equal(text, "/api/v1/jobs/77");
    reply_done(&r);
    t->f.change_code = -ENOENT;
    ask(t, "DELETE", "/api/v1/jobs/78", NULL, 404, "no live job 78");
    t->f.change_code = -ESTALE;
    ask(t, "DELETE", "/api/v1/jobs/78", NULL, 409, "");
    t->f.change_code = -EIO;
    ask(t, "DELETE", "/api/v1/jobs/78", NULL, 500, "");
    t->f.change_retry = true;
    ask(t, "DELETE", "/api/v1/jobs/78", NULL, 503, "away");
}

static void rescheduled(void **state)
{
    static const char path[] = "/api/v1/jobs/77/schedule";
    struct rig *t = *state;

    ask(t, "PUT", path, "{\"scheduledTime\":\"2026-01-31T11:00:00+01:00\"}",
        200, "\"dueTime\":\"2026-01-31T10:00:00.000Z\"");
    assert_int_equal(t->f.change.kind, CHANGE_RESCHEDULE);
    assert_int_equal(t->f.change.due_ms, 1769853600000);
    assert_int_equal(t->f.change.version, 0);
    ask(t, "PUT", path, "{\"scheduledTime\":1769853600000,\"version\":7}", 200,
        "rescheduled");
    assert_int_equal(t->f.change.due_ms, 1769853600000);
    assert_int_equal(t->f.change.version, 7);
    ask(t, "PUT", path, "", 400, "");
    ask(t, "PUT", path, "{}", 400, "scheduledTime is missing");
    ask(t, "PUT", path, "{\"scheduledTime\":null}", 400, "missing");
    ask(t, "PUT", path, "{\"scheduledTime\":true}", 400, "neither");
    ask(t, "PUT", path, "{\"scheduledTime\":\"soon\"}", 400, "scheduledTime: ");
    ask(t, "PUT", path, "{\"scheduledTime\":1.5}", 400, "scheduledTime");
    ask(t, "PUT", path, "{\"scheduledTime\":1,\"version\":-1}", 400, "version");
    ask(t, "PUT", path, "{\"scheduledTime\":1,\"version\":\"1\"}", 400,
        "version");
}

static void run_now(void **state)
{
    struct rig *t = *state;

    ask(t, "POST", "/api/v1/jobs/77/run", "", 200, "due now");
    assert_int_equal(t->f.change.kind, CHANGE_RUN);
    t->f.verdict = VERDICT_LATE;
    ask(t, "POST", "/api/v1/jobs/77/run", NULL, 409, "running or done");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(created, setup, teardown),
        cmocka_unit_test_setup_teardown(repeats_and_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(long_idempotency_key, setup, teardown),
        cmocka_unit_test_setup_teardown(not_created, setup, teardown),
        cmocka_unit_test_setup_teardown(gathered, setup, teardown),
        cmocka_unit_test_setup_teardown(stop_answers_those_who_wait, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(canceled, setup, teardown),
        cmocka_unit_test_setup_teardown(verdicts, setup, teardown),
        cmocka_unit_test_setup_teardown(rescheduled, setup, teardown),
        cmocka_unit_test_setup_teardown(run_now, setup, teardown),
    };

    return cmocka_run_group_tests_name("httpd/change", tests, NULL, NULL);
}
