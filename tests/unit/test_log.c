/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_log.c - base/log and base/loglevel.  Lines go to a socket
 * that keeps the bounds of writes: one packet is one write(2).
 */
#include "config.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/json.h"

static int sock[2];
static char line[2 * LOG_LINE_MAX];

static int setup(void **state)
{
    (void)state;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sock) < 0)
        return -1;
    if (fcntl(sock[0], F_SETFL, O_NONBLOCK) < 0 ||
        fcntl(sock[1], F_SETFL, O_NONBLOCK) < 0)
        return -1;
    log_set_fd(sock[1]);
    log_set_format(LOG_KV);
    return log_set_levels("info", NULL);
}

static int teardown(void **state)
{
    (void)state;
    log_set_fd(2);
    (void)close(sock[0]);
    (void)close(sock[1]);
    return 0;
}

/* The next packet, in line[], which must be one line; 0 when there is none. */
static size_t next_line(void)
{
    ssize_t n = recv(sock[0], line, sizeof(line) - 1, 0);

    if (n < 0)
        return 0;
    assert_true(n > 1 && n <= LOG_LINE_MAX);
    line[n] = '\0';
    assert_int_equal(strlen(line), n);
    assert_ptr_equal(strchr(line, '\n'), line + n - 1);
    return (size_t)n;
}

static void expect(const char *want_after_time)
{
    assert_true(next_line() > 0);
    assert_non_null(strchr(line, ' '));
    assert_string_equal(strchr(line, ' ') + 1, want_after_time);
    assert_int_equal(next_line(), 0);
}

static void key_value_lines(void **state)
{
    struct err err;

    (void)state;
    (void)err_set(&err, -ENOSPC, "disk is full");
    log_warn("store", LOG_EVENT("write_failed"), LOG_INT("jobs", 12),
             LOG_ERR(&err));
    expect("level=warn module=store event=write_failed jobs=12 "
           "error=\"disk is full\"\n");
    log_error("x", LOG_INT("min", INT64_MIN), LOG_STR("none", NULL),
              LOG_SPAN("cut", "abcdef", 3), LOG_STR("path", "/a/b-c_d:1.5"));
    expect("level=error module=x min=-9223372036854775808 none=\"\" cut=abc "
           "path=/a/b-c_d:1.5\n");
}

static void the_time_is_utc_with_ms(void **state)
{
    struct tm tm = {0};
    int64_t before = clock_wall_ms();
    int64_t then;
    int ms = -1;
    int n = 0;

    (void)state;
    log_info("x", LOG_EVENT("y"));
    assert_true(next_line() > 0);
    assert_int_equal(sscanf(line, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ%n", &tm.tm_year,
                            &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min,
                            &tm.tm_sec, &ms, &n),
                     7);
    assert_int_equal(n, strlen("2026-01-31T10:00:00.123Z"));
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    then = (int64_t)timegm(&tm) * 1000 + ms;
    assert_true(then >= before && then <= clock_wall_ms());
}

static void values_cannot_forge_lines(void **state)
{
    (void)state;
    log_info("x", LOG_STR("v", "a\nlevel=error \x1b[31m\"\\\x7f\xc2\x9b"),
             LOG_STR("eq", "a=b"), LOG_STR("utf8", "gr\xc3\xbc\xc3\x9f"),
             LOG_STR("bad", "\xff"), LOG_SPAN("nul", "a\0b", 3),
             LOG_STR("bad key=\n", "1"));
    expect("level=info module=x "
           "v=\"a\\nlevel=error \\u001b[31m\\\"\\\\\\u007f\\u009b\" "
           "eq=\"a=b\" utf8=\"gr\xc3\xbc\xc3\x9f\" bad=\"\xef\xbf\xbd\" "
           "nul=\"a\\u0000b\" bad_key__=1\n");
}

static void json_lines(void **state)
{
    struct json *j = NULL;
    int64_t v = 0;

    (void)state;
    log_set_format(LOG_JSON);
    log_info("store", LOG_EVENT("up"), LOG_INT("jobs", -12),
             LOG_STR("text", "a \"b\"\n\xff"), LOG_STR("a \"key\"", "k"));
    assert_true(next_line() > 0);
    assert_int_equal(json_parse(line, strlen(line), &j, NULL), 0);
    assert_int_equal(json_kind(j, "time"), JSON_STRING);
    assert_string_equal(json_string(j, "level", NULL), "info");
    assert_string_equal(json_string(j, "module", NULL), "store");
    assert_string_equal(json_string(j, "event", NULL), "up");
    assert_int_equal(json_int64(j, "jobs", &v), 0);
    assert_int_equal(v, -12);
    assert_string_equal(json_string(j, "text", NULL), "a \"b\"\n\xef\xbf\xbd");
    assert_string_equal(json_string(j, "a \"key\"", NULL), "k");
    json_free(&j);
}

/* A value that takes size bytes of the line. */
static void check_long(const char *text, size_t size, bool json)
{
    bool cut;

    log_info("x", LOG_STR("v", text), LOG_INT("after", 4711));
    assert_true(next_line() > 0);
    cut = strstr(line, "truncated") != NULL;
    if (size < 3900)
        assert_false(cut);
    if (size > LOG_LINE_MAX)
        assert_true(cut);
    if (size < 3900 || size > LOG_LINE_MAX)
        assert_non_null(strstr(line, "after"));
    assert_null(strstr(line, "\xef\xbf\xbd")); /* whole characters only */
    if (json) {
        struct json *j = NULL;

        assert_int_equal(json_parse(line, strlen(line), &j, NULL), 0);
        json_free(&j);
    }
}

/* Values of many lengths around the limit, plain ones and ones that grow. */
static void long_lines_are_cut(void **state)
{
    static const struct {
        const char *unit;
        size_t size;
    } kinds[] = {{"a", 1}, {"\x01", 6}, {"\xe2\x82\xac", 3}};
    static char text[3 * LOG_LINE_MAX + 64];

    (void)state;
    for (size_t kind = 0; kind < 6; kind++) {
        const char *unit = kinds[kind / 2].unit;
        size_t len = 0;

        log_set_format(kind % 2 == 0 ? LOG_KV : LOG_JSON);
        for (size_t n = 1; n <= LOG_LINE_MAX + 10; n++) {
            memcpy(text + len, unit, strlen(unit) + 1);
            len += strlen(unit);
            if (n % 61 == 0 || n > LOG_LINE_MAX - 150)
                check_long(text, n * kinds[kind / 2].size, kind % 2 == 1);
        }
    }
}

static void too_many_fields_are_dropped(void **state)
{
    struct log_field f[600];

    (void)state;
    for (size_t i = 0; i < 600; i++)
        f[i] = LOG_STR("key", "value");
    for (int format = LOG_KV; format <= LOG_JSON; format++) {
        log_set_format((enum log_format)format);
        log_write(LOG_INFO, "x", f, 600);
        assert_true(next_line() > LOG_LINE_MAX - 100);
        assert_non_null(strstr(line, "truncated"));
    }
}

static void levels(void **state)
{
    (void)state;
    assert_false(log_wanted(LOG_DEBUG, "store"));
    assert_true(log_wanted(LOG_INFO, "store"));
    assert_int_equal(log_set_levels("warn,store=debug, kafka=off", NULL), 0);
    assert_true(log_wanted(LOG_DEBUG, "store"));
    assert_false(log_wanted(LOG_ERROR, "kafka"));
    assert_false(log_wanted(LOG_INFO, "other"));
    assert_true(log_wanted(LOG_WARN, "other"));
    log_info("other", LOG_EVENT("no"));
    log_error("kafka", LOG_EVENT("no"));
    assert_int_equal(next_line(), 0);
    log_debug("store", LOG_EVENT("yes"));
    expect("level=debug module=store event=yes\n");
    /* exceptions end with the next setting, and info is the default */
    assert_int_equal(log_set_levels("kafka=error", NULL), 0);
    assert_false(log_wanted(LOG_DEBUG, "store"));
    assert_true(log_wanted(LOG_INFO, "store"));
    assert_false(log_wanted(LOG_WARN, "kafka"));
    assert_int_equal(log_set_levels("off", NULL), 0);
    assert_false(log_wanted(LOG_ERROR, "store"));
    assert_false(log_wanted(LOG_OFF, "store"));
}

static void bad_levels_change_nothing(void **state)
{
    static const char *const bad[] = {
        "",
        "loud",
        "info,",
        "info,store=",
        "=debug",
        "a b=info",
        "store=INFO",
        "info,,warn",
        "store=debug,kafka=infos",
    };
    struct err err;

    (void)state;
    assert_int_equal(log_set_levels("warn,store=error", NULL), 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(log_set_levels(bad[i], &err), -EINVAL);
        assert_true(log_wanted(LOG_WARN, "x"));
        assert_false(log_wanted(LOG_INFO, "x"));
        assert_false(log_wanted(LOG_WARN, "store"));
    }
    assert_non_null(strstr(err.text, "kafka=infos"));
    assert_null(strstr(err.text, "store=debug"));
}

static void names_of_modules_are_bounded(void **state)
{
    char spec[32];
    struct err err;
    int r = 0;
    int i;

    (void)state;
    for (i = 0; i <= LOG_MODULES_MAX && r == 0; i++) {
        (void)snprintf(spec, sizeof(spec), "module%d=debug", i);
        r = log_set_levels(spec, &err);
    }
    assert_int_equal(r, -ENOSPC);
    assert_true(i > LOG_MODULES_MAX - 10); /* some are of tests before */
    assert_int_equal(log_set_levels("module0=debug", NULL), 0);
    assert_true(log_wanted(LOG_DEBUG, "module0"));
}

static void errno_survives_and_lines_are_counted(void **state)
{
    uint64_t was = log_count(LOG_WARN);

    (void)state;
    errno = ENOTTY;
    log_warn("x", LOG_EVENT("y"));
    log_info("x", LOG_EVENT("y"));
    log_debug("x", LOG_EVENT("not wanted"));
    assert_int_equal(errno, ENOTTY);
    assert_int_equal(log_count(LOG_WARN) - was, 1);
    log_set_fd(-1);
    errno = ENOTTY;
    log_warn("x", LOG_EVENT("nowhere"));
    assert_int_equal(errno, ENOTTY);
    assert_int_equal(log_count(LOG_OFF), 0);
    assert_string_equal(log_level_name(LOG_DEBUG), "debug");
    assert_string_equal(log_level_name(LOG_OFF), "off");
}

/* The reader sleeps: nobody may wait for it. */
static void a_full_pipe_does_not_block(void **state)
{
    size_t got = 0;

    (void)state;
    for (int i = 0; i < 20000; i++)
        log_info("x", LOG_INT("i", i));
    while (next_line() > 0)
        got++;
    assert_true(got > 0 && got < 20000);
}

static void *talk(void *arg)
{
    for (int i = 0; i < 100; i++) {
        log_info("thread", LOG_INT("id", *(int *)arg), LOG_INT("i", i));
        (void)log_set_levels(i % 2 == 0 ? "info" : "info,thread=debug", NULL);
    }
    return NULL;
}

static void threads_never_mix(void **state)
{
    static int ids[] = {0, 1, 2, 3};
    pthread_t t[4];
    int next[4] = {0};
    int got = 0;
    int64_t until = clock_mono_ns() + 30 * (int64_t)1000000000;

    (void)state;
    /* this time writers wait */
    assert_int_equal(fcntl(sock[1], F_SETFL, 0), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&t[i], NULL, talk, &ids[i]), 0);
    while (got < 400 && clock_mono_ns() < until) {
        int id;
        int i;

        if (next_line() == 0)
            continue;
        assert_int_equal(sscanf(strchr(line, ' '),
                                " level=info module=thread id=%d i=%d\n", &id,
                                &i),
                         2);
        assert_int_equal(i, next[id]++);
        got++;
    }
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_join(t[i], NULL), 0);
    assert_int_equal(got, 400);
}

static void complaints_grow_patient(void **state)
{
    struct log_complaint c = {0};
    unsigned swallowed = 99;
    int64_t now = 5000000;
    int spoken = 0;

    (void)state;
    assert_false(log_calm(&c)); /* nothing to end */
    assert_true(log_complain(&c, now, &swallowed));
    assert_int_equal(swallowed, 0);
    assert_false(log_complain(&c, now, &swallowed));
    assert_false(log_complain(&c, now + 999, &swallowed));
    assert_true(log_complain(&c, now + 1000, &swallowed));
    assert_int_equal(swallowed, 2);
    assert_false(log_complain(&c, now + 2999, NULL));
    assert_true(log_complain(&c, now + 3000, NULL));
    /* an hour of it: 8, 16, .. 256, then every 300 s */
    for (int64_t ms = 3001; ms < 3600000; ms += 100)
        spoken += log_complain(&c, now + ms, &swallowed);
    assert_int_equal(spoken, 17);
    assert_int_equal(swallowed, 2999);
    assert_true(log_calm(&c));
    assert_false(log_calm(&c));
    assert_true(log_complain(&c, now, &swallowed));
    assert_int_equal(swallowed, 0);
}

#define LOG_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_TEST(key_value_lines),
        LOG_TEST(the_time_is_utc_with_ms),
        LOG_TEST(values_cannot_forge_lines),
        LOG_TEST(json_lines),
        LOG_TEST(long_lines_are_cut),
        LOG_TEST(too_many_fields_are_dropped),
        LOG_TEST(levels),
        LOG_TEST(bad_levels_change_nothing),
        LOG_TEST(errno_survives_and_lines_are_counted),
        LOG_TEST(a_full_pipe_does_not_block),
        LOG_TEST(threads_never_mix),
        LOG_TEST(names_of_modules_are_bounded),
        cmocka_unit_test(complaints_grow_patient),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
