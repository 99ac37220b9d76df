/* SPDX-License-Identifier: Apache-2.0
 *
 * http.c - the HTTP client's queue and thread; see http.h.
 *
 * http_start runs on any thread and only touches the queue; everything of
 * libcurl happens on the client's thread.
 */
#include "config.h"

#include "common/http.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "common/http_inside.h"

#define EVENTS 256
#define SWEEP_MS 500
#define ROOM_WAIT_MS 100

static int64_t clock_ms(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- the queue ------------------------------------------------------------ */

static void wake(struct http *h)
{
    const uint64_t one = 1;
    ssize_t n = write(h->wake, &one, sizeof(one));

    (void)n; /* full: it is awake */
}

/* Locked.  Waits for room; false when the call is no longer wanted. */
static bool wait_room(struct http *h, struct http_call *c)
{
    while (h->open >= h->conf.max_in_flight) {
        struct timespec until;

        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += ROOM_WAIT_MS * 1000000L;
        if (until.tv_nsec >= 1000000000L) {
            until.tv_nsec -= 1000000000L;
            until.tv_sec++;
        }
        if (pthread_cond_timedwait(&h->room, &h->mtx, &until) == ETIMEDOUT &&
            !c->wanted(c))
            return false;
    }
    return true;
}

int http_start(struct http *h, struct http_call *c)
{
    bool first = false, room;

    (void)pthread_mutex_lock(&h->mtx);
    room = wait_room(h, c);
    if (room) {
        c->next = NULL;
        first = h->queue == NULL;
        *h->queue_end = c;
        h->queue_end = &c->next;
        h->open++;
    }
    (void)pthread_mutex_unlock(&h->mtx);
    if (first)
        wake(h);
    return room ? 0 : -ECANCELED;
}

void http_again(struct http *h, struct http_call *c)
{
    c->next = NULL;
    c->got_len = c->got_cap = c->seen = 0;
    c->hops = 0;
    c->get = c->denied = c->cut = c->other_host = false;
    c->retry_after[0] = '\0';
    h->ended--;
    (void)pthread_mutex_lock(&h->mtx);
    *h->queue_end = c;
    h->queue_end = &c->next;
    (void)pthread_mutex_unlock(&h->mtx);
    wake(h);
}

static struct http_call *take_queue(struct http *h, bool *stop)
{
    struct http_call *c;

    (void)pthread_mutex_lock(&h->mtx);
    c = h->queue;
    h->queue = NULL;
    h->queue_end = &h->queue;
    *stop = h->stop;
    if (h->ended > 0) {
        h->open -= h->ended;
        h->ended = 0;
        (void)pthread_cond_broadcast(&h->room);
    }
    (void)pthread_mutex_unlock(&h->mtx);
    return c;
}

/* ---- the thread ------------------------------------------------------------ */

void http_answer(struct http *h, struct http_call *c,
                 const struct http_reply *reply)
{
    char *got = c->got; /* the reply shows it */

    if (c->prev != NULL)
        c->prev->next = c->next;
    else if (h->flying == c)
        h->flying = c->next;
    if (c->next != NULL)
        c->next->prev = c->prev;
    c->got = NULL;
    h->ended++;
    c->done(c, reply);
    free(got);
}

struct http_shard *http_shard_for(struct http *h)
{
    struct http_shard *least = &h->shards[0];

    for (unsigned i = 0; i < h->shard_count; i++) {
        if (h->shards[i].calls < SHARD_CALLS)
            return &h->shards[i];
        if (h->shards[i].calls < least->calls)
            least = &h->shards[i];
    }
    return least;
}

static void begin_all(struct http *h, struct http_call *c)
{
    while (c != NULL) {
        struct http_call *next = c->next;

        c->prev = NULL;
        c->next = h->flying;
        if (h->flying != NULL)
            h->flying->prev = c;
        h->flying = c;
        (void)transfer_begin(h, c);
        c = next;
    }
}

static void collect(struct http *h, struct http_shard *s)
{
    CURLMsg *m;
    int left;

    while ((m = curl_multi_info_read(s->multi, &left)) != NULL) {
        CURLcode code = m->data.result;
        struct http_call *c = NULL;
        char *private = NULL;

        if (m->msg != CURLMSG_DONE)
            continue;
        (void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &private);
        c = (void *)private;
        transfer_end(h, c, code);
    }
}

static void act(struct http *h, struct http_shard *s, curl_socket_t fd,
                int what)
{
    int running;

    (void)curl_multi_socket_action(s->multi, fd, what, &running);
    collect(h, s);
}

static int64_t timers(struct http *h, int64_t now)
{
    int64_t next = -1;

    for (unsigned i = 0; i < h->shard_count; i++) {
        struct http_shard *s = &h->shards[i];

        if (s->timer_ms >= 0 && s->timer_ms <= now) {
            s->timer_ms = -1;
            act(h, s, CURL_SOCKET_TIMEOUT, 0);
        }
        if (s->timer_ms >= 0 && (next < 0 || s->timer_ms < next))
            next = s->timer_ms;
    }
    return next;
}

/* Calls that nobody waits for any more. */
static void sweep(struct http *h)
{
    struct http_call *c = h->flying;

    while (c != NULL) {
        struct http_call *next = c->next;

        if (!c->wanted(c))
            transfer_drop(h, c);
        c = next;
    }
}

static void handle(struct http *h, const struct epoll_event *e)
{
    uint64_t tag = e->data.u64, n;
    int what = 0;

    if (tag == UINT64_MAX) {
        ssize_t got = read(h->wake, &n, sizeof(n));

        (void)got;
        return;
    }
    if (e->events & EPOLLIN)
        what |= CURL_CSELECT_IN;
    if (e->events & EPOLLOUT)
        what |= CURL_CSELECT_OUT;
    if (e->events & (EPOLLERR | EPOLLHUP))
        what |= CURL_CSELECT_ERR;
    act(h, &h->shards[tag >> 32], (int)(tag & INT32_MAX), what);
}

static int patience(const struct http *h, int64_t now, int64_t timer)
{
    int64_t wait = h->flying != NULL ? SWEEP_MS : -1;

    if (h->ended > 0)
        return 0; /* somebody may wait for room */
    if (timer >= 0 && (wait < 0 || timer - now < wait))
        wait = timer > now ? timer - now : 0;
    return (int)wait;
}

static void *run(void *arg)
{
    struct http *h = arg;
    struct epoll_event events[EVENTS];
    int64_t swept = clock_ms();
    bool stop = false;

    while (!stop) {
        int64_t now = clock_ms();
        int64_t timer = timers(h, now);
        int n = epoll_wait(h->epoll, events, EVENTS, patience(h, now, timer));

        for (int i = 0; i < n; i++)
            handle(h, &events[i]);
        begin_all(h, take_queue(h, &stop));
        now = clock_ms();
        if (now - swept >= SWEEP_MS) {
            sweep(h);
            swept = now;
        }
    }
    do {
        while (h->flying != NULL)
            transfer_drop(h, h->flying);
        begin_all(h, take_queue(h, &stop));
    } while (h->flying != NULL);
    return NULL;
}

/* ---- libcurl's wishes ------------------------------------------------------ */

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg,
                     void *known)
{
    static char seen; /* that the socket is with epoll */
    struct http_shard *s = arg;
    struct epoll_event e = {0};

    (void)easy;
    e.data.u64 = (uint64_t)(s - s->h->shards) << 32 | (uint32_t)fd;
    if (what == CURL_POLL_REMOVE) {
        (void)epoll_ctl(s->h->epoll, EPOLL_CTL_DEL, fd, NULL);
        return 0;
    }
    if (what & CURL_POLL_IN)
        e.events |= EPOLLIN;
    if (what & CURL_POLL_OUT)
        e.events |= EPOLLOUT;
    if (known == NULL) {
        (void)curl_multi_assign(s->multi, fd, &seen);
        (void)epoll_ctl(s->h->epoll, EPOLL_CTL_ADD, fd, &e);
    } else {
        (void)epoll_ctl(s->h->epoll, EPOLL_CTL_MOD, fd, &e);
    }
    return 0;
}

static int on_timer(CURLM *multi, long ms, void *arg)
{
    struct http_shard *s = arg;

    (void)multi;
    s->timer_ms = ms < 0 ? -1 : clock_ms() + ms;
    return 0;
}

/* ---- life ------------------------------------------------------------------ */

static int open_shards(struct http *h)
{
    h->shard_count = (h->conf.max_in_flight + SHARD_CALLS - 1) / SHARD_CALLS;
    h->shards = calloc(h->shard_count, sizeof(*h->shards));
    h->idle = calloc(h->conf.max_in_flight, sizeof(*h->idle));
    if (h->shards == NULL || h->idle == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < h->shard_count; i++) {
        struct http_shard *s = &h->shards[i];

        *s = (struct http_shard){.h = h, .timer_ms = -1};
        s->multi = curl_multi_init();
        if (s->multi == NULL)
            return -ENOMEM;
        (void)curl_multi_setopt(s->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
        (void)curl_multi_setopt(s->multi, CURLMOPT_SOCKETDATA, s);
        (void)curl_multi_setopt(s->multi, CURLMOPT_TIMERFUNCTION, on_timer);
        (void)curl_multi_setopt(s->multi, CURLMOPT_TIMERDATA, s);
        (void)curl_multi_setopt(s->multi, CURLMOPT_MAXCONNECTS,
                                (long)SHARD_CALLS);
    }
    return 0;
}

static int open_wake(struct http *h)
{
    struct epoll_event e = {.events = EPOLLIN, .data.u64 = UINT64_MAX};

    h->epoll = epoll_create1(EPOLL_CLOEXEC);
    h->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (h->epoll < 0 || h->wake < 0 ||
        epoll_ctl(h->epoll, EPOLL_CTL_ADD, h->wake, &e) < 0)
        return -errno;
    return 0;
}

/* All signals belong to the host's threads. */
static int start_thread(struct http *h)
{
    sigset_t all, before;
    int r;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    r = pthread_create(&h->thread, NULL, run, h);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -r;
}

static void init_once(void)
{
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

static void destroy(struct http **h)
{
    for (unsigned i = 0; i < (*h)->idle_count; i++)
        curl_easy_cleanup((*h)->idle[i]);
    for (unsigned i = 0; (*h)->shards != NULL && i < (*h)->shard_count; i++)
        (void)curl_multi_cleanup((*h)->shards[i].multi);
    free((*h)->idle);
    free((*h)->shards);
    if ((*h)->wake >= 0)
        (void)close((*h)->wake);
    if ((*h)->epoll >= 0)
        (void)close((*h)->epoll);
    (void)pthread_cond_destroy(&(*h)->room);
    (void)pthread_mutex_destroy(&(*h)->mtx);
    free(*h);
    *h = NULL;
}

static int readable(const char *file, const char *what, char *errbuf,
                    size_t errlen)
{
    if (file == NULL || access(file, R_OK) == 0)
        return 0;
    (void)snprintf(errbuf, errlen, "%s: %s cannot be read", what, file);
    return -EINVAL;
}

int http_open(struct http **ret, const struct http_conf *conf, char *errbuf,
              size_t errlen)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_condattr_t attr;
    struct http *h;
    int r;

    *ret = NULL;
    if (readable(conf->ca_file, "ca_file", errbuf, errlen) < 0 ||
        readable(conf->client_cert, "client_cert", errbuf, errlen) < 0 ||
        readable(conf->client_key, "client_key", errbuf, errlen) < 0)
        return -EINVAL;
    h = calloc(1, sizeof(*h));
    if (h == NULL) {
        (void)snprintf(errbuf, errlen, "out of memory");
        return -ENOMEM;
    }
    (void)pthread_once(&once, init_once);
    h->conf = *conf;
    h->epoll = h->wake = -1;
    h->queue_end = &h->queue;
    (void)pthread_mutex_init(&h->mtx, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&h->room, &attr);
    (void)pthread_condattr_destroy(&attr);
    r = open_shards(h);
    if (r == 0)
        r = open_wake(h);
    if (r == 0)
        r = start_thread(h);
    if (r < 0) {
        (void)snprintf(errbuf, errlen, "the client cannot start: error %d", -r);
        destroy(&h);
        return r;
    }
    *ret = h;
    return 0;
}

void http_close(struct http **h)
{
    if (*h == NULL)
        return;
    (void)pthread_mutex_lock(&(*h)->mtx);
    (*h)->stop = true;
    (void)pthread_mutex_unlock(&(*h)->mtx);
    wake(*h);
    (void)pthread_join((*h)->thread, NULL);
    destroy(h);
}
