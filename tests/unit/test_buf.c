/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_buf.c - base/buf.
 */
#include "config.h"

#include "base/buf.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "torture.h"

static void appends_in_order(void **state)
{
    struct buf b = BUF_INIT(1000);

    (void)state;
    assert_int_equal(buf_add(&b, "ab\0c", 4), 0);
    assert_int_equal(buf_adds(&b, "de"), 0);
    assert_int_equal(buf_addc(&b, 'f'), 0);
    assert_int_equal(buf_addf(&b, "<%s %d>", "g", 7), 0);
    assert_int_equal(buf_add(&b, NULL, 0), 0);
    assert_int_equal(buf_ok(&b), 0);
    assert_int_equal(b.len, 12);
    assert_memory_equal(b.data, "ab\0cdef<g 7>", 12);
    buf_done(&b);
}

static void integers(void **state)
{
    static const int64_t v[] = {
        0, 1, -1, 9, 10, -10, INT64_MAX, INT64_MIN, 123456789, -987654321};

    (void)state;
    for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
        struct buf b = BUF_INIT(100);
        char want[32];

        (void)snprintf(want, sizeof(want), "%lld", (long long)v[i]);
        assert_int_equal(buf_addi(&b, v[i]), 0);
        assert_string_equal(buf_cstr(&b), want);
        buf_done(&b);
    }
}

static void the_maximum_holds_and_the_error_sticks(void **state)
{
    struct buf b = BUF_INIT(10);

    (void)state;
    assert_int_equal(buf_adds(&b, "0123456789"), 0);
    assert_string_equal(buf_cstr(&b), "0123456789");
    assert_int_equal(buf_addc(&b, 'x'), -EMSGSIZE);
    assert_int_equal(buf_ok(&b), -EMSGSIZE);
    assert_int_equal(buf_add(&b, "", 0), -EMSGSIZE);
    assert_int_equal(buf_addf(&b, "%s", ""), -EMSGSIZE);
    assert_int_equal(buf_add_json(&b, "", 0), -EMSGSIZE);
    assert_null(buf_cstr(&b));
    assert_true(b.len <= 10);
    buf_reset(&b);
    assert_int_equal(buf_ok(&b), 0);
    assert_int_equal(buf_addf(&b, "%010d", 5), 0);
    assert_int_equal(buf_addf(&b, "%d", 5), -EMSGSIZE);
    buf_done(&b);
    assert_int_equal(buf_adds(&b, "again"), 0);
    buf_done(&b);
}

static void grows_to_any_maximum(void **state)
{
    (void)state;
    for (size_t max = 0; max < 300; max++) {
        struct buf b = BUF_INIT(max);

        for (size_t i = 0; i < max; i++)
            assert_int_equal(buf_addc(&b, (char)('a' + i % 26)), 0);
        assert_int_equal(buf_addc(&b, '!'), -EMSGSIZE);
        b.failed = 0;
        assert_non_null(buf_cstr(&b));
        assert_int_equal(strlen(buf_cstr(&b)), max);
        buf_done(&b);
    }
}

static void lengths_near_the_end_of_size_t(void **state)
{
    struct buf b = BUF_INIT(SIZE_MAX);

    (void)state;
    assert_int_equal(buf_adds(&b, "abc"), 0);
    assert_int_equal(buf_add(&b, "x", SIZE_MAX), -EMSGSIZE);
    buf_done(&b);
}

static void cstr_of_the_empty(void **state)
{
    struct buf b = BUF_INIT(10);

    (void)state;
    assert_string_equal(buf_cstr(&b), "");
    assert_int_equal(b.len, 0);
    buf_done(&b);
    buf_done(&b);
}

static void take_moves_the_memory_out(void **state)
{
    struct buf b = BUF_INIT(4);
    size_t len = 99;
    char *s;

    (void)state;
    assert_int_equal(buf_adds(&b, "abcd"), 0);
    s = buf_take(&b, &len);
    assert_string_equal(s, "abcd");
    assert_int_equal(len, 4);
    assert_null(b.data);
    free(s);
    s = buf_take(&b, NULL);
    assert_string_equal(s, "");
    free(s);
    (void)buf_adds(&b, "abcde");
    assert_null(buf_take(&b, NULL));
    assert_int_equal(buf_ok(&b), 0);
    buf_done(&b);
}

static void check_json(const char *in, size_t len, const char *want)
{
    struct buf b = BUF_INIT(1000);

    assert_int_equal(buf_add_json(&b, in, len), 0);
    assert_string_equal(buf_cstr(&b), want);
    buf_done(&b);
}

static void json_strings(void **state)
{
    (void)state;
    check_json("", 0, "\"\"");
    check_json("plain", 5, "\"plain\"");
    check_json("a\"b\\c/", 6, "\"a\\\"b\\\\c/\"");
    check_json("\b\t\n\f\r", 5, "\"\\b\\t\\n\\f\\r\"");
    check_json("\0\x01\x1f\x7f", 4, "\"\\u0000\\u0001\\u001f\\u007f\"");
    check_json("\xc3\xa4\xe2\x82\xac", 5, "\"\xc3\xa4\xe2\x82\xac\"");
    check_json("\xf0\x9f\x98\x80", 4, "\"\xf0\x9f\x98\x80\"");
    check_json("\xc2\x80\xc2\x9f\xc2\xa0", 6, "\"\\u0080\\u009f\xc2\xa0\"");
    check_json("a\xff\xc3", 3, "\"a\xef\xbf\xbd\xef\xbf\xbd\"");
    check_json("\xe2\x82", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\"");
}

static void fixed_memory_never_grows(void **state)
{
    char memory[8];
    struct buf b = BUF_FIXED(memory);

    (void)state;
    assert_int_equal(buf_adds(&b, "1234567"), 0);
    assert_string_equal(buf_cstr(&b), "1234567");
    assert_ptr_equal(b.data, memory);
    assert_int_equal(buf_addc(&b, '8'), -EMSGSIZE);
    buf_reset(&b);
    b.max = 100; /* still not ours to grow */
    assert_int_equal(buf_adds(&b, "12345678"), -EMSGSIZE);
    assert_ptr_equal(b.data, memory);
    buf_done(&b);
    assert_null(b.data);
    assert_int_equal(buf_addc(&b, 'x'), -EMSGSIZE);
}

static void without_memory(void **state)
{
    (void)state;
    TORTURE({
        struct buf b = BUF_INIT(1 << 20);
        int r = 0;

        for (int i = 0; i < 200 && r == 0; i++)
            r = buf_addf(&b, "line %d\n", i);
        if (torture_fired) {
            assert_int_equal(r, -ENOMEM);
            assert_int_equal(buf_ok(&b), -ENOMEM);
            assert_int_equal(buf_adds(&b, "x"), -ENOMEM);
            assert_null(buf_cstr(&b));
        } else {
            assert_int_equal(r, 0);
        }
        buf_done(&b);
    });
}

static void spans(void **state)
{
    struct span none = {NULL, 0};
    struct span abc = {"abcd", 3};

    (void)state;
    assert_true(span_eq(none, none));
    assert_true(span_eqs(none, ""));
    assert_false(span_eq(none, abc));
    assert_true(span_eqs(abc, "abc"));
    assert_false(span_eqs(abc, "abcd"));
    assert_false(span_eqs(abc, "ab"));
    assert_false(span_eqs(abc, "abd"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_in_order),
        cmocka_unit_test(integers),
        cmocka_unit_test(the_maximum_holds_and_the_error_sticks),
        cmocka_unit_test(grows_to_any_maximum),
        cmocka_unit_test(lengths_near_the_end_of_size_t),
        cmocka_unit_test(cstr_of_the_empty),
        cmocka_unit_test(take_moves_the_memory_out),
        cmocka_unit_test(json_strings),
        cmocka_unit_test(fixed_memory_never_grows),
        cmocka_unit_test(without_memory),
        cmocka_unit_test(spans),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
