/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of httpd/listen.h: addresses, and a socket's file.
 */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "httpd/listen.h"
#include "../support/rawhttp.h"

struct place {
    char dir[64];
    char sock[128];
};

static int setup(void **state)
{
    struct place *p = calloc(1, sizeof(*p));

    assert_non_null(p);
    (void)snprintf(p->dir, sizeof(p->dir), "/tmp/ontime-listen-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    (void)snprintf(p->sock, sizeof(p->sock), "%s/run/a.sock", p->dir);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;
    char sub[128];

    (void)unlink(p->sock);
    (void)snprintf(sub, sizeof(sub), "%s/run", p->dir);
    (void)rmdir(sub);
    assert_int_equal(rmdir(p->dir), 0);
    free(p);
    return 0;
}

static void addresses(void **state)
{
    static const struct {
        const char *text;
        bool loopback;
    } good[] = {
        {"127.0.0.1:7070", true}, {"127.8.9.1:0", true}, {"localhost:1", true},
        {"[::1]:65535", true},    {"0.0.0.0:80", false}, {"[::]:80", false},
        {"192.168.1.2:9", false},
    };
    static const char *const bad[] = {
        "",
        ":",
        "7070",
        "127.0.0.1",
        ":7070",
        "[::1]",
        "::1:80",
        "example:80",
        "1.2.3:80",
        "127.0.0.1:",
        "[::1:1",
        "[::1]]:80",
        "127.0.0.1:x",
        "127.0.0.1:65536",
        "127.0.0.1:-1",
        "127.0.0.1:123456",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:1",
    };
    struct listen_addr a;
    struct err err;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(listen_parse(good[i].text, &a, &err), 0);
        assert_int_equal(a.loopback, good[i].loopback);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (listen_parse(bad[i], &a, &err) != -EINVAL)
            fail_msg("accepted %s", bad[i]);
        assert_non_null(strstr(err.text, "127.0.0.1:7070"));
    }
}

static void port_0_is_some_port(void **state)
{
    unsigned port = 0, other;
    struct listen_addr a;
    struct err err;
    int fd, c;

    (void)state;
    assert_int_equal(listen_parse("127.0.0.1:0", &a, &err), 0);
    fd = listen_tcp(&a, &port, &err);
    assert_true(fd >= 0);
    assert_true(port > 0);
    c = raw_connect(port);
    close(c);
    ((struct sockaddr_in *)&a.ss)->sin_port = htons((uint16_t)port);
    assert_int_equal(listen_tcp(&a, &other, &err), -EADDRINUSE);
    close(fd);
}

static void socket_is_private(void **state)
{
    struct place *p = *state;
    struct listen_path lp;
    struct stat st;
    struct err err;
    int fd, c;
    mode_t old = umask(0);

    fd = listen_unix(p->sock, &lp, &err);
    umask(old);
    assert_true(fd >= 0);
    assert_int_equal(lstat(p->sock, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    c = raw_connect_unix(p->sock);
    close(c);
    listen_unlink(&lp);
    close(fd);
    assert_int_equal(lstat(p->sock, &st), -1);
    listen_unlink(&lp); /* once more is fine */
}

static void leftover_is_replaced_but_not_a_live_one(void **state)
{
    struct listen_path lp, second, third;
    struct place *p = *state;
    struct stat st;
    struct err err;
    int fd, again;

    fd = listen_unix(p->sock, &lp, &err);
    assert_true(fd >= 0);
    assert_int_equal(listen_unix(p->sock, &second, &err), -EADDRINUSE);
    assert_non_null(strstr(err.text, "another process"));
    close(fd); /* as after a crash: the file stays */
    again = listen_unix(p->sock, &third, &err);
    assert_true(again >= 0);
    listen_unlink(&lp); /* not its file any more */
    assert_int_equal(lstat(p->sock, &st), 0);
    listen_unlink(&third);
    assert_int_equal(lstat(p->sock, &st), -1);
    close(again);
}

static void other_files_are_left_alone(void **state)
{
    struct place *p = *state;
    struct listen_path lp;
    char longest[200];
    struct err err;
    FILE *f;

    (void)snprintf(longest, sizeof(longest), "%s/run", p->dir);
    assert_int_equal(mkdir(longest, 0755), 0);
    f = fopen(p->sock, "w");
    assert_non_null(f);
    fclose(f);
    assert_int_equal(listen_unix(p->sock, &lp, &err), -EEXIST);
    assert_int_equal(access(p->sock, F_OK), 0);
    memset(longest, 'x', sizeof(longest) - 1);
    longest[0] = '/';
    longest[sizeof(longest) - 1] = '\0';
    assert_int_equal(listen_unix(longest, &lp, &err), -ENAMETOOLONG);
    assert_int_equal(listen_unix("/proc/none/x", &lp, &err), -ENOENT);
    assert_non_null(strstr(err.text, "/proc/none"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses),
        cmocka_unit_test(port_0_is_some_port),
        cmocka_unit_test_setup_teardown(socket_is_private, setup, teardown),
        cmocka_unit_test_setup_teardown(leftover_is_replaced_but_not_a_live_one,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(other_files_are_left_alone, setup,
                                        teardown),
    };

    return cmocka_run_group_tests_name("httpd/listen", tests, NULL, NULL);
}
