/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of ontimectl's parts: the command line, what is sent, what is printed.
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

#include "../../ctl/args.h"
#include "../../ctl/build.h"
#include "../../ctl/input.h"
#include "../../ctl/print.h"
#include "../../ctl/view.h"

/* ---- the command line ---------------------------------------------------- */

static int words(struct args *a, struct err *err, const char *text)
{
    static char copy[512];
    char *argv[32], *rest = copy, *word;
    int argc = 0;

    (void)snprintf(copy, sizeof(copy), "ontimectl %s", text);
    while ((word = strsep(&rest, " ")) != NULL && argc < 32)
        argv[argc++] = word;
    return args_parse(argc, argv, a, err);
}

static void options(void **state)
{
    struct args a;
    struct err err;

    (void)state;
    assert_int_equal(words(&a, &err, "-s /x jobs --app=a -n5 --json --key k"),
                     0);
    assert_string_equal(a.command, "jobs");
    assert_string_equal(a.opt[OPT_SOCKET], "/x");
    assert_string_equal(a.opt[OPT_APP], "a");
    assert_string_equal(a.opt[OPT_LIMIT], "5");
    assert_string_equal(a.opt[OPT_KEY], "k");
    assert_non_null(a.opt[OPT_JSON]);
    assert_null(a.opt[OPT_ALL]);
    assert_int_equal(a.operands, 0);
    assert_int_equal(words(&a, &err, "job -- -5"), 0);
    assert_string_equal(a.operand[0], "-5");
    assert_int_equal(words(&a, &err, "schedule -d -"), 0);
    assert_string_equal(a.opt[OPT_DATA], "-");
    assert_int_equal(words(&a, &err, "schedule --data="), 0);
    assert_string_equal(a.opt[OPT_DATA], "");
}

static void wrong(const char *text, const char *why)
{
    struct args a;
    struct err err;

    assert_int_equal(words(&a, &err, text), -EINVAL);
    if (strstr(err.text, why) == NULL)
        fail_msg("%s: %s", text, err.text);
}

static void wrong_options(void **state)
{
    struct args a;
    struct err err;

    (void)state;
    wrong("--nothing", "no option --nothing");
    wrong("--ap x", "no option --ap");
    wrong("-x", "no option -x");
    wrong("jobs --app", "--app needs NAME");
    wrong("jobs --json=1", "takes no value");
    wrong("jobs --app a -a b", "twice");
    wrong("-s a -u b", "exclude");
    wrong("job 1 2 3 4", "4 is too much");
    assert_int_equal(words(&a, &err, "status --json --app x"), 0);
    assert_int_equal(args_foreign(&a, 0), OPT_APP);
    assert_int_equal(args_foreign(&a, OPT_BIT(OPT_APP)), OPTS);
}

/* ---- what is sent -------------------------------------------------------- */

static void addresses(void **state)
{
    struct buf b = BUF_INIT(1000);
    struct err err;

    (void)state;
    assert_int_equal(build_job_path(&b, "12", "/run", &err), 0);
    assert_string_equal(buf_cstr(&b), "/api/v1/jobs/12/run");
    buf_reset(&b);
    assert_int_equal(build_job_path(&b, "../x", "", &err), -EINVAL);
    assert_int_equal(build_job_path(&b, "", "", &err), -EINVAL);
    buf_reset(&b);
    buf_adds(&b, "/j");
    build_param(&b, "app", "a&b=c d/\xc3\xa9");
    build_param(&b, "none", NULL);
    build_param(&b, "x", "~-._");
    assert_string_equal(buf_cstr(&b), "/j?app=a%26b%3Dc%20d%2F%C3%A9&x=~-._");
    buf_done(&b);
}

static void schedules(const char *text, const char *data, const char *want)
{
    struct buf b = BUF_INIT(4096);
    struct args a;
    struct err err;
    int r;

    assert_int_equal(words(&a, &err, text), 0);
    r = build_schedule(&b, &a, (struct span){data, strlen(data)}, 1769853600000,
                       &err);
    if (*want == '{') {
        assert_int_equal(r, 0);
        assert_string_equal(buf_cstr(&b), want);
    } else {
        assert_int_equal(r, -EINVAL);
        if (strstr(err.text, want) == NULL)
            fail_msg("%s: %s", text, err.text);
    }
    buf_done(&b);
}

static void jobs_are_made(void **state)
{
    (void)state;
    schedules("schedule --app a --in 5s", "{\"n\":9007199254740993}",
              "{\"appName\":\"a\",\"scheduledTime\":"
              "\"2026-01-31T10:00:05.000Z\","
              "\"jobData\":{\"n\":9007199254740993}}");
    schedules("schedule --app a\"b --at noon --key k --priority HIGH "
              "--idempotency-key i",
              "{}",
              "{\"appName\":\"a\\\"b\",\"scheduledTime\":\"noon\","
              "\"jobKey\":\"k\",\"priority\":\"HIGH\","
              "\"idempotencyKey\":\"i\",\"jobData\":{}}");
    schedules("schedule --in 5s", "{}", "--app is needed");
    schedules("schedule --app a", "{}", "--at and --in");
    schedules("schedule --app a --at x --in 5s", "{}", "--at and --in");
    schedules("schedule --app a --in soon", "{}", "--in soon");
    schedules("schedule --app a --in -5s", "{}", "--in -5s");
    schedules("schedule --app a --in 5s --priority x", "{}", "--priority x");
    schedules("schedule --app a --in 5s", "[1]", "--data is not a JSON object");
    schedules("schedule --app a --in 5s", "", "--data is not a JSON object");
    schedules("schedule --app a --in 5s", "{\"a\":1}}", "--data");
}

static void data_from_files(void **state)
{
    char path[] = "/tmp/ontime-ctl-XXXXXX", spec[64];
    struct buf b = BUF_INIT(10);
    struct err err;
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "{\"a\":1}", 7), 7);
    (void)snprintf(spec, sizeof(spec), "@%s", path);
    assert_int_equal(input_data(spec, &b, &err), 0);
    assert_string_equal(buf_cstr(&b), "{\"a\":1}");
    assert_int_equal(write(fd, "        ", 8), 8);
    buf_reset(&b);
    assert_int_equal(input_data(spec, &b, &err), -EMSGSIZE);
    close(fd);
    unlink(path);
    buf_reset(&b);
    assert_int_equal(input_data(spec, &b, &err), -ENOENT);
    assert_non_null(strstr(err.text, path));
    assert_int_equal(input_data(NULL, &b, &err), -EINVAL);
    assert_int_equal(input_data("{}", &b, &err), 0);
    assert_string_equal(buf_cstr(&b), "{}");
    buf_done(&b);
}

/* ---- what is printed ----------------------------------------------------- */

static void clean_is(const char *text, size_t len, bool lines, const char *want)
{
    struct buf b = BUF_INIT(1000);

    print_clean(&b, text, len, lines);
    assert_string_equal(buf_cstr(&b), want);
    buf_done(&b);
}

static void terminals_are_safe(void **state)
{
    (void)state;
    clean_is("a\x1b[2Jb", 6, true, "a\\u001b[2Jb");
    clean_is("a\nb\tc\rd", 7, true, "a\nb\tc\\u000dd");
    clean_is("a\nb\tc", 5, false, "a\\u000ab\\u0009c");
    clean_is("\0\x7f", 2, true, "\\u0000\\u007f");
    clean_is("\xc2\x9b"
             "1m",
             4, true, "\\u009b1m");               /* C1 */
    clean_is("\xe2\x80\xae", 3, true, "\\u202e"); /* right to left */
    clean_is("\x9b\xff", 2, true, "\\x9b\\xff");  /* not UTF-8 */
    clean_is("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9, true,
             "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
}

/* What print writes to a file. */
static char *printed(void (*print)(FILE *f, void *arg), void *arg)
{
    char *text = NULL;
    size_t len;
    FILE *f = open_memstream(&text, &len);

    assert_non_null(f);
    print(f, arg);
    fclose(f);
    return text;
}

static void print_table(FILE *f, void *arg)
{
    (void)arg;
    table_print(arg, f, true);
}

static void columns(void **state)
{
    static const char *const names[] = {"NAME", ">N", "LAST"};
    static const char *const rows[][3] = {
        {"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9x", "1", "a\nb"},
        {"y", "1000", NULL}};
    struct table t;
    char *text;

    (void)state;
    table_init(&t, names, 3);
    table_add(&t, rows[0]);
    table_add(&t, rows[1]);
    text = printed(print_table, &t);
    assert_string_equal(text, "NAME      N  LAST\n"
                              "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9x     1  "
                              "a\\u000ab\n"
                              "y      1000  -\n");
    free(text);
    table_done(&t);
}

static void long_cells_are_cut(void **state)
{
    static const char *const names[] = {"A"};
    char big[201] = {0};
    const char *row[] = {big};
    struct table t;

    (void)state;
    memset(big, 'x', sizeof(big) - 1);
    table_init(&t, names, 1);
    table_add(&t, row);
    assert_int_equal(strlen(t.cells[0]), 60);
    assert_string_equal(t.cells[0] + 57, "...");
    table_done(&t);
    table_init(&t, names, 1);
    t.whole = true;
    for (int i = 0; i < 100; i++)
        table_add(&t, row);
    assert_string_equal(t.cells[99], big);
    table_done(&t);
}

static void times(void **state)
{
    static const struct {
        int64_t ms;
        const char *want;
    } rows[] = {
        {0, "now"},
        {1, "in 1ms"},
        {-999, "999ms late"},
        {3250, "in 3.2s"},
        {60000, "in 1m"},
        {-310000, "5m 10s late"},
        {7500000, "in 2h 5m"},
        {273600000, "in 3d 4h"},
    };
    char out[PRINT_TIME];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        print_relative(rows[i].ms, out);
        assert_string_equal(out, rows[i].want);
    }
}

struct view {
    const char *text;
    const char *what;
};

static void view(FILE *f, void *arg)
{
    const struct view *v = arg;
    cJSON *doc = cJSON_Parse(v->text);
    struct span text = {v->text, strlen(v->text)};

    if (strcmp(v->what, "tree") == 0)
        view_tree(f, doc);
    else if (strcmp(v->what, "jobs") == 0)
        view_jobs(f, doc, 1000, true);
    else if (strcmp(v->what, "job") == 0)
        view_job(f, doc, text, 1000);
    else if (strcmp(v->what, "apps") == 0)
        view_apps(f, doc);
    else if (strcmp(v->what, "executions") == 0)
        view_executions(f, doc);
    else if (strcmp(v->what, "change") == 0)
        view_change(f, doc);
    else
        view_problem(f, 409, doc, text);
    cJSON_Delete(doc);
}

static void shows(const char *what, const char *text, const char *want)
{
    struct view v = {text, what};
    char *out = printed(view, &v);

    if (strstr(out, want) == NULL)
        fail_msg("no %s in %s", want, out);
    free(out);
}

static void answers(void **state)
{
    (void)state;
    shows("tree", "{\"a\":{\"b\":1.5,\"c\":[true,{\"d\":\"x\\u001b\"}]}}",
          "a.b       1.5\na.c[0]    true\na.c[1].d  x\\u001b\n");
    shows("jobs",
          "{\"jobs\":[{\"jobId\":\"5\",\"app\":\"a\",\"keyBase64\":\"/w==\","
          "\"attempt\":2,\"dueTimeMs\":6000}]}",
          "5    a    /w==  -      -               2  -    in 5.0s\n");
    shows(
        "apps",
        "{\"apps\":[{\"name\":\"a\",\"queued\":5}],"
        "\"counts\":[{\"app\":\"b\"},{\"app\":\"a\",\"pending\":7,"
        "\"dead\":8}]}",
        "a    -       -        -                     7       5     -          "
        "-        -     8         -\n"
        "b    -       -        not configured        -");
    shows("executions",
          "{\"executions\":[{\"jobId\":\"5\",\"attemptNumber\":1,"
          "\"scheduledTimeMs\":1000,\"startTimeMs\":1002,\"durationMs\":3,"
          "\"errorMessage\":null}]}",
          "2ms   3ms  -\n");
    shows("job", "{\"jobId\":\"5\",\"dueTimeMs\":1,\"payload\":[1,1.10,\n2]}",
          "jobId  5\npayload\n[1,1.10,\n2]\n");
    shows("job", "{\"key\":\"k\",\"payloadBase64\":\"AA==\"}",
          "key            k\npayloadBase64  AA==\n");
    shows("change",
          "{\"message\":\"canceled\",\"data\":{\"jobId\":\"5\","
          "\"key\":\"k\\u001b\"}}",
          "canceled: job 5, key k\\u001b\n");
    shows("change", "{\"message\":\"reloaded\",\"data\":{\"report\":[\"x\"]}}",
          "reloaded\n  x\n");
    shows("problem",
          "{\"detail\":\"too \\u001blate\",\"report\":[\"x\",\"y\"]}",
          "ontimectl: the daemon answers 409: too \\u001blate\n  x\n  y\n");
    shows("problem", "<html>", "answers 409: <html>\n");
    /* Answers that are not what they should be are survived. */
    shows("jobs", "{\"jobs\":7}", "JOB");
    shows("jobs", "[1,{\"jobs\":[[],null,{\"jobId\":{}}]}]", "JOB");
    shows("apps", "null", "APP");
    shows("executions", "{\"executions\":[{\"durationMs\":-1e300}]}", "JOB");
    shows("change", "{}", "\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options),         cmocka_unit_test(wrong_options),
        cmocka_unit_test(addresses),       cmocka_unit_test(jobs_are_made),
        cmocka_unit_test(data_from_files), cmocka_unit_test(terminals_are_safe),
        cmocka_unit_test(columns),         cmocka_unit_test(long_cells_are_cut),
        cmocka_unit_test(times),           cmocka_unit_test(answers),
    };

    return cmocka_run_group_tests_name("ctl", tests, NULL, NULL);
}
