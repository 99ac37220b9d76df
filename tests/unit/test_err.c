/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_err.c - base/err.
 */
#include "config.h"

#include "base/err.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void set_fills_and_returns_the_code(void **state)
{
    struct err err;

    (void)state;
    assert_int_equal(err_set(&err, -EINVAL, "port %d", 70000), -EINVAL);
    assert_int_equal(err.code, -EINVAL);
    assert_false(err.retry);
    assert_string_equal(err.text, "port 70000");
}

static void again_says_retry(void **state)
{
    struct err err;

    (void)state;
    assert_int_equal(err_again(&err, -EBUSY, "busy"), -EBUSY);
    assert_true(err.retry);
    assert_string_equal(err.text, "busy");
}

static void sys_appends_the_text(void **state)
{
    struct err err;

    (void)state;
    assert_int_equal(err_sys(&err, ENOENT, "open %s", "/x"), -ENOENT);
    assert_int_equal(err.code, -ENOENT);
    assert_false(err.retry);
    assert_string_equal(err.text, "open /x: No such file or directory");
}

static void wrap_keeps_code_and_retry(void **state)
{
    struct err err;

    (void)state;
    (void)err_again(&err, -EBUSY, "locked");
    assert_int_equal(err_wrap(&err, "table %s", "jobs"), -EBUSY);
    assert_int_equal(err_wrap(&err, "open store"), -EBUSY);
    assert_true(err.retry);
    assert_int_equal(err.code, -EBUSY);
    assert_string_equal(err.text, "open store: table jobs: locked");
}

static void null_is_allowed(void **state)
{
    (void)state;
    assert_int_equal(err_set(NULL, -EINVAL, "x"), -EINVAL);
    assert_int_equal(err_again(NULL, -EAGAIN, "x"), -EAGAIN);
    assert_int_equal(err_sys(NULL, ENOSPC, "x"), -ENOSPC);
    assert_int_equal(err_wrap(NULL, "x"), -EIO);
}

static void newlines_at_the_end_are_cut(void **state)
{
    struct err err;

    (void)state;
    (void)err_set(&err, -EIO, "from a library\r\n\n");
    assert_string_equal(err.text, "from a library");
    (void)err_set(&err, -EIO, "\n");
    assert_string_equal(err.text, "");
}

static void long_texts_are_cut(void **state)
{
    char text[2000];
    struct err err;

    (void)state;
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    (void)err_set(&err, -EIO, "%s", text);
    assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
    (void)err_wrap(&err, "%s", text);
    assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
    (void)err_sys(&err, EIO, "%s", text);
    assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
}

static void arguments_may_be_the_text_itself(void **state)
{
    struct err err;

    (void)state;
    (void)err_set(&err, -EIO, "inner");
    (void)err_set(&err, -EINVAL, "outer (%s)", err.text);
    assert_string_equal(err.text, "outer (inner)");
    (void)err_wrap(&err, "<%s>", err.text);
    assert_string_equal(err.text, "<outer (inner)>: outer (inner)");
}

static void names_are_never_null(void **state)
{
    (void)state;
    assert_string_equal(err_name(EPIPE), "Broken pipe");
    assert_string_equal(err_name(100000), "unknown error");
    assert_string_equal(err_name(-1), "unknown error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_fills_and_returns_the_code),
        cmocka_unit_test(again_says_retry),
        cmocka_unit_test(sys_appends_the_text),
        cmocka_unit_test(wrap_keeps_code_and_retry),
        cmocka_unit_test(null_is_allowed),
        cmocka_unit_test(newlines_at_the_end_are_cut),
        cmocka_unit_test(long_texts_are_cut),
        cmocka_unit_test(arguments_may_be_the_text_itself),
        cmocka_unit_test(names_are_never_null),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
