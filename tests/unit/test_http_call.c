/* SPDX-License-Identifier: Apache-2.0
 *
 * test_http_call.c - the plugin http_call against a server that can do wrong.
 */
#include "config.h"

#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "support/fakehost.h"
#include "support/httpstub.h"

#define LOOPBACK                                                               \
    {                                                                          \
        "allow_networks", "127.0.0.1"                                          \
    }

static const struct ontime_plugin *plugin;
static struct httpstub *server;

struct rig {
    struct fake_host f;
    char url[256];
    struct fake_setting settings[16];
    char message[512]; /* of the last call */
    int64_t retry_ms;
};

/* An instance with the URL http://127.0.0.1:PORT<path> and more settings. */
static void open_rig(struct rig *r, const char *path,
                     const struct fake_setting *more)
{
    char text[256];
    size_t n = 0;

    (void)snprintf(r->url, sizeof(r->url), "http://127.0.0.1:%d%s",
                   httpstub_port(server), path);
    r->settings[n++] = (struct fake_setting){"url", r->url};
    for (; more != NULL && more->name != NULL; more++)
        r->settings[n++] = *more;
    r->settings[n] = (struct fake_setting){NULL, NULL};
    fake_open(&r->f, plugin, r->settings);
    if (fake_init(&r->f, text, sizeof(text)) != 0)
        fail_msg("init: %s", text);
}

static void close_rig(struct rig *r)
{
    fake_close(&r->f);
    assert_null(r->f.wrong);
    fake_done(&r->f);
}

/* One call of that path. */
static int call(struct rig *r, const char *path,
                const struct fake_setting *more, const char *payload)
{
    int outcome;

    open_rig(r, path, more);
    outcome = fake_run(&r->f, payload);
    (void)snprintf(r->message, sizeof(r->message), "%s", r->f.message);
    r->retry_ms = r->f.retry_ms;
    close_rig(r);
    return outcome;
}

static void must_have(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("no \"%s\" in: %s", part, text);
}

static void must_not_have(const char *text, const char *part)
{
    if (strstr(text, part) != NULL)
        fail_msg("\"%s\" in: %s", part, text);
}

static const struct fake_setting local[] = {LOOPBACK, {NULL, NULL}};

static void answers_have_their_outcomes(void **state)
{
    static const struct {
        const char *path;
        int outcome;
        const char *message;
    } cases[] = {
        {"/ok", ONTIME_DONE, "HTTP 200: fine"},
        {"/status/201", ONTIME_DONE, "HTTP 201: as asked"},
        {"/status/400", ONTIME_FAIL, "HTTP 400: as asked"},
        {"/status/404", ONTIME_FAIL, "HTTP 404"},
        {"/status/500", ONTIME_RETRY, "HTTP 500: as asked"},
        {"/status/503", ONTIME_RETRY, "HTTP 503"},
        {"/status/429", ONTIME_RETRY, "HTTP 429"},
        {"/status/304", ONTIME_FAIL, "HTTP 304"},
        {"/redirect/302//ok", ONTIME_FAIL, "redirect, not followed"},
        {"/reset", ONTIME_RETRY, "HTTP: "},
        {"/half", ONTIME_RETRY, "HTTP: "},
        {"/wild", ONTIME_DONE, "HTTP 200: a\\x01\\xff\\x0a\xc3\xa9<"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rig r;
        int outcome = call(&r, cases[i].path, local, "{}");

        if (outcome != cases[i].outcome)
            fail_msg("%s: outcome %d, %s", cases[i].path, outcome, r.message);
        must_have(r.message, cases[i].message);
    }
}

static void the_request_is_as_the_templates_say(void **state)
{
    const struct fake_setting more[] = {
        LOOPBACK,
        {"method", "{{verb}}"},
        {"body", "{\"n\": {{n}}, \"t\": \"<{{t}}>\", \"o\": {{o}}, "
                 "\"x\": {{x?}}, \"id\": {{$id}}, \"inner\": {{o.a}}}"},
        {"headers", "X-Who: {{t}}\nX-App: {{$app}}\r\n"},
        {"authorization", "Bearer s3cret"},
        {NULL, NULL}};
    struct rig r;
    char got[8192];

    (void)state;
    assert_int_equal(call(&r, "/ok?q={{t}}", more,
                          "{\"verb\":\"PUT\",\"n\":12345678901234567890.10,"
                          "\"t\":\"a \\\"b\\\"&\\u00e9\",\"o\":{\"a\":[1,2]}}"),
                     ONTIME_DONE);
    httpstub_last(server, got, sizeof(got));
    must_have(got, "PUT /ok?q=a%20%22b%22%26%C3%A9 HTTP/1.1\r\n");
    must_have(got, "\r\nAuthorization: Bearer s3cret\r\n");
    must_have(got, "\r\nIdempotency-Key: fake-1-1\r\n");
    must_have(got, "\r\ntraceparent: 00-");
    must_have(got, "\r\nX-Who: a \"b\"&\xc3\xa9\r\n");
    must_have(got, "\r\nX-App: app\r\n");
    must_have(got, "\r\nContent-Type: application/json\r\n");
    must_have(got, "{\"n\": 12345678901234567890.10, "
                   "\"t\": \"<a \\\"b\\\"&\\u00e9>\", \"o\": {\"a\":[1,2]}, "
                   "\"x\": null, \"id\": 1, \"inner\": [1,2]}");
    must_not_have(r.message, "s3cret");
}

static void without_a_body_the_payload_goes(void **state)
{
    const struct fake_setting get[] = {
        LOOPBACK, {"method", "GET"}, {NULL, NULL}};
    const struct fake_setting form[] = {LOOPBACK,
                                        {"body", "a={{a}}&b=1"},
                                        {"body_type", "form"},
                                        {"traceparent", "false"},
                                        {"idempotency_header", ""},
                                        {NULL, NULL}};
    struct rig r;
    char got[8192];

    (void)state;
    assert_int_equal(call(&r, "/ok", local, "{\"a\": 1}"), ONTIME_DONE);
    httpstub_last(server, got, sizeof(got));
    must_have(got, "POST /ok ");
    must_have(got, "\r\nContent-Length: 8\r\n");
    must_have(got, "\r\n\r\n{\"a\": 1}");
    assert_int_equal(call(&r, "/ok", get, "{\"a\": 1}"), ONTIME_DONE);
    httpstub_last(server, got, sizeof(got));
    must_have(got, "GET /ok ");
    must_not_have(got, "Content-");
    assert_int_equal(call(&r, "/ok", form, "{\"a\": \"x=&y\"}"), ONTIME_DONE);
    httpstub_last(server, got, sizeof(got));
    must_have(got, "\r\n\r\na=x%3D%26y&b=1");
    must_have(got, "Content-Type: application/x-www-form-urlencoded\r\n");
    must_not_have(got, "traceparent");
    must_not_have(got, "Idempotency-Key");
}

/* The URL may come from jobData as a whole. */
static void a_url_of_the_job(void **state)
{
    struct fake_setting settings[] = {
        {"url", "{{url}}"}, LOOPBACK, {NULL, NULL}};
    struct fake_host f;
    char text[256], payload[256];

    (void)state;
    fake_open(&f, plugin, settings);
    assert_int_equal(fake_init(&f, text, sizeof(text)), 0);
    (void)snprintf(payload, sizeof(payload),
                   "{\"url\":\"http://127.0.0.1:%d/ok\"}",
                   httpstub_port(server));
    assert_int_equal(fake_run(&f, payload), ONTIME_DONE);
    assert_int_equal(fake_run(&f, "{\"url\":\"file:///etc/passwd\"}"),
                     ONTIME_FAIL);
    must_have(f.message, "no URL");
    assert_int_equal(fake_run(&f, "{\"url\":\"gopher://127.0.0.1/x\"}"),
                     ONTIME_FAIL);
    assert_int_equal(fake_run(&f, "{\"url\":\"http://u:p@127.0.0.1/\"}"),
                     ONTIME_FAIL);
    assert_int_equal(fake_run(&f, "{\"url\":\"http://x.test/ a\"}"),
                     ONTIME_FAIL);
    assert_int_equal(fake_run(&f, "{}"), ONTIME_FAIL);
    must_have(f.message, "url is missing");
    assert_int_equal(fake_run(&f, "no json"), ONTIME_FAIL);
    fake_close(&f);
    fake_done(&f);
}

static void headers_cannot_be_slipped_in(void **state)
{
    const struct fake_setting more[] = {
        LOOPBACK, {"headers", "X: {{x}}"}, {NULL, NULL}};
    struct rig r;

    (void)state;
    assert_int_equal(call(&r, "/ok", more, "{\"x\":\"a\\r\\nEvil: 1\"}"),
                     ONTIME_FAIL);
    must_have(r.message, "control character");
}

/* Private addresses are refused at the moment of connecting. */
static void the_guard_stands(void **state)
{
    const struct fake_setting none[] = {{NULL, NULL}};
    const struct fake_setting denied[] = {
        LOOPBACK, {"deny_hosts", "127.0.0.1"}, {NULL, NULL}};
    const struct fake_setting others[] = {
        LOOPBACK, {"allow_hosts", "*.example.com"}, {NULL, NULL}};
    const struct fake_setting hop[] = {
        LOOPBACK, {"max_redirects", "3"}, {NULL, NULL}};
    uint64_t before = httpstub_count(server);
    struct rig r;
    char path[200];

    (void)state;
    assert_int_equal(call(&r, "/ok", none, "{}"), ONTIME_FAIL);
    must_have(r.message, "address is not allowed");
    assert_int_equal(call(&r, "/ok", denied, "{}"), ONTIME_FAIL);
    must_have(r.message, "host is not allowed");
    assert_int_equal(call(&r, "/ok", others, "{}"), ONTIME_FAIL);
    must_have(r.message, "host is not allowed");
    assert_int_equal(httpstub_count(server), before);
    /* 127.0.0.2 is the server too, but not allowed */
    (void)snprintf(path, sizeof(path), "/redirect/307/http://127.0.0.2:%d/ok",
                   httpstub_port(server));
    assert_int_equal(call(&r, path, hop, "{}"), ONTIME_FAIL);
    (void)snprintf(path, sizeof(path), "/redirect/302/http://127.0.0.2:%d/ok",
                   httpstub_port(server));
    assert_int_equal(call(&r, path, hop, "{}"), ONTIME_FAIL);
    must_have(r.message, "address is not allowed");
    assert_int_equal(httpstub_count(server), before + 2);
}

static void redirects_when_asked_for(void **state)
{
    const struct fake_setting hop[] = {LOOPBACK,
                                       {"max_redirects", "2"},
                                       {"authorization", "mine"},
                                       {NULL, NULL}};
    struct rig r;
    char got[4096], path[300];

    (void)state;
    assert_int_equal(call(&r, "/redirect/308//redirect/307//ok", hop, "{}"),
                     ONTIME_DONE);
    httpstub_last(server, got, sizeof(got));
    must_have(got, "POST /ok ");
    must_have(got, "Authorization: mine");
    assert_int_equal(call(&r, "/redirect/303//ok", hop, "{}"), ONTIME_DONE);
    httpstub_last(server, got, sizeof(got));
    must_have(got, "GET /ok ");
    assert_int_equal(
        call(&r, "/redirect/302//redirect/302//redirect/302//ok", hop, "{}"),
        ONTIME_FAIL);
    /* what was said to one host is not said to another */
    (void)snprintf(path, sizeof(path), "/redirect/302/http://localhost:%d/ok",
                   httpstub_port(server));
    assert_int_equal(call(&r, path, hop, "{}"), ONTIME_DONE);
    httpstub_last(server, got, sizeof(got));
    must_have(got, "GET /ok ");
    must_not_have(got, "mine");
}

static void retry_after_is_honoured(void **state)
{
    struct rig r;

    (void)state;
    assert_int_equal(call(&r, "/after/7", local, "{}"), ONTIME_RETRY);
    assert_int_equal(r.retry_ms, 7000);
    /* the fake host's clock stands at 2025-11-13 15:40:02 UTC */
    assert_int_equal(
        call(&r, "/after/Thu,_13_Nov_2025_15:41:02_GMT", local, "{}"),
        ONTIME_RETRY);
    assert_int_equal(r.retry_ms, 60000);
    must_have(r.message, "Retry-After Thu, 13 Nov 2025");
    assert_int_equal(
        call(&r, "/after/Thu,_13_Nov_2024_15:41:02_GMT", local, "{}"),
        ONTIME_RETRY);
    assert_int_equal(r.retry_ms, 0);
    assert_int_equal(call(&r, "/after/soon", local, "{}"), ONTIME_RETRY);
    assert_int_equal(r.retry_ms, 0);
}

static void long_answers_are_cut(void **state)
{
    const struct fake_setting more[] = {
        LOOPBACK, {"max_response", "100000"}, {NULL, NULL}};
    struct rig r;

    (void)state;
    assert_int_equal(call(&r, "/big", more, "{}"), ONTIME_DONE);
    must_have(r.message, "HTTP 200 (answer cut): \\x00");
    assert_true(strlen(r.message) < 300);
}

static void timeouts_are_tried_again(void **state)
{
    const struct fake_setting more[] = {
        LOOPBACK, {"timeout", "100"}, {NULL, NULL}};
    struct rig r;

    (void)state;
    assert_int_equal(call(&r, "/stall", more, "{}"), ONTIME_RETRY);
    must_have(r.message, "Timeout");
}

/* close does not wait for a server that does not answer. */
static void close_cancels_at_once(void **state)
{
    const struct ontime_job job = {.size = sizeof(job),
                                   .token = 5,
                                   .app = "app",
                                   .attempt = 1,
                                   .idempotency_key = "k"};
    struct timespec from, to;
    struct rig r;
    uint64_t before = httpstub_count(server);

    (void)state;
    open_rig(&r, "/stall", local);
    assert_int_equal(plugin->execute(r.f.state, &job), ONTIME_PENDING);
    while (httpstub_count(server) == before)
        (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    (void)clock_gettime(CLOCK_MONOTONIC, &from);
    close_rig(&r);
    (void)clock_gettime(CLOCK_MONOTONIC, &to);
    assert_true(to.tv_sec - from.tv_sec < 3);
}

static void bad_settings_are_refused(void **state)
{
    static const struct {
        const char *name, *value, *text;
    } cases[] = {
        {"url", "", "url: must not be empty"},
        {"url", "http:{{", "}} is missing"},
        {"url", "http://x.test/{{a b}}", "names are of"},
        {"body", "{\"a\": {{a}}", "it is no JSON"},
        {"body", "{\"a\": \"{{a}}}", "it is no JSON"},
        {"body_type", "xml", "must be json, form or text"},
        {"headers", "no colon", "Name: value"},
        {"headers", "a b: c", "Name: value"},
        {"headers", "a: {{$who}}", "no such value"},
        {"idempotency_header", "a b", "no header's name"},
        {"authorization", "a\nb: c", "one line"},
        {"allow_networks", "10.0.0.0/33", "allow_networks"},
        {"deny_networks", "ten", "deny_networks"},
        {"allow_hosts", "http://x.test/", "allow_hosts"},
        {"ca_file", "/nowhere/ca.pem", "cannot be read"},
        {"client_key", "/nowhere/key.pem", "cannot be read"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct fake_setting settings[] = {{cases[i].name, cases[i].value},
                                                {"url", "http://x.test/"},
                                                {NULL, NULL}};
        struct fake_host f;
        char text[256];

        fake_open(&f, plugin, settings);
        assert_int_equal(fake_init(&f, text, sizeof(text)), -EINVAL);
        must_have(text, cases[i].text);
        fake_done(&f);
    }
}

static void the_trace_goes_on(void **state)
{
    static const char parent[] =
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
    const struct ontime_header header = {"traceparent",
                                         {parent, sizeof(parent) - 1}};
    const struct ontime_job job = {.size = sizeof(job),
                                   .token = 5,
                                   .app = "app",
                                   .headers = &header,
                                   .header_count = 1,
                                   .attempt = 1,
                                   .idempotency_key = "k"};
    struct rig r;
    char got[4096];

    (void)state;
    open_rig(&r, "/ok", local);
    assert_int_equal(fake_run_job(&r.f, &job), ONTIME_DONE);
    close_rig(&r);
    httpstub_last(server, got, sizeof(got));
    must_have(got, "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-");
    must_have(got, "-00\r\n");
    must_not_have(got, "00f067aa0ba902b7");
}

static int setup(void **state)
{
    const char *builddir = getenv("builddir");
    char path[400];
    void *handle;

    (void)state;
    (void)snprintf(path, sizeof(path),
                   "%s/plugins/http_call/.libs/http_call.so",
                   builddir != NULL ? builddir : ".");
    handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL)
        return -1;
    plugin = dlsym(handle, "ontime_plugin");
    server = httpstub_open();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    httpstub_close(&server);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_have_their_outcomes),
        cmocka_unit_test(the_request_is_as_the_templates_say),
        cmocka_unit_test(without_a_body_the_payload_goes),
        cmocka_unit_test(a_url_of_the_job),
        cmocka_unit_test(headers_cannot_be_slipped_in),
        cmocka_unit_test(the_guard_stands),
        cmocka_unit_test(redirects_when_asked_for),
        cmocka_unit_test(retry_after_is_honoured),
        cmocka_unit_test(long_answers_are_cut),
        cmocka_unit_test(timeouts_are_tried_again),
        cmocka_unit_test(close_cancels_at_once),
        cmocka_unit_test(bad_settings_are_refused),
        cmocka_unit_test(the_trace_goes_on),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
