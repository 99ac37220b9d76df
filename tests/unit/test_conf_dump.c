/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_conf_dump.c - what conf shows to people: the dump, which
 * makes the same snapshot again, the reference, and secrets.
 */
#include "config.h"

#include "conf/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conf/table.h"
#include "conf_load.h"

static char *dump_of(const struct conf *c)
{
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);

    assert_non_null(f);
    assert_int_equal(conf_dump(c, f), 0);
    assert_int_equal(fclose(f), 0);
    return text;
}

/* Cuts the comments, which tell where a value came from. */
static void without_origins(char *text)
{
    char *out = text;

    for (const char *p = text; *p != '\0'; p++) {
        if (strncmp(p, "; # ", 4) == 0)
            p += strcspn(p, "\n");
        *out++ = *p;
    }
    *out = '\0';
}

static void loads_again(const struct loaded *one)
{
    char *first, *second;
    struct loaded two;

    assert_string_equal(one->report, "");
    assert_non_null(one->c);
    first = dump_of(one->c);
    two = load_text(first);
    assert_string_equal(two.report, "");
    assert_non_null(two.c);
    assert_null(conf_needs_restart(one->c, two.c));
    assert_int_equal(one->c->app_count, two.c->app_count);
    assert_int_equal(one->c->source_count, two.c->source_count);
    for (size_t i = 0; i < two.c->app_count; i++)
        assert_true(conf_app_same(&one->c->apps[i], &two.c->apps[i]));
    for (size_t i = 0; i < two.c->source_count; i++)
        assert_true(conf_source_same(&one->c->sources[i], &two.c->sources[i]));
    second = dump_of(two.c);
    without_origins(first);
    without_origins(second);
    assert_string_equal(first, second);
    free(first);
    free(second);
    loaded_done(&two);
}

static void a_dump_loads_again(void **state)
{
    static const char *const files[] = {
        "etc/scheduler.cfg", "tests/fixtures/conf/full/scheduler.cfg"};
    char path[500];

    (void)state;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        struct loaded l =
            load_file(in_tree(path, sizeof(path), files[i]), NULL);

        loads_again(&l);
        loaded_done(&l);
    }
}

static void odd_values_load_again(void **state)
{
    struct loaded l = LOAD(
        "apps.a.plugin=p", "apps.a.rate=0.1", "apps.a.name=9.x",
        "apps.a.settings.s=\x01\n\"\\#;\x7f\xc3\xa9",
        "apps.a.settings.e=", "apps.a.retry.factor=1.0000000000000002",
        "apps.b.plugin=p", "apps.b.rate=1e7", "apps.b.retry.jitter=1e-9",
        "apps.b.retry.delays=1,1000,61s,2h,30d", "sched.window_bytes=1048577",
        "kafka.common=a=,b=\\\\\\,\"", "plugins.dir=a\tb");

    (void)state;
    loads_again(&l);
    loaded_done(&l);
}

static void defaults_load_again(void **state)
{
    struct loaded l = load_file(NULL, NULL);

    (void)state;
    loads_again(&l);
    loaded_done(&l);
}

static void a_dump_tells_where_values_came_from(void **state)
{
    static const char *const over[] = {"stop.drain=1s", NULL};
    static char variable[] = "ONTIME_CLUSTER=blue";
    static char *const env[] = {variable, NULL};
    struct conf_input in = {
        .overrides = over, .override_count = 1, .environ = env};
    char path[500], want[600];
    struct loaded l;
    char *text;

    (void)state;
    in.file = in_tree(path, sizeof(path), "etc/scheduler.cfg");
    l = load_input(&in);
    text = dump_of(l.c);
    assert_non_null(strstr(text, "    drain = \"1s\"; # -o\n"));
    assert_non_null(
        strstr(text, "cluster = \"blue\"; # environment ONTIME_CLUSTER\n"));
    assert_non_null(strstr(text, "    max_workers = 64; # default\n"));
    assert_non_null(strstr(text, "            max_attempts = 6; # derived\n"));
    (void)snprintf(want, sizeof(want),
                   "    bootstrap_servers = \"localhost:9092\"; # %s:9\n",
                   path);
    assert_non_null(strstr(text, want));
    free(text);
    loaded_done(&l);
}

/* The origin is in a comment, which a file's name must not be able to end. */
static void a_name_cannot_leave_its_comment(void **state)
{
    static const char text[] = "cluster = \"x\";";
    char path[] = "/tmp/test_conf\ncluster = \"y\"; # XXXXXX";
    int fd = mkstemp(path);
    struct loaded one, two;
    char *dump;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd);
    one = load_file(path, NULL);
    (void)unlink(path);
    dump = dump_of(one.c);
    two = load_text(dump);
    assert_string_equal(two.report, "");
    assert_string_equal(two.c->cluster, "x");
    free(dump);
    loaded_done(&one);
    loaded_done(&two);
}

static void secrets_are_not_shown(void **state)
{
    struct loaded l =
        LOAD("kafka.common=sasl.password=hush,ssl.key.password=file:/k",
             "sources.s.consumer=sasl.oauthbearer.client.secret=hush",
             "apps.a.plugin=p", "apps.a.settings.apiToken=hush",
             "apps.a.settings.password=env:PW", "apps.a.settings.user=joe");
    char *text;

    (void)state;
    assert_string_equal(l.report, "");
    text = dump_of(l.c);
    assert_null(strstr(text, "hush"));
    assert_non_null(
        strstr(text, "[\"sasl.password=***\", \"ssl.key.password=file:/k\"]"));
    assert_non_null(strstr(text, "[\"sasl.oauthbearer.client.secret=***\"]"));
    assert_non_null(strstr(text, "apiToken = \"***\";"));
    assert_non_null(strstr(text, "password = \"env:PW\";"));
    assert_non_null(strstr(text, "user = \"joe\";"));
    free(text);
    loaded_done(&l);
}

static void a_full_disk_is_told(void **state)
{
    struct loaded l = load_file(NULL, NULL);
    FILE *f = fopen("/dev/full", "we");

    (void)state;
    assert_non_null(f);
    assert_int_equal(conf_dump(l.c, f), -EIO);
    assert_int_equal(conf_reference(f, true), -EIO);
    (void)fclose(f);
    loaded_done(&l);
}

/* ---- the reference --------------------------------------------------------- */

static char *reference(bool markdown)
{
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);

    assert_non_null(f);
    assert_int_equal(conf_reference(f, markdown), 0);
    assert_int_equal(fclose(f), 0);
    return text;
}

static void every_row_is_in_the_reference(void **state)
{
    char *plain = reference(false), *md = reference(true);

    (void)state;
    assert_true(conf_row_count > 60);
    for (size_t i = 0; i < conf_row_count; i++) {
        char want[300];

        (void)snprintf(want, sizeof(want), "\n%s\n    ", conf_rows[i].path);
        assert_non_null(strstr(plain, want));
        (void)snprintf(want, sizeof(want), "\n| `%s` | ", conf_rows[i].path);
        assert_non_null(strstr(md, want));
        assert_non_null(conf_rows[i].text);
        assert_null(strchr(conf_rows[i].text, '|'));
    }
    free(plain);
    free(md);
}

static void the_manual_is_up_to_date(void **state)
{
    char path[500];
    FILE *f = fopen(in_tree(path, sizeof(path), "docs/settings.md"), "re");
    char *md = reference(true);
    char *text = calloc(1, 200000);

    (void)state;
    assert_non_null(f);
    assert_non_null(text);
    assert_true(fread(text, 1, 199999, f) > 0);
    assert_string_equal(text, md);
    (void)fclose(f);
    free(text);
    free(md);
}

/* ---- secrets ---------------------------------------------------------------- */

static void secret_is(const char *value, const char *want)
{
    char *got = NULL;

    assert_int_equal(conf_secret(value, &got, NULL), 0);
    assert_string_equal(got, want);
    free(got);
}

static void secret_fails(const char *value, int code, const char *text)
{
    struct err err = {0};
    char *got = NULL;

    assert_int_equal(conf_secret(value, &got, &err), code);
    assert_null(got);
    assert_non_null(strstr(err.text, text));
}

static void secrets_stand_elsewhere(void **state)
{
    static char large[65540];
    char path[40] = "file:";

    (void)state;
    secret_is("plain", "plain");
    secret_is("", "");
    assert_int_equal(setenv("TEST_CONF_SECRET", "hush", 1), 0);
    secret_is("env:TEST_CONF_SECRET", "hush");
    secret_fails("env:TEST_CONF_NOTHING", -ENOENT, "TEST_CONF_NOTHING");
    make_file(path + 5, "two words\r\n", 11);
    secret_is(path, "two words");
    (void)unlink(path + 5);
    secret_fails(path, -ENOENT, path + 5);
    make_file(path + 5, "\n", 1);
    secret_fails(path, -EINVAL, "empty");
    (void)unlink(path + 5);
    make_file(path + 5, "a\0b", 3);
    secret_fails(path, -EINVAL, "NUL");
    (void)unlink(path + 5);
    memset(large, 'x', sizeof(large));
    make_file(path + 5, large, sizeof(large));
    secret_fails(path, -EFBIG, "65536");
    (void)unlink(path + 5);
    secret_fails("file:/tmp", -EISDIR, "/tmp");
}

static void secrets_in_pairs(void **state)
{
    static const struct {
        const char *pair, *want;
    } cases[] = {
        {"sasl.password=env:TEST_CONF_SECRET", "sasl.password=hush"},
        {"linger.ms=5", "linger.ms=5"},
        {"a=", "a="},
        {"no pair", "no pair"},
    };
    char *got = NULL;

    (void)state;
    assert_int_equal(setenv("TEST_CONF_SECRET", "hush", 1), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(conf_secret_pair(cases[i].pair, &got, NULL), 0);
        assert_string_equal(got, cases[i].want);
        free(got);
        got = NULL;
    }
    assert_int_equal(conf_secret_pair("a=file:/nonexistent", &got, NULL),
                     -ENOENT);
    assert_null(got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dump_loads_again),
        cmocka_unit_test(odd_values_load_again),
        cmocka_unit_test(defaults_load_again),
        cmocka_unit_test(a_dump_tells_where_values_came_from),
        cmocka_unit_test(a_name_cannot_leave_its_comment),
        cmocka_unit_test(secrets_are_not_shown),
        cmocka_unit_test(a_full_disk_is_told),
        cmocka_unit_test(every_row_is_in_the_reference),
        cmocka_unit_test(the_manual_is_up_to_date),
        cmocka_unit_test(secrets_stand_elsewhere),
        cmocka_unit_test(secrets_in_pairs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
