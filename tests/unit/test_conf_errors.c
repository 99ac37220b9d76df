/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_conf_errors.c - what conf says about what is wrong.
 *
 * tests/fixtures/conf/bad/NAME.cfg say themselves, in lines "#! ...", what the
 * whole report on them must be, with FILE for their path.
 */
#include "config.h"

#include "conf/conf.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/buf.h"
#include "conf_load.h"

static void add_replaced(struct buf *out, const char *line, const char *path)
{
    const char *at;

    while ((at = strstr(line, "FILE")) != NULL) {
        buf_add(out, line, (size_t)(at - line));
        buf_adds(out, path);
        line = at + strlen("FILE");
    }
    buf_adds(out, line);
}

static void expected_report(const char *path, struct buf *out)
{
    FILE *f = fopen(path, "re");
    char *line = NULL;
    size_t cap = 0;

    assert_non_null(f);
    while (getline(&line, &cap, f) > 0) {
        if (strncmp(line, "#! ", 3) == 0)
            add_replaced(out, line + 3, path);
    }
    free(line);
    (void)fclose(f);
}

/* The lines of a report in order of their text: checks come after the files. */
static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static char *sorted(const char *report)
{
    char *lines[100];
    char *copy = strdup(report), *save = NULL;
    struct buf out = BUF_INIT(100000);
    size_t n = 0;

    assert_non_null(copy);
    for (char *l = strtok_r(copy, "\n", &save); l != NULL && n < 100;
         l = strtok_r(NULL, "\n", &save))
        lines[n++] = l;
    qsort(lines, n, sizeof(lines[0]), by_text);
    for (size_t i = 0; i < n; i++)
        buf_addf(&out, "%s\n", lines[i]);
    free(copy);
    copy = strdup(buf_cstr(&out));
    buf_done(&out);
    return copy;
}

static void check_bad_file(const char *path)
{
    struct buf want = BUF_INIT(100000);
    struct loaded l = load_file(path, NULL);
    char *a, *b;

    expected_report(path, &want);
    a = sorted(buf_cstr(&want));
    b = sorted(l.report);
    assert_string_equal(b, a);
    assert_int_equal(l.r, -EINVAL);
    assert_null(l.c);
    assert_memory_equal(l.report, l.err.text,
                        strcspn(l.report, "\n") < 400 ? strcspn(l.report, "\n")
                                                      : 400);
    free(a);
    free(b);
    buf_done(&want);
    loaded_done(&l);
}

static void bad_files(void **state)
{
    char dir[500], path[800];
    struct dirent *e;
    unsigned n = 0;
    DIR *d;

    (void)state;
    d = opendir(in_tree(dir, sizeof(dir), "tests/fixtures/conf/bad"));
    assert_non_null(d);
    while ((e = readdir(d)) != NULL) {
        if (e->d_name[0] == '.')
            continue;
        (void)snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
        check_bad_file(path);
        n++;
    }
    (void)closedir(d);
    assert_true(n >= 9);
}

static void a_name_defined_twice(void **state)
{
    char path[500], want[2000];
    struct loaded l = load_file(
        in_tree(path, sizeof(path), "tests/fixtures/conf/twice/scheduler.cfg"),
        NULL);
    int dir = (int)(strrchr(path, '/') - path);

    (void)state;
    (void)snprintf(want, sizeof(want),
                   "%.*s/apps.d/a.cfg:2: apps.log: defined twice: also at "
                   "%s:2\n"
                   "%.*s/apps.d/b.cfg:1: sources.s: defined twice: also at "
                   "%s:4\n",
                   dir, path, path, dir, path, path);
    assert_string_equal(l.report, want);
    assert_int_equal(l.r, -EINVAL);
    loaded_done(&l);
}

static void only_apps_and_sources_beside(void **state)
{
    char path[500], want[2000];
    struct loaded l = load_file(
        in_tree(path, sizeof(path), "tests/fixtures/conf/stray/scheduler.cfg"),
        NULL);
    int dir = (int)(strrchr(path, '/') - path);

    (void)state;
    (void)snprintf(want, sizeof(want),
                   "%.*s/apps.d/a.cfg:1: kafka: only apps and sources may "
                   "stand in apps.d; this belongs into the main file\n"
                   "%.*s/apps.d/a.cfg:2: timezone: only apps and sources may "
                   "stand in apps.d; this belongs into the main file\n",
                   dir, path, dir, path);
    assert_string_equal(l.report, want);
    loaded_done(&l);
}

static void bad_overrides(void **state)
{
    struct loaded l =
        LOAD("kafka.url=x", "nonsense", "=x", "kafka=1", "apps.a=1",
             "apps..plugin=p", "store.sync_full=yes", "apps.a.settings.=1",
             "apps.9.plugin=p", "commit.linger=5 parsecs");

    (void)state;
    assert_int_equal(l.r, -EINVAL);
    assert_string_equal(
        l.report,
        "-o: kafka.url: no such setting; did you mean store.url?\n"
        "-o: \"nonsense\" is not of the form path=value\n"
        "-o: \"=x\" is not of the form path=value\n"
        "-o: kafka: is a group of settings, not one\n"
        "-o: apps.a: is a group of settings, not one\n"
        "-o: apps..plugin: no such setting; did you mean apps.*.plugin?\n"
        "-o: store.sync_full: expected true or false, found \"yes\"\n"
        "-o: apps.a.settings.: the name of a plugin's setting is a letter, "
        "then up to 63 of A-Z a-z 0-9 _ -\n"
        "-o: \"9\": the name of a block is a letter, then up to 63 of A-Z a-z "
        "0-9 _ -\n"
        "-o: commit.linger: expected a time such as \"5s\" (ms, s, min, h, d; "
        "a number alone is ms) from 0ms to 1s, found \"5 parsecs\"\n"
        "-o: apps.a.plugin: must be set: the plugin's file in plugins.dir "
        "without .so\n");
    loaded_done(&l);
}

/* What follows from not having read a file would only hide it. */
static void a_file_that_is_not_read_is_all_there_is(void **state)
{
    static const char *const over[] = {"apps.sms.retry.first=1s", NULL};
    char path[500], want[600];
    struct loaded l = load_file(
        in_tree(path, sizeof(path), "tests/fixtures/conf/bad/syntax.cfg"),
        over);

    (void)state;
    (void)snprintf(want, sizeof(want), "%s:2: syntax error\n", path);
    assert_string_equal(l.report, want);
    loaded_done(&l);
}

static void too_many_delays(void **state)
{
    struct buf text = BUF_INIT(1000);
    struct loaded l;

    (void)state;
    buf_adds(&text, "apps.a.retry.delays=1s");
    for (int i = 1; i < 32; i++)
        buf_adds(&text, ",2s");
    l = LOAD("apps.a.plugin=p", buf_cstr(&text));
    assert_string_equal(l.report, "");
    assert_int_equal(l.c->apps[0].backoff_table_len, 32);
    loaded_done(&l);
    buf_adds(&text, ",2s");
    l = LOAD("apps.a.plugin=p", buf_cstr(&text));
    assert_non_null(strstr(l.report, "expected a list of up to 32 times"));
    loaded_done(&l);
    buf_done(&text);
}

static void a_missing_file(void **state)
{
    struct loaded l = load_file("/nonexistent/x.cfg", NULL);

    (void)state;
    assert_int_equal(l.r, -ENOENT);
    assert_string_equal(l.report,
                        "/nonexistent/x.cfg: No such file or directory\n");
    assert_string_equal(l.err.text,
                        "/nonexistent/x.cfg: No such file or directory");
    loaded_done(&l);
}

/* libconfig itself would end the process at this. */
static void a_directory(void **state)
{
    struct loaded l = load_file("/tmp", NULL);

    (void)state;
    assert_int_equal(l.r, -EINVAL);
    assert_string_equal(l.report, "/tmp: Is a directory\n");
    loaded_done(&l);
}

static void not_a_text(void **state)
{
    static const char nul[] = "cluster = \"a\";\0x";
    static char large[(1 << 20) + 10];
    struct loaded l;
    char path[32];

    (void)state;
    make_file(path, nul, sizeof(nul) - 1);
    l = load_file(path, NULL);
    (void)unlink(path);
    assert_non_null(strstr(l.report, "not a text: it has a NUL byte"));
    loaded_done(&l);
    memset(large, '\n', sizeof(large));
    make_file(path, large, sizeof(large));
    l = load_file(path, NULL);
    (void)unlink(path);
    assert_non_null(strstr(l.report, "larger than 1 MB"));
    assert_int_equal(l.r, -EINVAL);
    loaded_done(&l);
}

static void utf8_only(void **state)
{
    struct loaded l = load_text("timezone = \"\xff\";");

    (void)state;
    assert_non_null(strstr(l.report, ":1: timezone: not valid UTF-8\n"));
    loaded_done(&l);
}

/* Neither values of lists nor URLs with a user are repeated. */
static void secrets_are_not_repeated(void **state)
{
    struct loaded l =
        load_text("kafka: { common = \"sasl.password=hush\"; producer = "
                  "[\"Sasl.Password=hush\"]; };\n"
                  "store: { url = \"mysql://u:hush@h/db\"; };");

    (void)state;
    assert_int_equal(l.r, -EINVAL);
    assert_null(strstr(l.report, "hush"));
    assert_non_null(strstr(l.report, "\"Sasl.Password\": not of the form"));
#ifdef HAVE_MYSQL
    assert_non_null(strstr(l.report, "\"mysql\": no password here"));
#endif
    loaded_done(&l);
}

static void a_long_report_ends(void **state)
{
    struct buf text = BUF_INIT(1 << 20);
    struct loaded l;
    size_t n;

    (void)state;
    for (int i = 0; i < 5000; i++)
        buf_addf(&text, "unknown_%d = 1;\n", i);
    l = load_text(buf_cstr(&text));
    n = strlen(l.report);
    assert_true(n > 60000 && n < 65536);
    assert_non_null(strstr(l.report, "\nmore is wrong, but not listed\n"));
    assert_int_equal(l.report[n - 1], '\n');
    buf_done(&text);
    loaded_done(&l);
}

/* Whatever is quoted in a line, it stays one line. */
static void a_line_is_a_line(void **state)
{
    struct loaded l = LOAD("a\nb=1", "log.level=x\ny");

    (void)state;
    assert_string_equal(
        l.report,
        "-o: a b: no such setting\n"
        "-o: log.level: \"x\\ny\": not a list of levels, such as info or "
        "info,store=debug (debug, info, warn, error, off)\n");
    loaded_done(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_files),
        cmocka_unit_test(a_name_defined_twice),
        cmocka_unit_test(only_apps_and_sources_beside),
        cmocka_unit_test(bad_overrides),
        cmocka_unit_test(a_file_that_is_not_read_is_all_there_is),
        cmocka_unit_test(too_many_delays),
        cmocka_unit_test(a_missing_file),
        cmocka_unit_test(a_directory),
        cmocka_unit_test(not_a_text),
        cmocka_unit_test(utf8_only),
        cmocka_unit_test(secrets_are_not_repeated),
        cmocka_unit_test(a_long_report_ends),
        cmocka_unit_test(a_line_is_a_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
