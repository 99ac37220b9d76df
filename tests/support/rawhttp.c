/* SPDX-License-Identifier: Apache-2.0
 *
 * support/rawhttp.c - a blunt HTTP client for tests; see rawhttp.h.
 */
#include "config.h"

#include "rawhttp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT_MS 20000

int raw_connect(unsigned port)
{
    struct sockaddr_in sin = {.sin_family = AF_INET,
                              .sin_port = htons((uint16_t)port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
    return fd;
}

int raw_connect_unix(const char *path)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_true(strlen(path) < sizeof(sun.sun_path));
    memcpy(sun.sun_path, path, strlen(path) + 1);
    assert_int_equal(connect(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
    return fd;
}

bool raw_try_send(int fd, const void *data, size_t len)
{
    const char *p = data;

    while (len > 0) {
        ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

        if (n <= 0)
            return false;
        p += n;
        len -= (size_t)n;
    }
    return true;
}

void raw_send(int fd, const void *data, size_t len)
{
    assert_true(raw_try_send(fd, data, len));
}

/* Appends what comes; false at the end of the stream. */
static bool more(int fd, char **buf, size_t *len)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    ssize_t n;

    assert_int_equal(poll(&p, 1, WAIT_MS), 1);
    *buf = realloc(*buf, *len + 65536 + 1);
    assert_non_null(*buf);
    n = read(fd, *buf + *len, 65536);
    if (n <= 0)
        return false;
    *len += (size_t)n;
    (*buf)[*len] = '\0';
    return true;
}

static size_t body_length(const char *head)
{
    const struct reply r = {.head = (char *)(uintptr_t)head};
    char text[32];

    if (!reply_header(&r, "Content-Length", text, sizeof(text)))
        return SIZE_MAX;
    return strtoul(text, NULL, 10);
}

void raw_read(int fd, bool headless, struct reply *ret)
{
    char *buf = calloc(1, 1), *end;
    size_t len = 0, want = SIZE_MAX, head;
    bool open = true;

    memset(ret, 0, sizeof(*ret));
again:
    while ((end = strstr(buf, "\r\n\r\n")) == NULL && open)
        open = more(fd, &buf, &len);
    if (end == NULL) {
        ret->head = buf;
        ret->body = calloc(1, 1);
        return;
    }
    head = (size_t)(end - buf) + 4;
    if (strncmp(buf, "HTTP/1.1 100", 12) == 0) {
        memmove(buf, buf + head, len - head + 1);
        len -= head;
        goto again;
    }
    end[2] = '\0';
    headless = headless || strncmp(buf, "HTTP/1.1 204", 12) == 0;
    want = headless ? 0 : body_length(buf);
    while (open && len - head < want)
        open = more(fd, &buf, &len);
    ret->len = len - head;
    ret->body = malloc(ret->len + 1);
    assert_non_null(ret->body);
    memcpy(ret->body, buf + head, ret->len);
    ret->body[ret->len] = '\0';
    ret->head = buf;
    assert_int_equal(sscanf(buf, "HTTP/%*s %d", &ret->status), 1);
}

void reply_done(struct reply *r)
{
    free(r->head);
    free(r->body);
    memset(r, 0, sizeof(*r));
}

bool reply_header(const struct reply *r, const char *name, char *out,
                  size_t outlen)
{
    const char *line = strchr(r->head, '\n');
    size_t n = strlen(name);

    while (line != NULL && *++line != '\0') {
        if (strncasecmp(line, name, n) == 0 && line[n] == ':') {
            line += n + 1;
            line += strspn(line, " ");
            (void)snprintf(out, outlen, "%.*s", (int)strcspn(line, "\r\n"),
                           line);
            return true;
        }
        line = strchr(line, '\n');
    }
    return false;
}

void raw_call(unsigned port, const char *method, const char *target,
              const char *headers, const char *body, struct reply *ret)
{
    size_t len = body != NULL ? strlen(body) : 0;
    int fd = raw_connect(port);
    char *text;
    int n;

    n = asprintf(&text, "%s %s HTTP/1.1\r\nHost: localhost:%u\r\n%s", method,
                 target, port, headers);
    assert_true(n > 0);
    raw_send(fd, text, (size_t)n);
    free(text);
    if (body != NULL) {
        n = asprintf(&text, "Content-Length: %zu\r\n", len);
        assert_true(n > 0);
        raw_send(fd, text, (size_t)n);
        free(text);
    }
    raw_send(fd, "\r\n", 2);
    if (len > 0)
        (void)raw_try_send(fd, body, len);
    raw_read(fd, strcmp(method, "HEAD") == 0, ret);
    close(fd);
}
