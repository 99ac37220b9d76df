/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_utf8.c - base/utf8.
 */
#include "config.h"

#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* The encoding of c without any check; returns its length. */
static size_t encode(uint32_t c, uint8_t out[4])
{
    if (c < 0x80) {
        out[0] = (uint8_t)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (uint8_t)(0xc0 | c >> 6);
        out[1] = (uint8_t)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (uint8_t)(0xe0 | c >> 12);
        out[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        out[2] = (uint8_t)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (uint8_t)(0xf0 | c >> 18);
    out[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
    out[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
    out[3] = (uint8_t)(0x80 | (c & 0x3f));
    return 4;
}

static void every_character_but_surrogates(void **state)
{
    (void)state;
    for (uint32_t c = 0; c < 0x1fffff; c++) {
        uint8_t text[4];
        size_t n = encode(c, text);
        bool valid = c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);

        assert_int_equal(utf8_step(text, n), valid ? n : 0);
        assert_int_equal(utf8_valid(text, n), valid);
        if (n > 1)
            assert_int_equal(utf8_step(text, n - 1), 0); /* cut off */
    }
}

static void overlong_forms_and_stray_bytes(void **state)
{
    static const char *const bad[] = {
        "\xc0\x80",
        "\xc1\xbf",
        "\xe0\x80\x80",
        "\xe0\x9f\xbf",
        "\xf0\x80\x80\x80",
        "\xf0\x8f\xbf\xbf",
        "\x80",
        "\xbf",
        "\xfe",
        "\xff",
        "\xc3(",
        "\xe2\x82(",
        "\xf5\x80\x80\x80",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(utf8_step(bad[i], strlen(bad[i])), 0);
        assert_false(utf8_valid(bad[i], strlen(bad[i])));
    }
}

/* The eight-bytes-at-a-time path must see a bad byte wherever it stands. */
static void a_bad_byte_anywhere(void **state)
{
    char text[40];

    (void)state;
    for (size_t len = 0; len <= sizeof(text); len++) {
        memset(text, 'a', sizeof(text));
        assert_true(utf8_valid(text, len));
        for (size_t at = 0; at < len; at++) {
            memset(text, 'a', sizeof(text));
            text[at] = '\xff';
            assert_false(utf8_valid(text, len));
            if (at + 2 <= len) {
                memcpy(text + at, "\xc3\xa4", 2);
                assert_true(utf8_valid(text, len));
                assert_false(utf8_valid(text, at + 1));
            }
        }
    }
}

static void empty_and_nul_are_valid(void **state)
{
    (void)state;
    assert_true(utf8_valid(NULL, 0));
    assert_true(utf8_valid("\0", 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_character_but_surrogates),
        cmocka_unit_test(overlong_forms_and_stray_bytes),
        cmocka_unit_test(a_bad_byte_anywhere),
        cmocka_unit_test(empty_and_nul_are_valid),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
