/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_json.c - base/json and base/jsonscan.
 */
#include "config.h"

#include "base/json.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "torture.h"

/* From memory of exactly that size, so that ASan sees a step too far.  The
 * copy is *ret_text, to be freed after the document. */
static int parse_n(const char *text, size_t len, struct json **ret,
                   char **ret_text, struct err *err)
{
    char *copy = malloc(len > 0 ? len : 1);

    assert_non_null(copy);
    memcpy(copy, text, len);
    *ret_text = copy;
    return json_parse(copy, len, ret, err);
}

static struct json *parse(const char *text, char **ret_text)
{
    struct json *j = NULL;
    struct err err;

    if (parse_n(text, strlen(text), &j, ret_text, &err) < 0)
        fail_msg("%s: %s", text, err.text);
    assert_non_null(j);
    return j;
}

static void every_kind(void **state)
{
    char *text;
    struct json *j = parse(" { \"n\" : null, \"t\":true,\"f\":false,\"i\":1,"
                           "\"s\":\"x\",\"a\":[1,[]],\"o\":{\"p\":{}} } \r\n\t",
                           &text);
    bool b = false;

    (void)state;
    assert_int_equal(json_kind(j, "n"), JSON_NULL);
    assert_int_equal(json_kind(j, "t"), JSON_BOOL);
    assert_int_equal(json_kind(j, "i"), JSON_NUMBER);
    assert_int_equal(json_kind(j, "s"), JSON_STRING);
    assert_int_equal(json_kind(j, "a"), JSON_ARRAY);
    assert_int_equal(json_kind(j, "o"), JSON_OBJECT);
    assert_int_equal(json_kind(j, "p"), JSON_ABSENT); /* not of the root */
    assert_int_equal(json_kind(j, "N"), JSON_ABSENT);
    assert_int_equal(json_kind(j, ""), JSON_ABSENT);
    assert_int_equal(json_bool(j, "t", &b), 0);
    assert_true(b);
    assert_int_equal(json_bool(j, "f", &b), 0);
    assert_false(b);
    assert_int_equal(json_bool(j, "n", &b), -EINVAL);
    assert_int_equal(json_bool(j, "x", &b), -ENOENT);
    json_free(&j);
    assert_null(j);
    json_free(&j);
    free(text);
}

static void raw_is_as_it_stands_in_the_text(void **state)
{
    char *text;
    struct json *j =
        parse("{\"i\":9007199254740993,\"d\": 1.10 ,\"e\":-0.5E+2,"
              "\"s\":\"a\\u00e4\\\"\",\"o\": { \"k\" : [ 1 , 2 ] } ,"
              "\"a\":[ ],\"n\":null}",
              &text);

    (void)state;
    assert_true(span_eqs(json_raw(j, "i"), "9007199254740993"));
    assert_true(span_eqs(json_raw(j, "d"), "1.10"));
    assert_true(span_eqs(json_raw(j, "e"), "-0.5E+2"));
    assert_true(span_eqs(json_raw(j, "s"), "\"a\\u00e4\\\"\""));
    assert_true(span_eqs(json_raw(j, "o"), "{ \"k\" : [ 1 , 2 ] }"));
    assert_true(span_eqs(json_raw(j, "a"), "[ ]"));
    assert_true(span_eqs(json_raw(j, "n"), "null"));
    assert_null(json_raw(j, "x").data);
    assert_true((const char *)json_raw(j, "i").data == text + 5);
    json_free(&j);
    free(text);
}

static void strings_are_decoded(void **state)
{
    char *text;
    struct json *j = parse(
        "{\"plain\":\"abc\",\"empty\":\"\",\"utf8\":\"\xc3\xa4\",\"esc\":"
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\",\"u\":\"\\u00e4\\u20AC\\ud83d\\ude00!\","
        "\"na\\u006de\":\"by an escaped name\",\"i\":1}",
        &text);
    size_t len = 99;

    (void)state;
    assert_string_equal(json_string(j, "plain", &len), "abc");
    assert_int_equal(len, 3);
    assert_string_equal(json_string(j, "empty", &len), "");
    assert_int_equal(len, 0);
    assert_string_equal(json_string(j, "utf8", NULL), "\xc3\xa4");
    assert_string_equal(json_string(j, "esc", &len), "\"\\/\b\f\n\r\t");
    assert_int_equal(len, 8);
    assert_string_equal(json_string(j, "u", &len),
                        "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80!");
    assert_int_equal(len, 10);
    assert_string_equal(json_string(j, "name", NULL), "by an escaped name");
    assert_null(json_string(j, "i", NULL));
    assert_null(json_string(j, "x", NULL));
    json_free(&j);
    free(text);
}

static void first_of_a_name_wins(void **state)
{
    char *text;
    struct json *j = parse("{\"a\":1,\"a\":\"x\",\"\\u0061\":null}", &text);
    int64_t v = 0;

    (void)state;
    assert_int_equal(json_int64(j, "a", &v), 0);
    assert_int_equal(v, 1);
    json_free(&j);
    free(text);
}

static void check_int(const char *number, int want_r, int64_t want)
{
    char doc[100];
    char *text;
    struct json *j;
    int64_t v = 4711;

    (void)snprintf(doc, sizeof(doc), "{\"v\":%s}", number);
    j = parse(doc, &text);
    assert_int_equal(json_int64(j, "v", &v), want_r);
    assert_true(v == (want_r == 0 ? want : 4711));
    assert_int_equal(json_int64(j, "w", &v), -ENOENT);
    json_free(&j);
    free(text);
}

static void integers_are_exact(void **state)
{
    (void)state;
    check_int("0", 0, 0);
    check_int("-0", 0, 0);
    check_int("9007199254740993", 0, 9007199254740993);
    check_int("9223372036854775807", 0, INT64_MAX);
    check_int("-9223372036854775808", 0, INT64_MIN);
    check_int("9223372036854775808", -EINVAL, 0);
    check_int("-9223372036854775809", -EINVAL, 0);
    check_int("100000000000000000000000000", -EINVAL, 0);
    check_int("1.0", -EINVAL, 0);
    check_int("1e3", -EINVAL, 0);
    check_int("\"1\"", -EINVAL, 0);
    check_int("null", -EINVAL, 0);
    check_int("true", -EINVAL, 0);
}

static void descending(void **state)
{
    char *text;
    struct json *j =
        parse("{\"o\":{\"a\":1,\"p\":{\"b\":\"\\n\"}},\"n\":3}", &text);
    struct json *o = NULL;
    struct json *p = NULL;
    struct json *none = NULL;

    (void)state;
    assert_int_equal(json_object(j, "x", &none), -ENOENT);
    assert_int_equal(json_object(j, "n", &none), -EINVAL);
    assert_null(none);
    assert_int_equal(json_object(j, "o", &o), 0);
    assert_int_equal(json_object(o, "p", &p), 0);
    assert_string_equal(json_string(p, "b", NULL), "\n");
    assert_true(span_eqs(json_raw(o, "a"), "1"));
    json_free(&p);
    json_free(&o);
    json_free(&j);
    free(text);
}

static void many_members(void **state)
{
    struct buf b = BUF_INIT(1 << 20);
    struct json *j = NULL;
    char name[20];

    (void)state;
    (void)buf_addc(&b, '{');
    for (int i = 0; i < 1000; i++)
        (void)buf_addf(&b, "%s\"m%d\":\"v%d\\n\"", i > 0 ? "," : "", i, i);
    (void)buf_addc(&b, '}');
    assert_int_equal(json_parse(b.data, b.len, &j, NULL), 0);
    for (int i = 0; i < 1000; i += 333) {
        char want[20];

        (void)snprintf(name, sizeof(name), "m%d", i);
        (void)snprintf(want, sizeof(want), "v%d\n", i);
        assert_string_equal(json_string(j, name, NULL), want);
    }
    json_free(&j);
    buf_done(&b);
}

/* ---- what is refused ---- */

static void check_bad(const char *text, size_t len, const char *why)
{
    struct json *j = NULL;
    struct err err = {.text = ""};
    char *copy;

    if (parse_n(text, len, &j, &copy, &err) != -EINVAL)
        fail_msg("taken: %.*s", (int)len, text);
    assert_null(j);
    assert_int_equal(err.code, -EINVAL);
    assert_false(err.retry);
    if (strstr(err.text, why) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.text, why);
    free(copy);
}

static void bad_documents(void **state)
{
    static const struct {
        const char *text, *why;
    } bad[] = {
        {"", "empty"},
        {"  ", "byte 2: the text must be an object"},
        {"[]", "byte 0: the text must be an object"},
        {"1", "must be an object"},
        {"\"a\"", "must be an object"},
        {"null", "must be an object"},
        {"\xef\xbb\xbf{}", "must be an object"},
        {"{", "byte 1: name in quotes expected"},
        {"{}}", "byte 2: more text after the object"},
        {"{} x", "byte 3: more text"},
        {"{\"a\"}", "byte 4: : expected"},
        {"{\"a\":}", "byte 5: value expected"},
        {"{\"a\":1,}", "byte 7: name in quotes expected"},
        {"{,}", "name in quotes"},
        {"{a:1}", "name in quotes"},
        {"{'a':1}", "name in quotes"},
        {"{\"a\":1 \"b\":2}", "byte 7: , or } expected"},
        {"{\"a\":[1,]}", "value expected"},
        {"{\"a\":[1 2]}", ", or ] expected"},
        {"{\"a\":[", "value expected"},
        {"{\"a\":[1", ", or ] expected"},
        {"{\"a\":{\"b\":}}", "byte 10: value expected"},
        {"{\"a\":tru}", "value expected"},
        {"{\"a\":nulL}", "value expected"},
        {"{\"a\":NaN}", "value expected"},
        {"{\"a\":Infinity}", "value expected"},
        {"{\"a\":1}/**/", "more text"},
        {"{\"a\":1/**/}", ", or } expected"},
        {"{\"a\":\xc2\xa0"
         "1}",
         "value expected"},
        {"{\"a\":\"\xff\"}", "not UTF-8"},
        {"{\"a\":\"\xed\xa0\x80\"}", "not UTF-8"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        check_bad(bad[i].text, strlen(bad[i].text), bad[i].why);
    check_bad("{}\0", 3, "more text");
    check_bad("{\"a\":\0}", 7, "value expected");
    check_bad("{\"a\":\"x\0y\"}", 11, "control character");
}

static void bad_numbers(void **state)
{
    static const char *const bad[] = {
        "01", "-01",  "+1",  ".5",  "1.",    "-",   "--1",   "1e", "1e+",
        "1E", "1.e1", "0x1", "1_0", "1.2.3", "-.1", "1e1.5", "00", "- 1",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char doc[64];

        (void)snprintf(doc, sizeof(doc), "{\"v\":%s}", bad[i]);
        check_bad(doc, strlen(doc), "not JSON: byte ");
        (void)snprintf(doc, sizeof(doc), "{\"v\":[%s]}", bad[i]);
        check_bad(doc, strlen(doc), "not JSON: byte ");
        (void)snprintf(doc, sizeof(doc), "{\"v\":%s", bad[i]);
        check_bad(doc, strlen(doc), "not JSON: byte ");
    }
}

static void bad_strings(void **state)
{
    static const struct {
        const char *text, *why;
    } bad[] = {
        {"\\u0000", "\\u0000 in a string is not supported"},
        {"a\\u0000b", "byte 9: \\u0000"},
        {"\\u12", "four hex digits"},
        {"\\u12g4", "four hex digits"},
        {"\\uD800", "surrogate"},
        {"\\uD800\\n", "surrogate"},
        {"\\uD800\\u0041", "surrogate"},
        {"\\uD800\\uD800", "surrogate"},
        {"\\uDC00", "surrogate"},
        {"\\uD83D\\u", "surrogate"},
        {"\\x41", "unknown escape"},
        {"\\'", "unknown escape"},
        {"\\U0041", "unknown escape"},
        {"\n", "control character"},
        {"\t", "control character"},
        {"\x1f", "control character"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char doc[64];

        (void)snprintf(doc, sizeof(doc), "{\"v\":\"%s\"}", bad[i].text);
        check_bad(doc, strlen(doc), bad[i].why);
        /* as a name, and deeper down, where nothing is decoded */
        (void)snprintf(doc, sizeof(doc), "{\"%s\":1}", bad[i].text);
        check_bad(doc, strlen(doc), "not JSON");
        (void)snprintf(doc, sizeof(doc), "{\"v\":[{\"%s\":1}]}", bad[i].text);
        check_bad(doc, strlen(doc), "not JSON");
    }
    check_bad("{\"v\":\"\\", 7, "unknown escape");
    check_bad("{\"v\":\"abc", 9, "without an end");
    check_bad("{\"v\":\"abc\\\"", 11, "without an end");
}

static void no_prefix_of_a_document_is_one(void **state)
{
    static const char doc[] = "{\"a\":[1,-2.5e+3,{\"b\":null}],\"c\":\"\\u00e4"
                              "\\ud83d\\ude00\",\"d\":true,\"e\":false}";

    (void)state;
    for (size_t n = 0; n < sizeof(doc) - 1; n++)
        check_bad(doc, n, "not JSON");
}

static void check_depth(int depth, char open, char close, int want)
{
    struct buf b = BUF_INIT(100000);
    struct json *j = NULL;
    struct err err;

    (void)buf_adds(&b, "{\"a\":");
    for (int i = 1; i < depth; i++)
        (void)buf_adds(&b, open == '[' ? "[" : "{\"a\":");
    (void)buf_addc(&b, '1');
    for (int i = 1; i < depth; i++)
        (void)buf_addc(&b, close);
    (void)buf_addc(&b, '}');
    assert_int_equal(json_parse(b.data, b.len, &j, &err), want);
    if (want < 0)
        assert_non_null(strstr(err.text, "nested too deeply"));
    json_free(&j);
    buf_done(&b);
}

static void depth_is_bounded(void **state)
{
    (void)state;
    check_depth(JSON_DEPTH_MAX, '[', ']', 0);
    check_depth(JSON_DEPTH_MAX, '{', '}', 0);
    check_depth(JSON_DEPTH_MAX + 1, '[', ']', -EINVAL);
    check_depth(JSON_DEPTH_MAX + 1, '{', '}', -EINVAL);
    check_depth(10000, '[', ']', -EINVAL);
}

/* Depth is not the number of objects. */
static void siblings_are_not_depth(void **state)
{
    struct buf b = BUF_INIT(100000);
    struct json *j = NULL;

    (void)state;
    (void)buf_adds(&b, "{\"a\":[{}");
    for (int i = 0; i < 3 * JSON_DEPTH_MAX; i++)
        (void)buf_adds(&b, ",{\"b\":[[],[]]}");
    (void)buf_adds(&b, "]}");
    assert_int_equal(json_parse(b.data, b.len, &j, NULL), 0);
    json_free(&j);
    buf_done(&b);
}

static void without_memory(void **state)
{
    struct buf b = BUF_INIT(10000);
    cJSON_Hooks ours = {malloc, free};

    (void)state;
    cJSON_InitHooks(&ours); /* its allocations fail in turn, too */
    (void)buf_adds(&b, "{\"n\\u0061me\":\"a\\nb\"");
    for (int i = 0; i < 40; i++) /* more than stand in the scan itself */
        (void)buf_addf(&b, ",\"m%d\":{}", i);
    (void)buf_addc(&b, '}');
    TORTURE({
        struct json *j = NULL;
        struct err err;
        int r = json_parse(b.data, b.len, &j, &err);

        if (torture_fired) {
            assert_int_equal(r, -ENOMEM);
            assert_true(err.retry);
            assert_null(j);
        } else {
            assert_int_equal(r, 0);
            assert_string_equal(json_string(j, "name", NULL), "a\nb");
        }
        json_free(&j);
    });
    cJSON_InitHooks(NULL);
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind),
        cmocka_unit_test(raw_is_as_it_stands_in_the_text),
        cmocka_unit_test(strings_are_decoded),
        cmocka_unit_test(first_of_a_name_wins),
        cmocka_unit_test(integers_are_exact),
        cmocka_unit_test(descending),
        cmocka_unit_test(many_members),
        cmocka_unit_test(bad_documents),
        cmocka_unit_test(bad_numbers),
        cmocka_unit_test(bad_strings),
        cmocka_unit_test(no_prefix_of_a_document_is_one),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(siblings_are_not_depth),
        cmocka_unit_test(without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
