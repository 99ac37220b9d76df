/* SPDX-License-Identifier: Apache-2.0
 *
 * support/rawhttp.h - a blunt HTTP client for tests: sends the bytes it is
 * given, reads one answer.  Fails the cmocka test when the socket does.
 */
#ifndef ONTIME_TESTS_RAWHTTP_H
#define ONTIME_TESTS_RAWHTTP_H

#include <stdbool.h>
#include <stddef.h>

struct reply {
    int status; /* 0: the connection was closed without an answer */
    char *head; /* all header lines */
    char *body; /* NUL-terminated */
    size_t len;
};

int raw_connect(unsigned port); /* to 127.0.0.1 */
int raw_connect_unix(const char *path);
void raw_send(int fd, const void *data, size_t len);
/* As raw_send, but the peer may hang up meanwhile. */
bool raw_try_send(int fd, const void *data, size_t len);
/* Reads one answer (Content-Length or until the end); headless: of a HEAD
 * request.  Waits 20 s at most. */
void raw_read(int fd, bool headless, struct reply *ret);
void reply_done(struct reply *r);
/* The header's value is copied into out; false when it is absent. */
bool reply_header(const struct reply *r, const char *name, char *out,
                  size_t outlen);

/* One request on a connection of its own.  headers: complete lines or "";
 * body NULL: none. */
void raw_call(unsigned port, const char *method, const char *target,
              const char *headers, const char *body, struct reply *ret);

#endif
