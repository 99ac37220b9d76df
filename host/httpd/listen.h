/* SPDX-License-Identifier: Apache-2.0
 *
 * httpd/listen.h - listening sockets: a TCP address, a path.  Control thread.
 */
#ifndef ONTIME_HTTPD_LISTEN_H
#define ONTIME_HTTPD_LISTEN_H

#include "base/err.h"

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <time.h>

struct listen_addr {
    struct sockaddr_storage ss;
    socklen_t len;
    bool loopback;
};

/* "127.0.0.1:7070", "[::1]:0" or "localhost:7070" (which is 127.0.0.1): names
 * are not looked up.  -EINVAL with the reason. */
int listen_parse(const char *text, struct listen_addr *ret, struct err *err);

/* Binds and listens; returns the descriptor (non-blocking, close-on-exec),
 * *ret_port is the port it got. */
int listen_tcp(const struct listen_addr *a, unsigned *ret_port,
               struct err *err);

struct listen_path { /* whose file it is, for listen_unlink() */
    char *path;
    dev_t dev;
    ino_t ino;             /* may be given again to another file ... */
    struct timespec ctime; /* ... which is then younger */
};

/*
 * A unix socket at path, mode 0600; missing directories above it are made.  A
 * socket that nobody listens on is a leftover and is replaced.  -EADDRINUSE:
 * somebody listens there; -EEXIST: it is another kind of file; -ENAMETOOLONG.
 */
int listen_unix(const char *path, struct listen_path *ret, struct err *err);
/* Removes the socket's file if it is still the one that listen_unix() made;
 * frees.  Zero-initialised and done ones are fine. */
void listen_unlink(struct listen_path *lp);

#endif
