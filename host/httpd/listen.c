/* SPDX-License-Identifier: Apache-2.0
 *
 * httpd/listen.c - listening sockets; see listen.h.  Control thread.
 */
#include "config.h"

#include "httpd/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 512
#define ADDR_MAX 64

/* ---- TCP ----------------------------------------------------------------- */

static int parse_port(const char *s, in_port_t *ret)
{
    unsigned port = 0;

    if (*s == '\0' || strlen(s) > 5)
        return -EINVAL;
    for (; *s != '\0'; s++) {
        if (*s < '0' || *s > '9')
            return -EINVAL;
        port = port * 10 + (unsigned)(*s - '0');
    }
    if (port > 65535)
        return -EINVAL;
    *ret = htons((uint16_t)port);
    return 0;
}

/* host is an address without brackets. */
static int parse_host(const char *host, bool v6, in_port_t port,
                      struct listen_addr *ret)
{
    if (v6) {
        struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)&ret->ss;

        sin6->sin6_family = AF_INET6;
        sin6->sin6_port = port;
        ret->len = sizeof(*sin6);
        if (inet_pton(AF_INET6, host, &sin6->sin6_addr) != 1)
            return -EINVAL;
        ret->loopback = IN6_IS_ADDR_LOOPBACK(&sin6->sin6_addr);
    } else {
        struct sockaddr_in *sin = (struct sockaddr_in *)&ret->ss;

        sin->sin_family = AF_INET;
        sin->sin_port = port;
        ret->len = sizeof(*sin);
        if (strcmp(host, "localhost") == 0)
            host = "127.0.0.1";
        if (inet_pton(AF_INET, host, &sin->sin_addr) != 1)
            return -EINVAL;
        ret->loopback = (ntohl(sin->sin_addr.s_addr) >> 24) == 127;
    }
    return 0;
}

int listen_parse(const char *text, struct listen_addr *ret, struct err *err)
{
    const char *colon = strrchr(text, ':');
    size_t n = colon != NULL ? (size_t)(colon - text) : 0;
    bool v6 = text[0] == '[';
    char host[ADDR_MAX];
    in_port_t port = 0;

    memset(ret, 0, sizeof(*ret));
    if (colon == NULL || n == 0 || n >= sizeof(host))
        goto bad;
    memcpy(host, text, n);
    host[n] = '\0';
    if (v6) {
        if (host[n - 1] != ']')
            goto bad;
        host[n - 1] = '\0';
    }
    if (parse_port(colon + 1, &port) < 0 ||
        parse_host(v6 ? host + 1 : host, v6, port, ret) < 0)
        goto bad;
    return 0;
bad:
    return err_set(err, -EINVAL,
                   "\"%.80s\" is not an address to listen on: it has the form "
                   "127.0.0.1:7070, [::1]:7070 or localhost:7070",
                   text);
}

static int bound_port(int fd, unsigned *ret)
{
    struct sockaddr_storage ss;
    socklen_t len = sizeof(ss);

    if (getsockname(fd, (struct sockaddr *)&ss, &len) < 0)
        return -errno;
    *ret = ss.ss_family == AF_INET6
               ? ntohs(((struct sockaddr_in6 *)&ss)->sin6_port)
               : ntohs(((struct sockaddr_in *)&ss)->sin_port);
    return 0;
}

int listen_tcp(const struct listen_addr *a, unsigned *ret_port, struct err *err)
{
    int on = 1, r;
    int fd =
        socket(a->ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return err_sys(err, errno, "socket");
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        bind(fd, (const struct sockaddr *)&a->ss, a->len) < 0 ||
        listen(fd, BACKLOG) < 0) {
        r = -errno;
        goto out;
    }
    r = bound_port(fd, ret_port);
out:
    if (r < 0) {
        close(fd);
        return err_sys(err, -r, "listen");
    }
    return fd;
}

/* ---- a path -------------------------------------------------------------- */

/* mkdir -p of what is above path. */
static int make_parents(const char *path, struct err *err)
{
    char *copy = strdup(path);
    int r = 0;

    if (copy == NULL)
        return err_again(err, -ENOMEM, "no memory");
    for (char *at = copy + 1; (at = strchr(at, '/')) != NULL; at++) {
        *at = '\0';
        if (mkdir(copy, 0755) < 0 && errno != EEXIST) {
            r = err_sys(err, errno, "make directory %s", copy);
            break;
        }
        *at = '/';
    }
    free(copy);
    return r;
}

/* Does somebody listen at addr?  0: no, and the file is gone now. */
static int clear_stale(const struct sockaddr_un *addr, struct err *err)
{
    struct stat st;
    int fd, r = 0;

    if (lstat(addr->sun_path, &st) < 0)
        return errno == ENOENT ? 0 : err_sys(err, errno, "%s", addr->sun_path);
    if (!S_ISSOCK(st.st_mode))
        return err_set(err, -EEXIST, "%s exists and is not a socket",
                       addr->sun_path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_sys(err, errno, "socket");
    /* EAGAIN: somebody's backlog is full. */
    if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0 ||
        errno == EAGAIN)
        r = err_set(err, -EADDRINUSE, "%s: another process listens there",
                    addr->sun_path);
    else if (errno != ECONNREFUSED)
        r = err_sys(err, errno, "%s", addr->sun_path);
    close(fd);
    if (r == 0 && unlink(addr->sun_path) < 0 && errno != ENOENT)
        r = err_sys(err, errno, "remove %s", addr->sun_path);
    return r;
}

/* fchmod before bind: the file never has another mode (Linux), whatever the
 * umask, which belongs to all threads. */
static int bind_private(int fd, const struct sockaddr_un *addr,
                        struct listen_path *lp, struct err *err)
{
    struct stat st;

    if (fchmod(fd, 0600) < 0 ||
        bind(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0 ||
        chmod(addr->sun_path, 0600) < 0 || listen(fd, BACKLOG) < 0 ||
        lstat(addr->sun_path, &st) < 0)
        return err_sys(err, errno, "listen on %s", addr->sun_path);
    lp->dev = st.st_dev;
    lp->ino = st.st_ino;
    lp->ctime = st.st_ctim;
    return 0;
}

int listen_unix(const char *path, struct listen_path *ret, struct err *err)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    size_t n = strlen(path);
    int fd, r;

    memset(ret, 0, sizeof(*ret));
    if (n >= sizeof(addr.sun_path))
        return err_set(err, -ENAMETOOLONG,
                       "%.120s...: a socket's path has at most %zu bytes", path,
                       sizeof(addr.sun_path) - 1);
    memcpy(addr.sun_path, path, n + 1);
    r = make_parents(path, err);
    if (r == 0)
        r = clear_stale(&addr, err);
    if (r < 0)
        return r;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_sys(err, errno, "socket");
    r = bind_private(fd, &addr, ret, err);
    if (r == 0) {
        ret->path = strdup(path);
        if (ret->path == NULL)
            r = err_again(err, -ENOMEM, "no memory");
    }
    if (r < 0) {
        close(fd);
        return r;
    }
    return fd;
}

void listen_unlink(struct listen_path *lp)
{
    struct stat st;

    if (lp->path != NULL && lstat(lp->path, &st) == 0 && st.st_dev == lp->dev &&
        st.st_ino == lp->ino && st.st_ctim.tv_sec == lp->ctime.tv_sec &&
        st.st_ctim.tv_nsec == lp->ctime.tv_nsec)
        (void)unlink(lp->path);
    free(lp->path);
    memset(lp, 0, sizeof(*lp));
}
