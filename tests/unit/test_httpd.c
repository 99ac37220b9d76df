/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of the HTTP API over TCP: every route and its answers.  The house and
 * the store are fakes (support/fakehouse.h).
 */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    house = fakehouse_of(&t->f);
    if (httpd_start(&set, &house, &t->h, &err) < 0)
        fail_msg("%s", err.text);
    t->port = httpd_port(t->h);
    assert_true(t->port > 0);
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    struct rig *t = *state;

    httpd_stop(&t->h);
    assert_null(t->h);
    fakehouse_done(&t->f);
    free(t);
    return 0;
}

/* ---- asking -------------------------------------------------------------- */

static void has(const struct reply *r, const char *want)
{
    if (strstr(r->body, want) == NULL)
        fail_msg("no %s in %s", want, r->body);
}

/* The answer's status, and texts that its body holds; all of it is checked to
 * be what its status promises. */
static void ask(struct rig *t, const char *method, const char *target,
                const char *body, int status, const char *want)
{
    struct reply r;
    char type[64], allow[64];

    raw_call(t->port, method, target, "", body, &r);
    if (r.status != status)
        fail_msg("%s %s: %d, not %d: %s", method, target, r.status, status,
                 r.body);
    has(&r, want);
    assert_true(reply_header(&r, "Content-Type", type, sizeof(type)));
    if (status >= 400 && strncmp(target, "/health", 7) != 0) {
        char member[32];

        assert_string_equal(type, "application/problem+json");
        (void)snprintf(member, sizeof(member), "\"status\":%d,", status);
        has(&r, member);
        has(&r, "\"detail\":\"");
    }
    if (status == 503)
        assert_true(reply_header(&r, "Retry-After", type, sizeof(type)));
    assert_int_equal(reply_header(&r, "Allow", allow, sizeof(allow)),
                     status == 405);
    reply_done(&r);
}

static void get(struct rig *t, const char *target, int status, const char *want)
{
    ask(t, "GET", target, NULL, status, want);
}

static void header_is(struct rig *t, const char *method, const char *target,
                      const char *body, const char *name, const char *want)
{
    char value[128] = "(none)";
    struct reply r;

    raw_call(t->port, method, target, "", body, &r);
    (void)reply_header(&r, name, value, sizeof(value));
    assert_string_equal(value, want);
    reply_done(&r);
}

/* ---- operators ----------------------------------------------------------- */

static void health(void **state)
{
    struct rig *t = *state;

    get(t, "/health", 200, "{\"status\":\"UP\"}");
    get(t, "/health/live", 200, "UP");
    get(t, "/health/ready", 200, "UP");
    t->f.why = "the store is \"away\"";
    get(t, "/health", 503,
        "{\"status\":\"DOWN\",\"reason\":\"the store is \\\"away\\\"\"}");
    get(t, "/health/ready", 503, "DOWN");
    get(t, "/health/live", 200, "UP");
}

static bool counted(const char *page, const char *series)
{
    const char *at = strstr(page, series);

    return at != NULL && strtol(at + strlen(series), NULL, 10) > 0;
}

static void metrics_page(void **state)
{
    struct rig *t = *state;
    struct reply r;
    char type[64];

    get(t, "/health/live", 200, "UP");
    get(t, "/nothing", 404, "");
    for (int i = 0; i < 200; i++) { /* counted after the answer was sent */
        bool found;

        raw_call(t->port, "GET", "/metrics", "", NULL, &r);
        assert_int_equal(r.status, 200);
        assert_true(reply_header(&r, "Content-Type", type, sizeof(type)));
        assert_string_equal(type, "text/plain; version=0.0.4; charset=utf-8");
        found = counted(r.body, "ontime_http_requests_total{route=\"GET "
                                "/health/live\",code=\"200\"} ") &&
                counted(r.body, "{route=\"other\",code=\"404\"} ");
        reply_done(&r);
        if (found)
            return;
    }
    fail_msg("not counted");
}

static void status_apps_index(void **state)
{
    struct rig *t = *state;

    get(t, "/api/v1/status", 200, "{\"version\":\"0\"}");
    get(t, "/api/v1/apps", 200,
        "{\"apps\":[{\"name\":\"demo\"}],\"counts\":[{\"app\":\"retired\","
        "\"pending\":3,\"succeeded\":0,\"dead\":1,\"canceled\":0,"
        "\"retried\":0}]}");
    t->f.store_away = true;
    get(t, "/api/v1/apps", 200, "{\"apps\":[{\"name\":\"demo\"}]");
    get(t, "/api/v1", 200, "{\"method\":\"GET\",\"path\":\"/metrics\"");
    get(t, "/api/v1/", 200, "\"path\":\"/api/v1/jobs/{id}/schedule\"");
}

static void reload(void **state)
{
    struct rig *t = *state;

    ask(t, "POST", "/api/v1/reload", NULL, 200, "\"data\":{\"report\":[]}");
    t->f.report = "one\n\ntwo \"x\"";
    ask(t, "POST", "/api/v1/reload", "", 200,
        "\"report\":[\"one\",\"two \\\"x\\\"\"]");
    t->f.reload_code = -EINVAL;
    ask(t, "POST", "/api/v1/reload", NULL, 422, "\"report\":[\"one\"");
    t->f.reload_code = -EBUSY;
    ask(t, "POST", "/api/v1/reload", NULL, 409, "refused");
    t->f.reload_retry = true;
    ask(t, "POST", "/api/v1/reload", NULL, 503, "later");
    assert_int_equal(t->f.reloads, 5);
}

static void routes_and_methods(void **state)
{
    struct rig *t = *state;
    struct reply r;
    char text[64];

    get(t, "/", 404, "GET /api/v1 lists");
    get(t, "/api/v1/nothing", 404, "");
    get(t, "/api/v1/jobs/1/2", 404, "");
    get(t, "/api/v1/jobs//schedule", 404, "");
    get(t, "/api%2Fv1", 404, "");
    ask(t, "PUT", "/api/v1/jobs", "", 405, "");
    header_is(t, "PUT", "/api/v1/jobs", "", "Allow",
              "GET, HEAD, POST, DELETE, OPTIONS");
    header_is(t, "GET", "/api/v1/reload", NULL, "Allow", "POST, OPTIONS");
    ask(t, "BREW", "/health", NULL, 405, "BREW");
    raw_call(t->port, "OPTIONS", "/api/v1/jobs/7", "", NULL, &r);
    assert_int_equal(r.status, 204);
    assert_true(reply_header(&r, "Allow", text, sizeof(text)));
    assert_string_equal(text, "GET, HEAD, DELETE, OPTIONS");
    reply_done(&r);
    raw_call(t->port, "HEAD", "/health", "", NULL, &r);
    assert_int_equal(r.status, 200);
    assert_true(reply_header(&r, "Content-Length", text, sizeof(text)));
    assert_string_equal(text, "15");
    assert_int_equal(r.len, 0);
    reply_done(&r);
    get(t, "/health?x=1", 400, "no parameter \\\"x\\\" here; there is: none");
    get(t, "/health?%", 400, "escape");
}

/* ---- looking ------------------------------------------------------------- */

static void lists(void **state)
{
    struct rig *t = *state;

    get(t, "/api/v1/jobs", 200, "{\"jobs\":[],\"next\":null}");
    fakehouse_add(&t->f, 5, "five", "{\"a\":1}", 7);
    fakehouse_add(&t->f, 6, "six", "x", 1);
    fakehouse_add(&t->f, 7, "six", "x", 1);
    t->f.job[1]->state = JOB_SCHEDULED;
    get(t, "/api/v1/jobs?app=demo", 200,
        "\"payload\":{\"a\":1}},{\"jobId\":\"6\"");
    get(t, "/api/v1/jobs?state=SCHEDULED", 200, "{\"jobs\":[{\"jobId\":\"6\"");
    get(t, "/api/v1/jobs?due_from=7&due_to=8", 200, "[{\"jobId\":\"7\"");
    get(t, "/api/v1/jobs?due_from=1970-01-01T00:00:00.007Z", 200,
        "[{\"jobId\":\"7\"");
    get(t, "/api/v1/jobs?due_to=1970-01-01%2000:00:00", 200, "[]");
    get(t, "/api/v1/jobs?app=demo&key=six", 200, "[{\"jobId\":\"6\"");
    get(t, "/api/v1/jobs?app=demo&key=none", 200, "{\"jobs\":[],");
    get(t, "/api/v1/jobs?app=demo&key=six&state=RUNNING", 200, "[],");
    get(t, "/api/v1/jobs?app=retired", 200, "[]");
    get(t, "/api/v1/jobs?key=six", 400, "key needs app");
    get(t, "/api/v1/jobs?app=strange", 404, "no app \\\"strange\\\"");
    get(t, "/api/v1/jobs?state=LOST", 400, "state=LOST");
    get(t, "/api/v1/jobs?limit=0", 400, "from 1 to 1000");
    get(t, "/api/v1/jobs?limit=1001", 400, "");
    get(t, "/api/v1/jobs?limit=1x", 400, "");
    get(t, "/api/v1/jobs?limit=", 400, "");
    get(t, "/api/v1/jobs?limit=99999999999999999999", 400, "");
    get(t, "/api/v1/jobs?after=-1", 400, "");
    get(t, "/api/v1/jobs?due_from=tomorrow", 400, "due_from=tomorrow");
    get(t, "/api/v1/jobs?due_from=-5", 400, "out of range");
    t->f.store_away = true;
    get(t, "/api/v1/jobs", 503, "away");
    get(t, "/health/live", 200, "UP");
}

/* Follows `next` to the end and counts. */
static int pages(struct rig *t, int limit, int *ret_calls)
{
    char target[128], after[32] = "0";
    int n = 0;

    for (*ret_calls = 0;; (*ret_calls)++) {
        const char *at, *next;
        struct reply r;

        (void)snprintf(target, sizeof(target), "/api/v1/jobs?limit=%d&after=%s",
                       limit, after);
        raw_call(t->port, "GET", target, "", NULL, &r);
        assert_int_equal(r.status, 200);
        for (at = r.body; (at = strstr(at, "\"jobId\"")) != NULL; at++)
            n++;
        next = strstr(r.body, "\"next\":");
        assert_non_null(next);
        if (strcmp(next, "\"next\":null}") != 0)
            (void)snprintf(after, sizeof(after), "%.*s",
                           (int)strcspn(next + 8, "\""), next + 8);
        else
            after[0] = '\0';
        reply_done(&r);
        if (after[0] == '\0')
            return n;
    }
}

static void pages_have_all(void **state)
{
    struct rig *t = *state;
    int calls;

    for (int64_t id = 1; id <= 300; id++)
        fakehouse_add(&t->f, id, "k", "1", 1);
    assert_int_equal(pages(t, 100, &calls), 300);
    assert_int_equal(calls, 3); /* one more: the last is empty */
    assert_int_equal(pages(t, 299, &calls), 300);
    assert_int_equal(pages(t, 1000, &calls), 300);
    assert_int_equal(calls, 0);
}

/* A page of large jobs is read in small pieces, and shown without them. */
static void large_payloads_are_bounded(void **state)
{
    const size_t size = 2 << 20;
    struct rig *t = *state;
    char *big = calloc(1, size);
    int calls;

    assert_non_null(big);
    for (int64_t id = 1; id <= 40; id++)
        fakehouse_add(&t->f, id, "k", big, size);
    free(big);
    assert_int_equal(pages(t, 1000, &calls), 40);
    assert_true(t->f.list_most <= 32);
    assert_true(t->f.lists > 1);
    get(t, "/api/v1/jobs?limit=1", 200, "\"payloadBytes\":2097152");
    get(t, "/api/v1/jobs/7", 200, "\"payloadBase64\":\"AAAAAAAA");
}

static void one_job(void **state)
{
    struct execution e = {.job_id = 9,
                          .attempt = 1,
                          .version = 4,
                          .outcome = OUTCOME_RETRY,
                          .app = "demo"};
    struct rig *t = *state;

    fakehouse_add(&t->f, INT64_MAX >> 21, "five", "{\"a\":1}", 7);
    get(t, "/api/v1/jobs/4398046511103", 200,
        "{\"jobId\":\"4398046511103\",\"version\":1");
    get(t, "/api/v1/jobs/4398046511103/executions", 200, "{\"executions\":[]}");
    get(t, "/api/v1/jobs/8", 404, "there is no job 8");
    get(t, "/api/v1/jobs/8/executions", 404, "there is no job 8");
    get(t, "/api/v1/jobs/x", 400, "not a job's number");
    get(t, "/api/v1/jobs/0", 400, "");
    get(t, "/api/v1/jobs/-1", 400, "");
    get(t, "/api/v1/jobs/9223372036854775808", 400, "");

    t->f.execution[0] = e;
    e.attempt = 2;
    e.outcome = OUTCOME_DONE;
    t->f.execution[1] = e;
    t->f.executions = 2;
    get(t, "/api/v1/jobs/9", 200, "\"state\":\"SUCCESS\",\"version\":4");
    get(t, "/api/v1/jobs/9/executions", 200, "\"status\":\"FAILED\"");
    get(t, "/api/v1/executions?app=demo&limit=1", 200, "\"attemptNumber\":1");
    get(t, "/api/v1/executions?app=retired", 200, "{\"executions\":[]}");
    get(t, "/api/v1/executions?limit=x", 400, "limit=x");
    get(t, "/api/v1/history?limit=1", 200, "\"next\":\"0-1\"}");
    get(t, "/api/v1/history?limit=1&after=0-1", 200, "\"status\":\"SUCCESS\"");
    get(t, "/api/v1/history?limit=1&after=0-1", 200, "],\"next\":null}");
    get(t, "/api/v1/history?app=demo&from=0", 200, "\"attemptNumber\":2");
    get(t, "/api/v1/history?to=0", 200, "{\"executions\":[],\"next\":null}");
    get(t, "/api/v1/history?after=0-", 400, "after=0-");
    get(t, "/api/v1/history?after=0--1", 400, "after=0--1");
    get(t, "/api/v1/history?after=7", 400, "is not a");
    t->f.executions = 1; /* a retry that nobody is waiting for any more */
    get(t, "/api/v1/jobs/9", 200, "\"state\":\"CANCELED\"");
    t->f.store_away = true;
    get(t, "/api/v1/jobs/9", 503, "away");
    get(t, "/api/v1/jobs/9/executions", 503, "away");
    get(t, "/api/v1/executions", 503, "away");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(health, setup, teardown),
        cmocka_unit_test_setup_teardown(metrics_page, setup, teardown),
        cmocka_unit_test_setup_teardown(status_apps_index, setup, teardown),
        cmocka_unit_test_setup_teardown(reload, setup, teardown),
        cmocka_unit_test_setup_teardown(routes_and_methods, setup, teardown),
        cmocka_unit_test_setup_teardown(lists, setup, teardown),
        cmocka_unit_test_setup_teardown(pages_have_all, setup, teardown),
        cmocka_unit_test_setup_teardown(large_payloads_are_bounded, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(one_job, setup, teardown),
    };

    return cmocka_run_group_tests_name("httpd", tests, NULL, NULL);
}
