/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of ontimectl's commands against the HTTP server on a unix socket, with
 * a fake house behind it (support/fakehouse.h).
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

#include "../../ctl/commands.h"
#include "../support/fakehouse.h"
#include "base/loglevel.h"
#include "httpd/httpd.h"

/* Commands that work on a store are not tested here. */
enum ctl_exit run_backup(struct ctl *c)
{
    return c != NULL ? CTL_REFUSED : CTL_OK;
}

enum ctl_exit run_convert(struct ctl *c)
{
    return c != NULL ? CTL_REFUSED : CTL_OK;
}

enum ctl_exit run_import(struct ctl *c)
{
    return c != NULL ? CTL_REFUSED : CTL_OK;
}

enum ctl_exit run_slots(struct ctl *c)
{
    return c != NULL ? CTL_REFUSED : CTL_OK;
}

struct rig {
    struct fakehouse f;
    struct httpd *h;
    char dir[64], sock[96], url[64];
};

static int setup(void **state)
{
    struct httpd_settings set = {.listen = "127.0.0.1:0", .max_body = 4096};
    struct rig *t = calloc(1, sizeof(*t));
    struct httpd_house house;
    struct err err;

    assert_non_null(t);
    (void)log_set_levels("off", NULL);
    (void)snprintf(t->dir, sizeof(t->dir), "/tmp/ontime-ctl-XXXXXX");
    assert_non_null(mkdtemp(t->dir));
    (void)snprintf(t->sock, sizeof(t->sock), "%s/s", t->dir);
    set.socket = t->sock;
    fakehouse_init(&t->f);
    fakehouse_add(&t->f, 77, "se\x1bven", "{\"a\":[1.10]}", 12);
    house = fakehouse_of(&t->f);
    if (httpd_start(&set, &house, &t->h, &err) < 0)
        fail_msg("%s", err.text);
    (void)snprintf(t->url, sizeof(t->url), "http://%s:%u/", "127.0.0.1",
                   httpd_port(t->h));
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    struct rig *t = *state;

    httpd_stop(&t->h);
    fakehouse_done(&t->f);
    assert_int_equal(rmdir(t->dir), 0);
    free(t);
    return 0;
}

/* ---- running ------------------------------------------------------------- */

static enum ctl_exit run_at(const struct client_settings *where,
                            const char *text, FILE *out)
{
    char copy[512], *argv[32], *rest = copy, *word;
    struct ctl c = {.out = out, .err = out};
    const struct command *cmd;
    struct args args;
    enum ctl_exit x;
    struct err err;
    int argc = 0;

    (void)snprintf(copy, sizeof(copy), "ontimectl %s", text);
    while ((word = strsep(&rest, " ")) != NULL && argc < 32)
        argv[argc++] = word;
    if (args_parse(argc, argv, &args, &err) < 0)
        fail_msg("%s: %s", text, err.text);
    cmd = commands_find(args.command);
    assert_non_null(cmd);
    c.args = &args;
    assert_int_equal(client_new(where, &c.client, &err), 0);
    x = commands_run(cmd, &c);
    client_free(&c.client);
    return x;
}

/* Runs it over the socket or the port: exit code, and a text in its output. */
static void check(const struct client_settings *where, const char *text,
                  enum ctl_exit want, const char *has)
{
    char *out = NULL;
    enum ctl_exit x;
    size_t len;
    FILE *f = open_memstream(&out, &len);

    assert_non_null(f);
    x = run_at(where, text, f);
    fclose(f);
    if (x != want)
        fail_msg("%s: %d, not %d: %s", text, (int)x, (int)want, out);
    if (strstr(out, has) == NULL)
        fail_msg("%s: no %s in %s", text, has, out);
    if (memchr(out, 0x1b, len) != NULL)
        fail_msg("%s: an escape in %s", text, out);
    free(out);
}

static void runs(struct rig *t, const char *text, enum ctl_exit want,
                 const char *has)
{
    const struct client_settings local = {.socket = t->sock};
    const struct client_settings tcp = {.url = t->url};

    check(&local, text, want, has);
    check(&tcp, text, want, has);
}

/* ---- tests --------------------------------------------------------------- */

static void looking(void **state)
{
    struct execution e = {.job_id = 77, .attempt = 1, .app = "demo"};
    struct rig *t = *state;

    t->f.execution[0] = e;
    t->f.executions = 1;
    runs(t, "status", CTL_OK, "version  0\n");
    runs(t, "apps", CTL_OK, "\ndemo ");
    runs(t, "apps", CTL_OK, "\nretired  -       -        not configured");
    runs(t, "apps --json", CTL_OK, "{\"apps\":[{\"name\":\"demo\"}],\"co");
    runs(t, "jobs", CTL_OK, "se\\u001bven");
    runs(t, "jobs --app demo --state CREATED --due-from 0 --due-to 78", CTL_OK,
         "77");
    runs(t, "jobs --app strange", CTL_REFUSED, "no app \"strange\"");
    runs(t, "jobs --app strange --json", CTL_REFUSED, "{\"type\":\"about:");
    runs(t, "job 77", CTL_OK, "payload\n{\"a\":[1.10]}\n\nexecutions\nJOB");
    runs(t, "job 77 --json", CTL_OK, "\"payload\":{\"a\":[1.10]}}\n{\"exec");
    runs(t, "job 78", CTL_REFUSED, "answers 404: there is no job 78");
    runs(t, "executions --app demo --limit 5", CTL_OK, "SUCCESS");
    runs(t, "metrics", CTL_OK, "# TYPE ontime_");
    runs(t, "health", CTL_OK, "UP\n");
    t->f.why = "the store is away";
    runs(t, "health", CTL_REFUSED, "answers 503: the store is away");
}

static void pages(void **state)
{
    struct rig *t = *state;

    for (int64_t id = 1001; id <= 2120; id++)
        fakehouse_add(&t->f, id, "k", "1", 1);
    runs(t, "jobs", CTL_OK, "there are more");
    runs(t, "jobs --limit 5", CTL_OK, "1004");
    runs(t, "jobs --limit 1050", CTL_OK, "there are more");
    runs(t, "jobs --all", CTL_OK, "2120");
    runs(t, "jobs --limit 2000", CTL_OK, "2120");
}

static void changing(void **state)
{
    struct rig *t = *state;

    runs(t, "cancel 77", CTL_OK, "canceled: job 77\n");
    runs(t, "cancel --app demo --key a&b", CTL_OK, "app demo, key a&b\n");
    assert_string_equal(t->f.change_key, "a&b");
    runs(t, "reschedule 77 --at 2026-01-31T10:00:00Z", CTL_OK,
         "rescheduled: job 77, due 2026-01-31T10:00:00.000Z\n");
    assert_int_equal(t->f.change.due_ms, 1769853600000);
    runs(t, "reschedule 77 --in 1h", CTL_OK, "rescheduled");
    runs(t, "run 77", CTL_OK, "due now: job 77\n");
    t->f.verdict = VERDICT_LATE;
    runs(t, "run 77", CTL_REFUSED, "answers 409: the job is running");
    t->f.verdict = VERDICT_NONE;
    runs(t, "cancel 77", CTL_OK, "not yet decided");
    runs(t, "reload", CTL_OK, "reloaded\n");
    t->f.reload_code = -EINVAL;
    t->f.report = "scheduler.cfg:3: no such setting";
    runs(t, "reload", CTL_REFUSED, "refused\n  scheduler.cfg:3: no such");
    /* What the fake takes for a job lacks what it wants: it says so. */
    runs(t, "schedule --app demo --in 5s --data {}", CTL_REFUSED,
         "answers 400: scheduledTime is missing");
}

static void wrong_usage(void **state)
{
    struct rig *t = *state;

    runs(t, "job", CTL_USAGE, "job takes ID");
    runs(t, "job x", CTL_USAGE, "not a job's number");
    runs(t, "status 5", CTL_USAGE, "status takes nothing");
    runs(t, "status --app x", CTL_USAGE, "does not take --app");
    runs(t, "jobs --limit 0", CTL_USAGE, "--limit 0");
    runs(t, "cancel", CTL_USAGE, "either");
    runs(t, "cancel 5 --app x --key y", CTL_USAGE, "either");
    runs(t, "cancel --app x", CTL_USAGE, "either");
    runs(t, "reschedule 5", CTL_USAGE, "--at and --in");
    runs(t, "schedule --app x --in 5s", CTL_USAGE, "--data is needed");
    runs(t, "schedule --app x --in 5s --data @/nowhere", CTL_USAGE, "/nowhere");
    assert_int_equal(t->f.puts, 0);
}

static void nobody_there(void **state)
{
    const struct client_settings none = {.socket = "/tmp/ontime-none/x"};
    const struct client_settings port = {.url = "http://127.0.0.1:1"};

    (void)state;
    check(&none, "status", CTL_UNREACHABLE,
          "cannot reach the daemon at /tmp/ontime-none/x: No such file");
    check(&none, "status", CTL_UNREACHABLE, "-s SOCKET");
    check(&port, "status", CTL_UNREACHABLE, "127.0.0.1:1: Connection refused");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(looking, setup, teardown),
        cmocka_unit_test_setup_teardown(pages, setup, teardown),
        cmocka_unit_test_setup_teardown(changing, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_usage, setup, teardown),
        cmocka_unit_test(nobody_there),
    };

    return cmocka_run_group_tests_name("ctl/commands", tests, NULL, NULL);
}
