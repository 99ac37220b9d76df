/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/support/httpstub.c - an HTTP server that can do wrong; see httpstub.h.
 */
#include "config.h"

#include "support/httpstub.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_FD 8192
#define BIG (4u << 20)
#define STEP 16384
#define SCRIPT 16

struct conn {
    int fd;
    char *in;
    size_t len, cap;
    size_t big_left; /* of /big, still to send */
};

struct httpstub {
    int listener, epoll, stop[2], port;
    pthread_t thread;
    struct conn *conn[MAX_FD];
    uint64_t random;

    pthread_mutex_t mtx;
    char last[65536], heads[4096];
    struct {
        int status;
        const char *body;
    } script[SCRIPT];
    unsigned script_count, script_at;
    atomic_uint_fast64_t count, connections;
};

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    perror(what);
    abort();
}

static unsigned chance(struct httpstub *s)
{
    s->random ^= s->random << 13;
    s->random ^= s->random >> 7;
    s->random ^= s->random << 17;
    return (unsigned)(s->random >> 33);
}

static void hang_up(struct httpstub *s, struct conn *c, bool reset)
{
    const struct linger hard = {.l_onoff = 1};

    if (reset)
        (void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    (void)close(c->fd);
    s->conn[c->fd] = NULL;
    free(c->in);
    free(c);
}

/* Answers fit into the socket's buffer; /big is sent as there is room. */
static bool say(const struct conn *c, const char *text, size_t len)
{
    return send(c->fd, text, len, MSG_NOSIGNAL) == (ssize_t)len;
}

static bool answer(const struct conn *c, int status, const char *header,
                   const char *body, size_t len)
{
    char text[2048];
    int n = snprintf(text, sizeof(text),
                     "HTTP/1.1 %d Stub\r\n%sContent-Length: %zu\r\n\r\n%.*s",
                     status, header, len, (int)len, body);

    return say(c, text, (size_t)n);
}

static bool half(const struct conn *c)
{
    static const char text[] = "HTTP/1.1 200 Stub\r\nContent-Length: 99\r\n\r\n"
                               "the beginning";

    (void)say(c, text, sizeof(text) - 1);
    return false;
}

static bool go_on_big(struct httpstub *s, struct conn *c)
{
    static const char block[STEP];
    struct epoll_event e = {.events = EPOLLIN, .data.fd = c->fd};
    ssize_t n = 0;

    while (c->big_left > 0) {
        n = send(c->fd, block, c->big_left < STEP ? c->big_left : STEP,
                 MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n <= 0)
            break;
        c->big_left -= (size_t)n;
    }
    if (n < 0 && errno != EAGAIN)
        return false;
    if (c->big_left > 0)
        e.events |= EPOLLOUT;
    return epoll_ctl(s->epoll, EPOLL_CTL_MOD, c->fd, &e) == 0;
}

static bool start_big(struct httpstub *s, struct conn *c)
{
    char head[100];
    int n = snprintf(head, sizeof(head),
                     "HTTP/1.1 200 Stub\r\nContent-Length: %u\r\n\r\n", BIG);

    c->big_left = BIG;
    return say(c, head, (size_t)n) && go_on_big(s, c);
}

static bool redirect(const struct conn *c, const char *what)
{
    char header[600];

    (void)snprintf(header, sizeof(header), "Location: %s\r\n", what + 4);
    return answer(c, (int)strtol(what, NULL, 10), header, "", 0);
}

/* Does what a path says; false: the connection is to be reset. */
static bool act(struct httpstub *s, struct conn *c, const char *path)
{
    char header[600];

    if (strcmp(path, "/ok") == 0)
        return answer(c, 200, "", "fine", 4);
    if (strncmp(path, "/status/", 8) == 0)
        return answer(c, (int)strtol(path + 8, NULL, 10), "", "as asked", 8);
    if (strncmp(path, "/after/", 7) == 0) {
        (void)snprintf(header, sizeof(header), "Retry-After: %s\r\n", path + 7);
        for (char *p = header; *p != '\0'; p++)
            if (*p == '_')
                *p = ' ';
        return answer(c, 429, header, "slowly", 6);
    }
    if (strcmp(path, "/stall") == 0)
        return true;
    if (strcmp(path, "/half") == 0)
        return half(c);
    if (strcmp(path, "/big") == 0)
        return start_big(s, c);
    if (strcmp(path, "/wild") == 0)
        return answer(c, 200, "", "a\x01\xff\n\xc3\xa9<", 7);
    if (strncmp(path, "/redirect/", 10) == 0)
        return redirect(c, path + 10);
    return false;
}

static const char *mad(struct httpstub *s)
{
    static const char *const what[] = {
        "/ok",         "/ok",         "/ok",      "/status/404", "/half",
        "/status/503", "/status/503", "/after/1", "/reset",      "/ok",
    };

    if (chance(s) % 200 == 0)
        return "/stall";
    return what[chance(s) % (sizeof(what) / sizeof(what[0]))];
}

/* The length of the first request, when it is there as a whole; 0: not yet. */
static size_t whole(const struct conn *c)
{
    const char *end = memmem(c->in, c->len, "\r\n\r\n", 4);
    const char *at = c->in;
    size_t head, body = 0;

    if (end == NULL)
        return 0;
    head = (size_t)(end - c->in) + 4;
    while (at < end) {
        if (strncasecmp(at, "content-length:", 15) == 0)
            body = strtoul(at + 15, NULL, 10);
        at = (const char *)memchr(at, '\n', (size_t)(end + 4 - at)) + 1;
    }
    return c->len >= head + body ? head + body : 0;
}

/* Locked: writes the request down; its answer when there is one in the script,
 * else -2. */
static int note(struct httpstub *s, const struct conn *c, size_t n,
                const char **body)
{
    size_t used = strlen(s->heads), line = strcspn(c->in, "\r");
    const char *end = memmem(c->in, line, " HTTP/", 6);

    (void)snprintf(s->last, sizeof(s->last), "%.*s", (int)n, c->in);
    if (end != NULL)
        (void)snprintf(s->heads + used, sizeof(s->heads) - used, "%.*s\n",
                       (int)(end - c->in), c->in);
    if (s->script_at == s->script_count)
        return -2;
    *body = s->script[s->script_at].body;
    return s->script[s->script_at++].status;
}

static bool scripted(const struct conn *c, int status, const char *body)
{
    if (status <= 0)
        return status < 0;
    return answer(c, status, "", body, strlen(body));
}

static bool serve(struct httpstub *s, struct conn *c)
{
    size_t n;

    while ((n = whole(c)) > 0) {
        char path[512] = "";
        const char *body = "";
        int status = -2;
        bool well;

        (void)sscanf(c->in, "%*15s %511s", path);
        atomic_fetch_add(&s->count, 1);
        if (strcmp(path, "/mad") == 0) {
            (void)snprintf(path, sizeof(path), "%s", mad(s));
        } else {
            (void)pthread_mutex_lock(&s->mtx);
            status = note(s, c, n, &body);
            (void)pthread_mutex_unlock(&s->mtx);
        }
        path[strcspn(path, "?")] = '\0';
        memmove(c->in, c->in + n, c->len - n);
        c->len -= n;
        well = status > -2 ? scripted(c, status, body) : act(s, c, path);
        if (!well) {
            hang_up(s, c, strcmp(path, "/half") != 0);
            return false;
        }
    }
    return true;
}

static void on_input(struct httpstub *s, struct conn *c)
{
    ssize_t n;

    if (c->cap - c->len < STEP) {
        c->cap = c->len + 2 * STEP;
        c->in = realloc(c->in, c->cap);
        must(c->in != NULL, "realloc");
    }
    n = recv(c->fd, c->in + c->len, c->cap - c->len - 1, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        hang_up(s, c, false);
        return;
    }
    c->len += (size_t)n;
    c->in[c->len] = '\0';
    (void)serve(s, c);
}

static void on_connection(struct httpstub *s)
{
    const int one = 1;
    int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
    struct conn *c;

    if (fd < 0)
        return;
    must(fd < MAX_FD, "too many descriptors");
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    c = calloc(1, sizeof(*c));
    must(c != NULL, "calloc");
    c->fd = fd;
    s->conn[fd] = c;
    atomic_fetch_add(&s->connections, 1);
    must(epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &e) == 0, "epoll_ctl");
}

static void *run(void *arg)
{
    struct httpstub *s = arg;
    struct epoll_event events[256];

    for (;;) {
        int n = epoll_wait(s->epoll, events, 256, -1);

        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            struct conn *c = s->conn[fd];

            if (fd == s->stop[0])
                return NULL;
            if (fd == s->listener)
                on_connection(s);
            else if (c != NULL && (events[i].events & EPOLLOUT) != 0 &&
                     !go_on_big(s, c))
                hang_up(s, c, true);
            else if (c != NULL)
                on_input(s, c);
        }
    }
}

static void watch(const struct httpstub *s, int fd)
{
    struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};

    must(epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &e) == 0, "epoll_ctl");
}

struct httpstub *httpstub_open(void)
{
    struct httpstub *s = calloc(1, sizeof(*s));
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t len = sizeof(at);

    must(s != NULL, "calloc");
    s->random = UINT64_C(88172645463325252);
    (void)pthread_mutex_init(&s->mtx, NULL);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    s->listener =
        socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    s->epoll = epoll_create1(EPOLL_CLOEXEC);
    must(bind(s->listener, (const void *)&at, sizeof(at)) == 0 &&
             listen(s->listener, 4096) == 0 &&
             getsockname(s->listener, (void *)&at, &len) == 0 &&
             pipe2(s->stop, O_CLOEXEC) == 0,
         "httpstub");
    s->port = ntohs(at.sin_port);
    watch(s, s->listener);
    watch(s, s->stop[0]);
    must(pthread_create(&s->thread, NULL, run, s) == 0, "pthread_create");
    return s;
}

int httpstub_port(const struct httpstub *s)
{
    return s->port;
}

void httpstub_last(struct httpstub *s, char *out, unsigned long cap)
{
    (void)pthread_mutex_lock(&s->mtx);
    (void)snprintf(out, cap, "%s", s->last);
    (void)pthread_mutex_unlock(&s->mtx);
}

void httpstub_heads(struct httpstub *s, char *out, unsigned long cap)
{
    (void)pthread_mutex_lock(&s->mtx);
    (void)snprintf(out, cap, "%s", s->heads);
    s->heads[0] = '\0';
    (void)pthread_mutex_unlock(&s->mtx);
}

void httpstub_say(struct httpstub *s, int status, const char *body)
{
    (void)pthread_mutex_lock(&s->mtx);
    if (s->script_at == s->script_count)
        s->script_at = s->script_count = 0;
    must(s->script_count < SCRIPT, "script");
    s->script[s->script_count].status = status;
    s->script[s->script_count++].body = body;
    (void)pthread_mutex_unlock(&s->mtx);
}

uint64_t httpstub_count(struct httpstub *s)
{
    return atomic_load(&s->count);
}

uint64_t httpstub_connections(struct httpstub *s)
{
    return atomic_load(&s->connections);
}

void httpstub_close(struct httpstub **s)
{
    if (*s == NULL)
        return;
    must(write((*s)->stop[1], "", 1) == 1, "write");
    (void)pthread_join((*s)->thread, NULL);
    for (int i = 0; i < MAX_FD; i++)
        if ((*s)->conn[i] != NULL)
            hang_up(*s, (*s)->conn[i], false);
    (void)close((*s)->listener);
    (void)close((*s)->epoll);
    (void)close((*s)->stop[0]);
    (void)close((*s)->stop[1]);
    (void)pthread_mutex_destroy(&(*s)->mtx);
    free(*s);
    *s = NULL;
}
