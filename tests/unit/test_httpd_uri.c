/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of httpd/uri.h and httpd/guard.h: targets taken apart, and whom a
 * browser may speak for.
 */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "httpd/guard.h"
#include "httpd/uri.h"

static struct uri parse(const char *target)
{
    struct err err;
    struct uri u;

    if (uri_parse(target, &u, &err) < 0)
        fail_msg("%s: %s", target, err.text);
    return u;
}

static void refused(const char *target, const char *why)
{
    struct err err;
    struct uri u;

    assert_int_equal(uri_parse(target, &u, &err), -EINVAL);
    if (strstr(err.text, why) == NULL)
        fail_msg("%s: %s", target, err.text);
    uri_done(&u);
}

static void path_is_split(void **state)
{
    struct uri u = parse("/api/v1/jobs/12");

    (void)state;
    assert_int_equal(u.segments, 4);
    assert_string_equal(u.segment[0], "api");
    assert_string_equal(u.segment[3], "12");
    assert_int_equal(u.params, 0);
    uri_done(&u);
    assert_null(u.text);

    u = parse("/");
    assert_int_equal(u.segments, 0);
    uri_done(&u);
    u = parse("/jobs/");
    assert_int_equal(u.segments, 1);
    uri_done(&u);
    u = parse("/a//b");
    assert_int_equal(u.segments, 3);
    assert_string_equal(u.segment[1], "");
    uri_done(&u);
    u = parse("http://host:1/a/b");
    assert_int_equal(u.segments, 2);
    uri_done(&u);
}

static void escapes_are_decoded_after_the_split(void **state)
{
    struct uri u = parse("/a%2Fb/%C3%A9+c?k%3d=1%262&x=a+b%2b&flag&empty=");

    (void)state;
    assert_int_equal(u.segments, 2);
    assert_string_equal(u.segment[0], "a/b");
    assert_string_equal(u.segment[1], "\xc3\xa9+c");
    assert_int_equal(u.params, 4);
    assert_string_equal(uri_param(&u, "k="), "1&2");
    assert_string_equal(uri_param(&u, "x"), "a b+");
    assert_string_equal(uri_param(&u, "flag"), "");
    assert_string_equal(uri_param(&u, "empty"), "");
    assert_null(uri_param(&u, "y"));
    uri_done(&u);
    u = parse("/?a=1&&b=2&");
    assert_int_equal(u.params, 2);
    uri_done(&u);
    u = parse("/?a=b=c?d");
    assert_string_equal(uri_param(&u, "a"), "b=c?d");
    uri_done(&u);
}

static void bad_targets_are_refused(void **state)
{
    (void)state;
    refused("", "not a path");
    refused("*", "not a path");
    refused("jobs", "not a path");
    refused("http://host", "not a path");
    refused("/a#b", "not a path");
    refused("/%", "escape");
    refused("/%4", "escape");
    refused("/%zz", "escape");
    refused("/?a=%1", "escape");
    refused("/%00", "control");
    refused("/%0a", "control");
    refused("/a\x7f", "control");
    refused("/%ff", "UTF-8");
    refused("/?%c3=1", "UTF-8");
    refused("/%ed%a0%80", "UTF-8");
    refused("/?a=1&a=2", "twice");
    refused("/1/2/3/4/5/6/7/8/9/10/11/12/13", "parts");
    refused("/?a&b&c&d&e&f&g&h&i&j&k&l&m&n&o&p&q", "parameters");
}

static void local_hosts(void **state)
{
    static const char *const good[] = {
        "localhost",   "LOCALHOST:80", "localhost:7070", "127.0.0.1:1",
        "192.168.0.1", "[::1]:7070",   "[::1]",          "ontime.localhost:1",
    };
    static const char *const bad[] = {
        "",
        "example.com",
        "example.com:80",
        "localhost.",
        ".localhost",
        "localhost:",
        "localhost:80x",
        "localhost:123456",
        "[::1",
        "[::1]x",
        "[localhost]",
        "evillocalhost",
        "127.0.0.1.example.com",
        "127.1",
        "::1",
    };
    char longest[300];

    (void)state;
    assert_true(guard_host(NULL));
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        if (!guard_host(good[i]))
            fail_msg("refused %s", good[i]);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (guard_host(bad[i]))
            fail_msg("accepted %s", bad[i]);
    }
    memset(longest, 'a', sizeof(longest) - 1);
    memcpy(longest + 280, ".localhost", 11);
    assert_false(guard_host(longest));
}

static void only_the_same_origin_changes(void **state)
{
    (void)state;
    assert_true(guard_origin(NULL, "localhost:7070"));
    assert_true(guard_origin("http://localhost:7070", "localhost:7070"));
    assert_true(guard_origin("https://LOCALHOST:7070", "localhost:7070"));
    assert_false(guard_origin("http://localhost:7071", "localhost:7070"));
    assert_false(guard_origin("http://example.com", "localhost:7070"));
    assert_false(guard_origin("null", "localhost:7070"));
    assert_false(guard_origin("", "localhost:7070"));
    assert_false(guard_origin("http://localhost:7070", NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(path_is_split),
        cmocka_unit_test(escapes_are_decoded_after_the_split),
        cmocka_unit_test(bad_targets_are_refused),
        cmocka_unit_test(local_hosts),
        cmocka_unit_test(only_the_same_origin_changes),
    };

    return cmocka_run_group_tests_name("httpd/uri", tests, NULL, NULL);
}
