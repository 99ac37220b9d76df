/* SPDX-License-Identifier: Apache-2.0
 *
 * test_template.c - templates: each value is escaped for where it stands.
 */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/template.h"

static char why[200];

/* What comes out, or "!" and why not. */
static const char *fill(enum template_kind kind, const char *source,
                        const char *payload)
{
    static char out[2000];
    struct fields fields = {.count = 0};
    struct jobdata d;
    struct template *t;
    struct text text = {0};
    const struct ontime_job job = {
        .size = sizeof(job),
        .id = 77,
        .app = "app",
        .key = {"k&", 2},
        .payload = {payload, payload != NULL ? strlen(payload) : 0},
        .attempt = 2,
        .version = 3,
        .due_ms = 4,
        .scheduled_ms = 5,
        .now_ms = 6,
        .idempotency_key = "i-77-3"};

    if (template_compile(&t, &fields, kind, source, why, sizeof(why)) < 0) {
        (void)snprintf(out, sizeof(out), "?%s", why);
        assert_null(t);
        return out;
    }
    if (jobdata_read(&d, &fields, &job, why, sizeof(why)) == 0 &&
        template_render(t, &d, &text, why, sizeof(why)) == 0)
        (void)snprintf(out, sizeof(out), "%s", text.at != NULL ? text.at : "");
    else
        (void)snprintf(out, sizeof(out), "!%s", why);
    text_free(&text);
    template_free(&t);
    assert_null(t);
    return out;
}

static void values_are_escaped_for_their_place(void **state)
{
    static const char data[] =
        "{\"s\":\"a \\\"q\\\"\\n/\\u00e9\",\"n\":-1.50e3,\"b\":true,"
        "\"z\":null,\"o\":{\"i\":{\"j\":\"deep\"},\"l\":[1,\"2\"]},"
        "\"big\":123456789012345678901}";
    static const struct {
        enum template_kind kind;
        const char *source, *want;
    } cases[] = {
        {TEMPLATE_TEXT, "no place", "no place"},
        {TEMPLATE_TEXT, "", ""},
        {TEMPLATE_TEXT, "<{{s}}>", "<a \"q\"\n/\xc3\xa9>"},
        {TEMPLATE_TEXT, "{{ n }}{{b}}{{z}}{{no?}}", "-1.50e3true"},
        {TEMPLATE_TEXT, "{{o.i.j}} {{o.l}}", "deep [1,\"2\"]"},
        {TEMPLATE_TEXT, "}} {x}", "}} {x}"},
        {TEMPLATE_URL, "http://h.test/{{s}}?{{o.i.j}}",
         "http://h.test/a%20%22q%22%0A%2F%C3%A9?deep"},
        {TEMPLATE_URL, "{{o.i.j}}/{{o.i.j}}", "deep/deep"},
        {TEMPLATE_FORM, "a={{s}}", "a=a%20%22q%22%0A%2F%C3%A9"},
        {TEMPLATE_JSON, "{\"x\":{{s}},\"y\":\"-{{s}}-\"}",
         "{\"x\":\"a \\\"q\\\"\\n/\\u00e9\","
         "\"y\":\"-a \\\"q\\\"\\n/\\u00e9-\"}"},
        {TEMPLATE_JSON, "[{{n}},{{b}},{{z}},{{no?}},{{big}},\"{{z}}{{no?}}\"]",
         "[-1.50e3,true,null,null,123456789012345678901,\"\"]"},
        {TEMPLATE_JSON, "{\"x\":{{o}},\"y\":\"{{o.l}}\"}",
         "{\"x\":{\"i\":{\"j\":\"deep\"},\"l\":[1,\"2\"]},"
         "\"y\":\"[1,\\\"2\\\"]\"}"},
        {TEMPLATE_JSON, "{\"\\\"{{b}}\":{\"a\":{{b}}}}",
         "{\"\\\"true\":{\"a\":true}}"},
        {TEMPLATE_TEXT,
         "{{$id}} {{$app}} {{$key}} {{$attempt}} {{$version}} {{$due_ms}} "
         "{{$scheduled_ms}} {{$now_ms}} {{$idempotency_key}}",
         "77 app k& 2 3 4 5 6 i-77-3"},
        {TEMPLATE_JSON, "[{{$id}},{{$app}},\"{{$key}}\"]",
         "[77,\"app\",\"k&\"]"},
        {TEMPLATE_HEADER, "{{o.i.j}}; {{n}}", "deep; -1.50e3"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(fill(cases[i].kind, cases[i].source, data),
                            cases[i].want);
    assert_string_equal(fill(TEMPLATE_JSON, "[{{$payload}}]", "{\"a\":1}"),
                        "[{\"a\":1}]");
    assert_string_equal(fill(TEMPLATE_TEXT, "<{{$payload}}>", "no JSON"),
                        "<no JSON>");
    assert_string_equal(fill(TEMPLATE_TEXT, "<{{$payload}}>", NULL), "<>");
}

static void what_cannot_stand_there_is_refused(void **state)
{
    static const struct {
        enum template_kind kind;
        const char *source, *data, *want;
    } cases[] = {
        {TEMPLATE_TEXT, "{{a}}", "{}", "!jobData's a is missing"},
        {TEMPLATE_TEXT, "{{a.b}}", "{\"a\":1}", "!jobData's a.b is missing"},
        {TEMPLATE_TEXT, "{{a.b}}", "{\"a\":{}}", "!jobData's a.b is missing"},
        {TEMPLATE_TEXT, "{{a}}", "[]", "!jobData cannot be read: "},
        {TEMPLATE_TEXT, "{{a}}", NULL, "!jobData cannot be read: "},
        {TEMPLATE_JSON, "[{{$payload}}]", "junk", "!jobData cannot be read: "},
        {TEMPLATE_TEXT, "{{a}}", "{\"a\":\"\\u0000\"}", "!jobData's a has "},
        {TEMPLATE_HEADER, "{{a}}", "{\"a\":\"x\\ny\"}", "!jobData's a has a "},
        {TEMPLATE_URL, "{{a}}", "{\"a\":\"http://x.test/ y\"}",
         "!jobData's a is "},
        {TEMPLATE_TEXT, "{{", "{}", "?\"{{\": }} is missing"},
        {TEMPLATE_TEXT, "{{}}", "{}", "?{{}}: names are of"},
        {TEMPLATE_TEXT, "{{?}}", "{}", "?{{}}: names are of"},
        {TEMPLATE_TEXT, "{{a..b}}", "{}", "?{{a..b}}: a name is missing"},
        {TEMPLATE_TEXT, "{{a.}}", "{}", "?{{a.}}: a name is missing"},
        {TEMPLATE_TEXT, "{{.a}}", "{}", "?{{.a}}: a name of 1 to 63"},
        {TEMPLATE_TEXT, "{{$nix}}", "{}", "?{{$nix}}: there is no such"},
        {TEMPLATE_JSON, "{\"a\":}", "{}", "?it is no JSON: "},
        {TEMPLATE_JSON, "{{a}} {{b}}", "{}", "?it is no JSON: "},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *got = fill(cases[i].kind, cases[i].source, cases[i].data);

        if (strncmp(got, cases[i].want, strlen(cases[i].want)) != 0)
            fail_msg("%s: %s, not %s", cases[i].source, got, cases[i].want);
    }
}

static void no_more_names_than_there_is_room_for(void **state)
{
    struct fields fields = {.count = 0};
    struct template *t;
    char source[32];

    (void)state;
    for (int i = 0; i < FIELDS_MAX; i++) {
        (void)snprintf(source, sizeof(source), "{{a%d}}{{a%d}}", i, i);
        assert_int_equal(template_compile(&t, &fields, TEMPLATE_TEXT, source,
                                          why, sizeof(why)),
                         0);
        template_free(&t);
    }
    assert_int_equal(template_compile(&t, &fields, TEMPLATE_TEXT, "{{more}}",
                                      why, sizeof(why)),
                     -EINVAL);
    assert_non_null(strstr(why, "more than 64"));
}

static void texts_for_people(void **state)
{
    struct text t = {0};

    (void)state;
    text_add_shown(&t, "a\\b\x7f\xc2\x85\xe2\x82\xac", 9, 100);
    assert_string_equal(t.at, "a\\x5cb\\x7f\\xc2\\x85\xe2\x82\xac");
    text_clear(&t);
    text_add_shown(&t, "0123456789", 10, 10);
    assert_string_equal(t.at, "0123456789");
    text_clear(&t);
    text_add_shown(&t, "01234567890", 11, 10);
    assert_string_equal(t.at, "0123456...");
    text_clear(&t);
    text_add_shown(&t, "\xff\xff\xff\xff", 4, 10);
    assert_string_equal(t.at, "\\xff...");
    text_free(&t);
    text_add_json(&t, "\x01\"\\x", 4);
    assert_string_equal(t.at, "\\u0001\\\"\\\\x");
    text_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_escaped_for_their_place),
        cmocka_unit_test(what_cannot_stand_there_is_refused),
        cmocka_unit_test(no_more_names_than_there_is_room_for),
        cmocka_unit_test(texts_for_people),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
