/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_plug_settings.c - an app's settings against a plugin's rows.
 */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plug/nearest.h"
#include "plug/settings.h"

static const struct ontime_setting rows[] = {
    {.name = "topic", .type = ONTIME_STRING, .required = 1, .text = "T."},
    {.name = "size",
     .type = ONTIME_INT,
     .fallback = "5",
     .min = 1,
     .max = 9,
     .text = "T."},
    {.name = "rate",
     .type = ONTIME_FLOAT,
     .fallback = "0.5",
     .min = 0,
     .max = 1,
     .text = "T."},
    {.name = "on", .type = ONTIME_BOOL, .text = "T."},
    {.name = "wait",
     .type = ONTIME_DURATION,
     .fallback = "1s",
     .min = 100,
     .max = 60000,
     .text = "T."},
    {.name = "password", .type = ONTIME_SECRET, .text = "T."},
    {.name = NULL},
};

/* "name=value" words; the kind in front: "stopic=x". */
static int check(const char *const *words, struct plugin_config **ret,
                 struct buf *report, struct err *err)
{
    struct conf_plugin_setting s[8];
    char text[8][64], app_text[] = "sms", plugin[] = "plug_in";
    struct conf_app app = {.name = app_text,
                           .plugin = plugin,
                           .file = "a.cfg",
                           .line = 3,
                           .settings = s};
    int r;

    for (; words[app.setting_count] != NULL; app.setting_count++) {
        char *t = text[app.setting_count];
        char *eq;

        (void)snprintf(t, sizeof(text[0]), "%s", words[app.setting_count]);
        eq = strchr(t, '=');
        *eq = '\0';
        s[app.setting_count] = (struct conf_plugin_setting){
            .name = t + 1,
            .value = eq + 1,
            .kind = t[0],
            .file = "b.cfg",
            .line = 10 + (unsigned)app.setting_count};
    }
    r = plugin_config_check(&app, rows, ret, report, err);
    return r;
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void refused(const char *const *words, const char *text)
{
    struct plugin_config *c = NULL;
    struct buf report = BUF_INIT(4096);
    struct err err = {0};

    assert_int_equal(check(words, &c, &report, &err), -EINVAL);
    assert_null(c);
    assert_string_equal(err.text, text);
    assert_true(strncmp(buf_cstr(&report), text, strlen(text)) == 0);
    buf_done(&report);
}

static void defaults_and_values(void **state)
{
    struct plugin_config *c = NULL;

    (void)state;
    assert_int_equal(check(WORDS("stopic=x", "brate=true"), &c, NULL, NULL),
                     -EINVAL);
    assert_int_equal(check(WORDS("stopic=x"), &c, NULL, NULL), 0);
    assert_string_equal(plugin_config_string(c, "topic"), "x");
    assert_int_equal(plugin_config_int(c, "size"), 5);
    assert_true(plugin_config_float(c, "rate") > 0.49);
    assert_int_equal(plugin_config_bool(c, "on"), 0);
    assert_int_equal(plugin_config_int(c, "wait"), 1000);
    assert_null(plugin_config_string(c, "password"));
    /* other types, other names */
    assert_null(plugin_config_string(c, "size"));
    assert_null(plugin_config_string(c, "nothing"));
    assert_null(plugin_config_string(c, NULL));
    assert_int_equal(plugin_config_int(c, "topic"), 0);
    assert_int_equal(plugin_config_bool(c, "topic"), 0);
    assert_true(plugin_config_float(c, "size") > 4.9); /* an INT is a number */
    plugin_config_free(&c);
    assert_null(c);
    plugin_config_free(&c);
}

static void texts_are_taken_as_numbers_too(void **state)
{
    struct plugin_config *c = NULL;

    (void)state; /* overrides and the environment know only texts */
    assert_int_equal(check(WORDS("stopic=x", "ssize=9", "srate=1", "son=true",
                                 "iwait=250", "spassword=p"),
                           &c, NULL, NULL),
                     0);
    assert_int_equal(plugin_config_int(c, "size"), 9);
    assert_int_equal(plugin_config_bool(c, "on"), 1);
    assert_int_equal(plugin_config_int(c, "wait"), 250);
    assert_string_equal(plugin_config_string(c, "password"), "p");
    plugin_config_free(&c);
}

static void what_is_refused(void **state)
{
    (void)state;
    refused(WORDS("stopik=x", "stopic=x"),
            "b.cfg:10: app sms: topik: no such setting; did you mean topic?");
    refused(WORDS("stopic=x", "selephant=x"),
            "b.cfg:11: app sms: elephant: plugin plug_in has no such setting");
    refused(WORDS("isize=5"), "a.cfg:3: app sms: topic: is missing; add it to "
                              "the settings of the app (string: T.)");
    refused(WORDS("itopic=5"),
            "b.cfg:10: app sms: topic: must be a text in \"quotes\"");
    refused(WORDS("stopic=x", "isize=10"),
            "b.cfg:11: app sms: size: must be between 1 and 9");
    refused(WORDS("stopic=x", "ssize=5x"),
            "b.cfg:11: app sms: size: must be a whole number");
    refused(WORDS("stopic=x", "isize=99999999999999999999"),
            "b.cfg:11: app sms: size: must be a whole number");
    refused(WORDS("stopic=x", "bsize=true"),
            "b.cfg:11: app sms: size: must be a whole number");
    refused(WORDS("stopic=x", "frate=1.5"),
            "b.cfg:11: app sms: rate: must be between 0 and 1");
    refused(WORDS("stopic=x", "frate=nan"),
            "b.cfg:11: app sms: rate: must be a number");
    refused(WORDS("stopic=x", "ion=1"),
            "b.cfg:11: app sms: on: must be true or false");
    refused(WORDS("stopic=x", "swait=soon"),
            "b.cfg:11: app sms: wait: must be a duration such as \"500ms\", "
            "\"5s\", \"15min\" or \"2h\"");
    refused(WORDS("stopic=x", "swait=2min"),
            "b.cfg:11: app sms: wait: must be between 100 and 60000 ms");
}

static void all_errors_are_told(void **state)
{
    struct plugin_config *c = NULL;
    struct buf report = BUF_INIT(4096);

    (void)state;
    assert_int_equal(check(WORDS("isize=10", "sonn=x", "spassword=env:NO_SUCH"),
                           &c, &report, NULL),
                     -EINVAL);
    assert_non_null(strstr(buf_cstr(&report), "size: must be between"));
    assert_non_null(strstr(buf_cstr(&report), "did you mean on?"));
    assert_non_null(strstr(buf_cstr(&report), "password: "));
    assert_non_null(strstr(buf_cstr(&report), "topic: is missing"));
    buf_done(&report);
}

static void secrets_are_resolved_and_compared(void **state)
{
    struct plugin_config *a = NULL, *b = NULL, *c = NULL;

    (void)state;
    assert_int_equal(setenv("TEST_PLUG_SECRET", "one", 1), 0);
    assert_int_equal(check(WORDS("stopic=x", "spassword=env:TEST_PLUG_SECRET"),
                           &a, NULL, NULL),
                     0);
    assert_string_equal(plugin_config_string(a, "password"), "one");
    assert_int_equal(
        check(WORDS("stopic=x", "spassword=one", "isize=5"), &b, NULL, NULL),
        0);
    assert_true(plugin_config_same(a, b));
    assert_int_equal(setenv("TEST_PLUG_SECRET", "two", 1), 0);
    assert_int_equal(check(WORDS("stopic=x", "spassword=env:TEST_PLUG_SECRET"),
                           &c, NULL, NULL),
                     0);
    assert_false(plugin_config_same(a, c)); /* the file says the same */
    plugin_config_free(&a);
    plugin_config_free(&b);
    plugin_config_free(&c);
}

static void rows_that_are_none(void **state)
{
    static const struct {
        struct ontime_setting row;
        const char *needle;
    } bad[] = {
        {{.name = "Upper", .text = "T."}, "a name is a letter"},
        {{.name = "", .text = "T."}, "a name is a letter"},
        {{.name = "a-b", .text = "T."}, "a name is a letter"},
        {{.name = "a", .type = 6, .text = "T."}, "type 6 does not exist"},
        {{.name = "a", .type = -1, .text = "T."}, "type -1 does not exist"},
        {{.name = "a", .required = 2, .text = "T."}, "required must be 0 or 1"},
        {{.name = "a", .min = 2, .max = 1, .text = "T."}, "is above"},
        {{.name = "a"}, "has no text"},
        {{.name = "a", .required = 1, .fallback = "x", .text = "T."},
         "is required and has a default"},
        {{.name = "a", .type = ONTIME_SECRET, .fallback = "x", .text = "T."},
         "a secret cannot have a default"},
        {{.name = "a", .type = ONTIME_BOOL, .fallback = "yes", .text = "T."},
         "its default \"yes\": must be true or false"},
    };
    struct ontime_setting many[300];
    struct err err;

    (void)state;
    assert_int_equal(plugin_rows_check(NULL, &err), 0);
    assert_int_equal(plugin_rows_check(rows, &err), 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const struct ontime_setting two[] = {bad[i].row, {.name = NULL}};

        assert_int_equal(plugin_rows_check(two, &err), -EINVAL);
        assert_non_null(strstr(err.text, bad[i].needle));
    }
    for (size_t i = 0; i < 300; i++)
        many[i] = rows[0];
    assert_int_equal(plugin_rows_check(many, &err), -EINVAL);
    assert_non_null(strstr(err.text, "is the closing {0} missing?"));
    many[2].name = NULL;
    assert_int_equal(plugin_rows_check(many, &err), -EINVAL);
    assert_non_null(strstr(err.text, "topic: stands there twice"));
}

static void nearest_names(void **state)
{
    struct nearest n;

    (void)state;
    nearest_begin(&n, "topik");
    assert_int_equal(nearest_offer(&n, "elephant"), 0);
    assert_int_equal(nearest_offer(&n, "topics"), 1);
    assert_int_equal(nearest_offer(&n, "topic"), 1);
    assert_int_equal(nearest_offer(&n, "tropik"), 0); /* no nearer */
    assert_string_equal(n.found, "topic");
    nearest_begin(&n, "x");
    assert_int_equal(nearest_offer(&n, "yz"), 0);
    assert_null(n.found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_and_values),
        cmocka_unit_test(texts_are_taken_as_numbers_too),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(all_errors_are_told),
        cmocka_unit_test(secrets_are_resolved_and_compared),
        cmocka_unit_test(rows_that_are_none),
        cmocka_unit_test(nearest_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
