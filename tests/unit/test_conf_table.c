/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_conf_table.c - conf/table, where, text, forms, value: the
 * parts below conf_load; and conf_load without memory.
 */
#include "config.h"

#include "conf/table.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conf/conf.h"
#include "conf/forms.h"
#include "conf/text.h"
#include "conf/value.h"
#include "conf/where.h"
#include "conf_load.h"
#include "torture.h"

/* Each default passes the check that a value from a file would have to. */
static void defaults_are_acceptable(void **state)
{
    (void)state;
    for (size_t i = 0; i < conf_row_count; i++) {
        const struct conf_row *row = &conf_rows[i];
        struct conf_raw raw = {.said = CONF_SAID_WORD, .s = row->fallback};
        union {
            struct conf host;
            struct conf_source source;
            struct conf_app app;
        } base;
        struct buf why = BUF_INIT(1000);

        memset(&base, 0, sizeof(base));
        if (row->type == CONF_FREE || row->fallback == NULL ||
            strcmp(row->path, "instance.id") == 0 ||
            strcmp(row->path, "apps.*.name") == 0)
            continue;
        assert_int_equal(conf_value_set(row, &base, &raw, &why), 0);
        conf_value_free(row, &base);
        buf_done(&why);
    }
}

static void paths_are_unique_and_grouped(void **state)
{
    (void)state;
    for (size_t i = 0; i < conf_row_count; i++) {
        assert_ptr_equal(conf_row(conf_rows[i].path), &conf_rows[i]);
        assert_int_equal(conf_row_index(&conf_rows[i]), i);
    }
}

static void a_path_is_taken_apart(void **state)
{
    struct conf_where w;

    (void)state;
    assert_true(conf_where("kafka.bootstrap_servers", &w));
    assert_string_equal(w.row->path, "kafka.bootstrap_servers");
    assert_false(w.group);
    assert_true(conf_where("kafka", &w) && w.group);
    assert_true(conf_where("apps", &w) && w.group);
    assert_true(conf_where("apps.x", &w) && w.group);
    assert_string_equal(w.key, "x");
    assert_true(conf_where("apps.x.retry", &w) && w.group);
    assert_true(conf_where("apps.x.settings", &w) && w.group);
    assert_true(conf_where("apps.x.retry.cap", &w));
    assert_string_equal(w.row->path, "apps.*.retry.cap");
    assert_int_equal(w.in, CONF_IN_APP);
    assert_true(conf_where("apps.x.settings.a.b", &w));
    assert_string_equal(w.row->path, "apps.*.settings");
    assert_string_equal(w.name, "a.b");
    assert_true(conf_where("sources.s.topic", &w));
    assert_int_equal(w.in, CONF_IN_SOURCE);
    assert_false(conf_where("", &w));
    assert_false(conf_where("kaf", &w));
    assert_false(conf_where("kafka.", &w));
    assert_false(conf_where("apps.", &w));
    assert_false(conf_where("apps..plugin", &w));
    assert_false(conf_where("sources.s.settings.a", &w));
}

static void long_paths_are_no_settings(void **state)
{
    char path[1000];
    struct conf_where w;
    char near[CONF_PATH_MAX];

    (void)state;
    memset(path, 'a', sizeof(path));
    path[sizeof(path) - 1] = '\0';
    memcpy(path, "apps.", 5);
    assert_false(conf_where(path, &w));
    conf_nearest(&w, near, sizeof(near));
    assert_string_equal(near, "");
    for (size_t n = CONF_PATH_MAX - 5; n < CONF_PATH_MAX + 5; n++) {
        path[n] = '\0';
        (void)conf_where(path, &w);
        conf_nearest(&w, near, sizeof(near));
        path[n] = 'a';
    }
}

static void near_names(void **state)
{
    static const struct {
        const char *path, *near;
    } cases[] = {
        {"kafka.bootstrap_server", "kafka.bootstrap_servers"},
        {"kafka.bootstrap", "kafka.bootstrap_servers"},
        {"kafka.url", "store.url"},
        {"Cluster", "cluster"},
        {"htpp.listen", "http.listen"},
        {"app.x.plugin", "apps.*.plugin"},
        {"apps.x.pluign", "apps.x.plugin"},
        {"apps.x.first", "apps.x.retry.first"},
        {"source", "sources"},
        {"xyz", ""},
        {"kafka.qwertyuiop", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct conf_where w;
        char near[CONF_PATH_MAX];

        assert_false(conf_where(cases[i].path, &w));
        conf_nearest(&w, near, sizeof(near));
        assert_string_equal(near, cases[i].near);
    }
}

static void durations_and_sizes(void **state)
{
    static const char *const bad[] = {
        "",
        "s",
        "-1s",
        "1 ",
        "1  s",
        "1m",
        "1.5s",
        "1S",
        "5s ",
        " 5s",
        "1e3",
        "9223372036854775808",
        "106751991168d",
        "1h30min",
        "+5s",
    };
    int64_t v;

    (void)state;
    assert_true(conf_text_duration("250", &v) == 0 && v == 250);
    assert_true(conf_text_duration("250ms", &v) == 0 && v == 250);
    assert_true(conf_text_duration("5 s", &v) == 0 && v == 5000);
    assert_true(conf_text_duration("15min", &v) == 0 && v == 900000);
    assert_true(conf_text_duration("2h", &v) == 0 && v == 7200000);
    assert_true(conf_text_duration("30d", &v) == 0 && v == INT64_C(2592000000));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(conf_text_duration(bad[i], &v), -EINVAL);
    assert_true(conf_text_size("64MB", &v) == 0 && v == 64 << 20);
    assert_true(conf_text_size("3", &v) == 0 && v == 3);
    assert_int_equal(conf_text_size("9000000000GB", &v), -EINVAL);
}

static void numbers(void **state)
{
    int64_t v;
    double d;

    (void)state;
    assert_true(conf_text_int("-9223372036854775808", &v) == 0 &&
                v == INT64_MIN);
    assert_int_equal(conf_text_int("9223372036854775808", &v), -EINVAL);
    assert_int_equal(conf_text_int("1x", &v), -EINVAL);
    assert_int_equal(conf_text_int(" 1", &v), -EINVAL);
    assert_int_equal(conf_text_int("", &v), -EINVAL);
    assert_int_equal(conf_text_int("0x10", &v), -EINVAL);
    assert_true(conf_text_float("1e3", &d) == 0 && d > 999 && d < 1001);
    assert_int_equal(conf_text_float("nan", &d), -EINVAL);
    assert_int_equal(conf_text_float("1e999", &d), -EINVAL);
    assert_int_equal(conf_text_float("0x1p3", &d), -EINVAL);
    assert_int_equal(conf_text_float("", &d), -EINVAL);
}

static void literal_is(void (*add)(struct buf *, double), double v,
                       const char *want)
{
    struct buf b = BUF_INIT(1000);

    add(&b, v);
    assert_string_equal(buf_cstr(&b), want);
    buf_done(&b);
}

static void literals(void **state)
{
    (void)state;
    literal_is(conf_text_add_float, 0, "0.0");
    literal_is(conf_text_add_float, 0.1, "0.1");
    literal_is(conf_text_add_float, -2.5, "-2.5");
    literal_is(conf_text_add_float, 1e20, "1.0e+20");
    literal_is(conf_text_add_float, 1.0 / 3, "0.3333333333333333");
    literal_is(conf_text_add_duration, 0, "0ms");
    literal_is(conf_text_add_duration, 1500, "1500ms");
    literal_is(conf_text_add_duration, 90000, "90s");
    literal_is(conf_text_add_duration, 86400000, "1d");
    literal_is(conf_text_add_size, 1048577, "1048577B");
    literal_is(conf_text_add_size, 1048576, "1MB");
}

static void texts_as_literals(void **state)
{
    struct buf b = BUF_INIT(1000);

    (void)state;
    conf_text_add_string(&b, "a\"b\\c\n\x01\x7f\xc3\xa9");
    assert_string_equal(buf_cstr(&b), "\"a\\\"b\\\\c\\x0a\\x01\\x7f\xc3\xa9\"");
    buf_done(&b);
}

static void items(void **state)
{
    static const char *const want[] = {"a", "b,c", "", "\\", "d"};
    const char *s = "a,b\\,c,,\\\\,d";

    (void)state;
    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
        char *item = conf_text_item(&s);

        assert_string_equal(item, want[i]);
        free(item);
    }
    assert_string_equal(s, "");
}

static void addresses(void **state)
{
    static const char *const local[] = {"127.0.0.1:7070", "127.9.9.9:1",
                                        "[::1]:0", "localhost:80", ""};
    static const char *const remote[] = {"0.0.0.0:7070", "[::]:7070",
                                         "10.0.0.1:1"};
    static const char *const bad[] = {
        "7070",          ":7070",        "host:70",         "127.0.0.1:65536",
        "127.0.0.1:",    "127.0.0.1:-1", "::1:70",          "[::1]",
        "[localhost]:1", "1.2.3:4",      "127.0.0.1:000080"};

    (void)state;
    for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++) {
        assert_null(conf_form_listen(local[i]));
        assert_true(conf_form_is_loopback(local[i]));
    }
    for (size_t i = 0; i < sizeof(remote) / sizeof(remote[0]); i++) {
        assert_null(conf_form_listen(remote[i]));
        assert_false(conf_form_is_loopback(remote[i]));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_non_null(conf_form_listen(bad[i]));
}

static void levels(void **state)
{
    static const char *const good[] = {"info", "info,store=debug",
                                       "warn, kafka=off, plug=error",
                                       "store=debug"};
    static const char *const bad[] = {
        "",       "loud",       "info,",    "info,=debug",
        "store=", "store=loud", "info;warn"};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_null(conf_form_log_levels(good[i]));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_non_null(conf_form_log_levels(bad[i]));
}

static void every_owned_setting_is_refused(void **state)
{
    const char *name, *instead;
    size_t n = 0;

    (void)state;
    for (; (name = conf_form_owned(n, &instead)) != NULL; n++) {
        char pair[100];

        (void)snprintf(pair, sizeof(pair), "%s=x", name);
        assert_ptr_equal(conf_form_kafka(pair), instead);
        (void)snprintf(pair, sizeof(pair), "%s.more=x", name);
        assert_null(conf_form_kafka(pair));
    }
    assert_true(n > 15);
    assert_null(conf_form_kafka("linger.ms=5"));
    assert_null(conf_form_kafka("a="));
    assert_non_null(conf_form_kafka("linger.ms"));
    assert_non_null(conf_form_kafka("=5"));
    assert_non_null(conf_form_kafka("log_cb=5"));
}

static void names(void **state)
{
    (void)state;
    assert_null(conf_form_topic("a.b_C-9"));
    assert_non_null(conf_form_topic(""));
    assert_non_null(conf_form_topic(".."));
    assert_non_null(conf_form_topic("a b"));
    assert_null(conf_form_topic_or_none(""));
    assert_null(conf_form_store_url("sqlite:x"));
    assert_non_null(conf_form_store_url("sqlite:"));
    assert_non_null(strstr(conf_form_store_url("topic:x"), "not built in"));
    assert_non_null(conf_form_key("9a"));
    assert_non_null(conf_form_key("-a"));
    assert_non_null(conf_form_key(""));
    assert_null(conf_form_key("a-9_"));
    assert_non_null(conf_form_plugin("a.b"));
}

/* ---- without memory --------------------------------------------------------- */

static void load_or_fail(const struct conf_input *in, int want)
{
    TORTURE({
        struct conf *c = NULL;
        char *report = NULL;
        struct err err = {0};
        int r = conf_load(in, &c, &report, &err);

        assert_true(r == want || r == -ENOMEM);
        assert_int_equal(err.code, r);
        assert_true((c != NULL) == (r == 0));
        if (!torture_fired)
            assert_int_equal(r, want);
        free(report);
        conf_unref(&c);
    });
}

static void loading_without_memory(void **state)
{
    static char variable[] = "ONTIME_APPS__SMS__SETTINGS__TOPIC=x";
    static char *const env[] = {variable, NULL};
    static const char *const over[] = {
        "apps.x.plugin=p", "kafka.common=a=1,b=2", "apps.x.retry.delays=1s,2s"};
    char path[500];
    struct conf_input in = {
        .overrides = over, .override_count = 3, .environ = env};

    (void)state;
    in.file =
        in_tree(path, sizeof(path), "tests/fixtures/conf/full/scheduler.cfg");
    load_or_fail(&in, 0);
    in.file = in_tree(path, sizeof(path), "tests/fixtures/conf/bad/types.cfg");
    load_or_fail(&in, -EINVAL);
}

static void showing_without_memory(void **state)
{
    struct loaded l = LOAD("apps.a.plugin=p", "apps.a.settings.token=x",
                           "kafka.common=sasl.password=y");
    FILE *f = fopen("/dev/null", "we");

    (void)state;
    assert_non_null(f);
    TORTURE({
        int r = conf_dump(l.c, f);

        assert_true(r == 0 || r == -ENOMEM);
    });
    TORTURE({
        int r = conf_reference(f, true);

        assert_true(r == 0 || r == -ENOMEM);
    });
    (void)fclose(f);
    loaded_done(&l);
}

static void resolving_without_memory(void **state)
{
    char path[40] = "file:";

    (void)state;
    make_file(path + 5, "hush\n", 5);
    TORTURE({
        char *got = NULL;
        int r = conf_secret(path, &got, NULL);

        assert_true(r == 0 || r == -ENOMEM);
        free(got);
    });
    (void)unlink(path + 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_acceptable),
        cmocka_unit_test(paths_are_unique_and_grouped),
        cmocka_unit_test(a_path_is_taken_apart),
        cmocka_unit_test(long_paths_are_no_settings),
        cmocka_unit_test(near_names),
        cmocka_unit_test(durations_and_sizes),
        cmocka_unit_test(numbers),
        cmocka_unit_test(literals),
        cmocka_unit_test(texts_as_literals),
        cmocka_unit_test(items),
        cmocka_unit_test(addresses),
        cmocka_unit_test(levels),
        cmocka_unit_test(every_owned_setting_is_refused),
        cmocka_unit_test(names),
        cmocka_unit_test(loading_without_memory),
        cmocka_unit_test(showing_without_memory),
        cmocka_unit_test(resolving_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
