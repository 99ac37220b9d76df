/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of the HTTP server with clients that are broken, slow, hostile or
 * many.  The house is a fake (support/fakehouse.h).
 */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/loglevel.h"
#include "httpd/httpd.h"
#include "../support/fakehouse.h"
#include "../support/rawhttp.h"

#define BODY_MAX 4096

struct rig {
    struct fakehouse f;
    struct httpd *h;
    unsigned port;
    char dir[64];
    char sock[96];
};

static int setup(void **state)
{
    struct httpd_settings set = {.listen = "127.0.0.1:0", .max_body = BODY_MAX};
    struct rig *t = calloc(1, sizeof(*t));
    struct httpd_house house;
    struct err err;

    assert_non_null(t);
    (void)log_set_levels("off", NULL);
    (void)snprintf(t->dir, sizeof(t->dir), "/tmp/ontime-httpd-XXXXXX");
    assert_non_null(mkdtemp(t->dir));
    (void)snprintf(t->sock, sizeof(t->sock), "%s/s", t->dir);
    set.socket = t->sock;
    fakehouse_init(&t->f);
    fakehouse_add(&t->f, 77, "seven", "1", 1);
    house = fakehouse_of(&t->f);
    if (httpd_start(&set, &house, &t->h, &err) < 0)
        fail_msg("%s", err.text);
    t->port = httpd_port(t->h);
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    struct rig *t = *state;

    httpd_stop(&t->h);
    fakehouse_done(&t->f);
    assert_int_equal(rmdir(t->dir), 0); /* the socket's file is gone */
    free(t);
    return 0;
}

static void alive(struct rig *t)
{
    struct reply r;

    raw_call(t->port, "GET", "/health", "", NULL, &r);
    assert_int_equal(r.status, 200);
    reply_done(&r);
}

/* Sends text on a connection of its own; the status of the answer, 0: none. */
static int says(struct rig *t, const char *text)
{
    int fd = raw_connect(t->port), status;
    struct reply r;

    raw_send(fd, text, strlen(text));
    raw_read(fd, false, &r);
    status = r.status;
    reply_done(&r);
    close(fd);
    return status;
}

static void unix_socket(void **state)
{
    static const char text[] = "GET /health HTTP/1.1\r\nHost: x\r\n\r\n";
    struct rig *t = *state;
    struct stat st;
    struct reply r;
    int fd;

    assert_int_equal(stat(t->sock, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    fd = raw_connect_unix(t->sock);
    for (int i = 0; i < 3; i++) { /* kept alive */
        raw_send(fd, text, sizeof(text) - 1);
        raw_read(fd, false, &r);
        assert_int_equal(r.status, 200);
        reply_done(&r);
    }
    close(fd);
}

static void browsers(void **state)
{
    struct rig *t = *state;

    assert_int_equal(
        says(t, "GET /health HTTP/1.1\r\nHost: evil.example\r\n\r\n"), 421);
    assert_int_equal(says(t, "GET /health HTTP/1.0\r\n\r\n"), 200);
    assert_int_equal(says(t, "POST /api/v1/reload HTTP/1.1\r\n"
                             "Host: localhost:1\r\n"
                             "Origin: http://evil.example\r\n\r\n"),
                     403);
    assert_int_equal(t->f.reloads, 0);
    assert_int_equal(says(t, "POST /api/v1/reload HTTP/1.1\r\n"
                             "Host: localhost:1\r\n"
                             "Origin: http://localhost:1\r\n\r\n"),
                     200);
    assert_int_equal(says(t, "GET /health HTTP/1.1\r\nHost: localhost:1\r\n"
                             "Origin: http://evil.example\r\n\r\n"),
                     200);
}

static char *zeros(size_t n)
{
    char *p = malloc(n + 1);

    assert_non_null(p);
    memset(p, '0', n);
    p[n] = '\0';
    return p;
}

static void bodies_are_bounded(void **state)
{
    static const size_t sizes[] = {BODY_MAX + 1, 1 << 20, 40 << 20};
    struct rig *t = *state;
    struct reply r;
    char *body;

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        body = zeros(sizes[i]);
        raw_call(t->port, "POST", "/api/v1/jobs", "", body, &r);
        /* So much that it is not even read: the answer may be lost. */
        if (r.status != 413 && (i < 2 || r.status != 0))
            fail_msg("%zu: %d", sizes[i], r.status);
        reply_done(&r);
        free(body);
    }
    body = zeros(BODY_MAX); /* not JSON, but it fits */
    raw_call(t->port, "POST", "/api/v1/jobs", "", body, &r);
    assert_int_equal(r.status, 400);
    reply_done(&r);
    free(body);
    assert_int_equal(says(t, "POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\n"
                             "Expect: 100-continue\r\n"
                             "Content-Length: 5000\r\n\r\n"),
                     413);
    assert_int_equal(t->f.puts, 0);
    alive(t);
}

static void chunked(void **state)
{
    static const char head[] =
        "POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\n"
        "Transfer-Encoding: chunked\r\n\r\n";
    static const char two[] = "3\r\n{\"n\r\n4\r\n\":5}\r\n0\r\n\r\n";
    struct rig *t = *state;
    struct reply r;
    int fd = raw_connect(t->port);
    char *big = zeros(1000);

    raw_send(fd, head, sizeof(head) - 1);
    raw_send(fd, two, sizeof(two) - 1);
    raw_read(fd, false, &r);
    assert_int_equal(r.status, 201);
    reply_done(&r);
    raw_send(fd, head, sizeof(head) - 1);
    for (int i = 0; i < 5; i++) {
        raw_send(fd, "3e8\r\n", 5);
        raw_send(fd, big, 1000);
        raw_send(fd, "\r\n", 2);
    }
    raw_send(fd, "0\r\n\r\n", 5);
    raw_read(fd, false, &r);
    assert_int_equal(r.status, 413);
    reply_done(&r);
    close(fd);
    free(big);
}

static void without_end(void **state)
{
    static const char head[] =
        "POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\n"
        "Transfer-Encoding: chunked\r\n\r\n";
    struct rig *t = *state;
    int fd = raw_connect(t->port), i;
    char *big = zeros(65536);

    raw_send(fd, head, sizeof(head) - 1);
    for (i = 0; i < 2000; i++) { /* 128 MB, were they taken */
        if (!raw_try_send(fd, "10000\r\n", 7) ||
            !raw_try_send(fd, big, 65536) || !raw_try_send(fd, "\r\n", 2))
            break;
    }
    assert_true(i < 2000);
    close(fd);
    free(big);
    alive(t);
}

static void nonsense(void **state)
{
    static const char *const texts[] = {
        "GET\r\n\r\n",
        "\x16\x03\x01\x02\x01\x01\x01\xfc\x03\x03\r\n\r\n",
        "GET /health HTTP/9.9\r\n\r\n",
        "GET /\x01 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /%00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\n"
        "Content-Length: -1\r\n\r\n",
        "POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\n"
        "Content-Length: 99999999999999999999\r\n\r\n",
        "POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\n"
        "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    };
    struct rig *t = *state;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        int status = says(t, texts[i]);

        if (status != 0 && (status < 400 || status >= 600))
            fail_msg("%zu: %d", i, status);
        if (status == 500)
            fail_msg("%zu: an error of ours", i);
    }
    assert_int_equal(t->f.puts, 0);
    alive(t);
}

/* Clients that go away in the middle leave nothing behind (sanitizers look). */
static void hung_up(void **state)
{
    static const char text[] = "POST /api/v1/jobs HTTP/1.1\r\n"
                               "Host: localhost\r\nContent-Length: 7\r\n\r\n"
                               "{\"n\":5}";
    struct rig *t = *state;

    for (size_t n = 1; n < sizeof(text); n++) {
        int fd = raw_connect(t->port);

        raw_send(fd, text, n);
        close(fd);
    }
    fakehouse_hold(&t->f, true);
    for (int i = 0; i < 10; i++) {
        int fd = raw_connect(t->port);

        raw_send(fd, text, sizeof(text) - 1);
        fakehouse_await_put(&t->f);
        close(fd);
    }
    fakehouse_hold(&t->f, false);
    alive(t);
}

struct client {
    struct rig *t;
    pthread_t thread;
    int bad;
};

static void *hammer(void *arg)
{
    static const char *const what[][3] = {
        {"GET", "/api/v1/jobs", NULL}, {"POST", "/api/v1/jobs", "{\"n\":5}"},
        {"GET", "/metrics", NULL},     {"DELETE", "/api/v1/jobs/77", NULL},
        {"GET", "/health", NULL},      {"GET", "/api/v1/jobs/77", NULL},
    };
    struct client *c = arg;

    for (int i = 0; i < 60; i++) {
        const char *const *w = what[i % 6];
        struct reply r;

        raw_call(c->t->port, w[0], w[1], "", w[2], &r);
        c->bad += r.status != 200 && r.status != 201;
        reply_done(&r);
    }
    return NULL;
}

static void many_at_once(void **state)
{
    struct client c[8];
    struct rig *t = *state;

    for (int i = 0; i < 8; i++) {
        c[i] = (struct client){.t = t};
        assert_int_equal(pthread_create(&c[i].thread, NULL, hammer, &c[i]), 0);
    }
    for (int i = 0; i < 8; i++) {
        pthread_join(c[i].thread, NULL);
        assert_int_equal(c[i].bad, 0);
    }
    assert_int_equal(t->f.put_items, 80);
}

static void cannot_start(void **state)
{
    struct httpd_settings set = {.listen = "nowhere:1", .max_body = 1};
    struct rig *t = *state;
    struct httpd_house house = fakehouse_of(&t->f);
    struct httpd *h = NULL;
    struct err err;
    char text[64];

    assert_int_equal(httpd_start(&set, &house, &h, &err), -EINVAL);
    (void)snprintf(text, sizeof(text), "127.0.0.1:%u", t->port);
    set.listen = text;
    assert_int_equal(httpd_start(&set, &house, &h, &err), -EADDRINUSE);
    assert_non_null(strstr(err.text, text));
    set.listen = "127.0.0.1:0";
    set.socket = t->sock;
    assert_int_equal(httpd_start(&set, &house, &h, &err), -EADDRINUSE);
    assert_null(h);
    assert_int_equal(access(t->sock, F_OK), 0); /* the other's */
    set.listen = set.socket = NULL;
    assert_int_equal(httpd_start(&set, &house, &h, &err), 0);
    assert_int_equal(httpd_port(h), 0);
    httpd_stop(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(unix_socket, setup, teardown),
        cmocka_unit_test_setup_teardown(browsers, setup, teardown),
        cmocka_unit_test_setup_teardown(bodies_are_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(chunked, setup, teardown),
        cmocka_unit_test_setup_teardown(without_end, setup, teardown),
        cmocka_unit_test_setup_teardown(nonsense, setup, teardown),
        cmocka_unit_test_setup_teardown(hung_up, setup, teardown),
        cmocka_unit_test_setup_teardown(many_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(cannot_start, setup, teardown),
    };

    return cmocka_run_group_tests_name("httpd/rough", tests, NULL, NULL);
}
