/* SPDX-License-Identifier: Apache-2.0
 *
 * base/inbox.c - the bounded mailbox.  Many threads put, one takes; all state
 * is under the box's mutex.
 */
#include "config.h"

#include "base/inbox.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* The waiting is against CLOCK_MONOTONIC. */
static int inbox_cond(pthread_cond_t *cond)
{
    pthread_condattr_t attr;
    int r = pthread_condattr_init(&attr);

    if (r != 0)
        return -r;
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    r = pthread_cond_init(cond, &attr);
    (void)pthread_condattr_destroy(&attr);
    return -r;
}

int inbox_init(struct inbox *b, size_t capacity, bool with_fd)
{
    int r;

    *b = (struct inbox){.capacity = capacity, .wake_fd = -1};
    list_init(&b->letters);
    if (with_fd) {
        b->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (b->wake_fd < 0)
            return -errno;
    }
    r = inbox_cond(&b->wake);
    if (r < 0)
        goto no_wake;
    r = inbox_cond(&b->room);
    if (r < 0)
        goto no_room;
    r = -pthread_mutex_init(&b->mtx, NULL);
    if (r < 0)
        goto no_mutex;
    return 0;
no_mutex:
    (void)pthread_cond_destroy(&b->room);
no_room:
    (void)pthread_cond_destroy(&b->wake);
no_wake:
    if (b->wake_fd >= 0)
        (void)close(b->wake_fd);
    b->wake_fd = -1;
    return r;
}

void inbox_done(struct inbox *b)
{
    assert(list_empty(&b->letters) && b->waiting == 0);
    (void)pthread_mutex_destroy(&b->mtx);
    (void)pthread_cond_destroy(&b->room);
    (void)pthread_cond_destroy(&b->wake);
    if (b->wake_fd >= 0)
        (void)close(b->wake_fd);
    b->wake_fd = -1;
}

static bool inbox_fits(const struct inbox *b, size_t weight)
{
    if (list_empty(&b->letters))
        return true;
    return b->weight <= b->capacity && weight <= b->capacity - b->weight;
}

static void inbox_signal_fd(const struct inbox *b)
{
    static const uint64_t one = 1;

    if (b->wake_fd >= 0 && write(b->wake_fd, &one, sizeof(one)) < 0)
        assert(errno == EAGAIN); /* the counter is full: readable anyway */
}

static void inbox_quiet_fd(const struct inbox *b)
{
    uint64_t n;

    if (b->wake_fd >= 0 && read(b->wake_fd, &n, sizeof(n)) < 0)
        assert(errno == EAGAIN); /* the mail came and went in one take */
}

/* Under the lock; the taker is woken once per filling. */
static void inbox_accept(struct inbox *b, struct list *letter, size_t weight)
{
    bool first = list_empty(&b->letters);

    list_push(&b->letters, letter);
    b->count++;
    b->weight = weight > SIZE_MAX - b->weight ? SIZE_MAX : b->weight + weight;
    if (first) {
        (void)pthread_cond_signal(&b->wake);
        inbox_signal_fd(b);
    }
}

enum when_full { REFUSE, WAIT, EXCEED };

static int put(struct inbox *b, struct list *letter, size_t weight,
               enum when_full full)
{
    int r = 0;

    (void)pthread_mutex_lock(&b->mtx);
    while (full == WAIT && !b->closed && !inbox_fits(b, weight)) {
        b->waiting++;
        (void)pthread_cond_wait(&b->room, &b->mtx);
        b->waiting--;
    }
    if (b->closed)
        r = -EPIPE;
    else if (full == REFUSE && !inbox_fits(b, weight))
        r = -EAGAIN;
    else
        inbox_accept(b, letter, weight);
    (void)pthread_mutex_unlock(&b->mtx);
    return r;
}

int inbox_put(struct inbox *b, struct list *letter, size_t weight)
{
    return put(b, letter, weight, REFUSE);
}

int inbox_post(struct inbox *b, struct list *letter, size_t weight)
{
    return put(b, letter, weight, EXCEED);
}

int inbox_put_wait(struct inbox *b, struct list *letter, size_t weight)
{
    return put(b, letter, weight, WAIT);
}

static struct timespec inbox_deadline(int timeout_ms)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    ts.tv_sec += timeout_ms / 1000;
    ts.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (ts.tv_nsec >= 1000000000) {
        ts.tv_nsec -= 1000000000;
        ts.tv_sec++;
    }
    return ts;
}

/* Under the lock: until there is a letter, closed, or too late. */
static void inbox_wait(struct inbox *b, int timeout_ms)
{
    struct timespec until;
    int r = 0;

    if (timeout_ms == 0)
        return;
    if (timeout_ms > 0)
        until = inbox_deadline(timeout_ms);
    while (r == 0 && !b->closed && list_empty(&b->letters))
        r = timeout_ms < 0 ? pthread_cond_wait(&b->wake, &b->mtx)
                           : pthread_cond_timedwait(&b->wake, &b->mtx, &until);
}

int inbox_take(struct inbox *b, struct list *into, int timeout_ms)
{
    int n;

    (void)pthread_mutex_lock(&b->mtx);
    inbox_wait(b, timeout_ms);
    n = b->count > INT_MAX ? INT_MAX : (int)b->count;
    if (n == 0 && b->closed)
        n = -EPIPE;
    list_splice(into, &b->letters);
    b->count = 0;
    b->weight = 0;
    if (!b->closed)
        inbox_quiet_fd(b);
    if (b->waiting > 0)
        (void)pthread_cond_broadcast(&b->room);
    (void)pthread_mutex_unlock(&b->mtx);
    return n;
}

void inbox_close(struct inbox *b)
{
    (void)pthread_mutex_lock(&b->mtx);
    b->closed = true;
    (void)pthread_cond_broadcast(&b->wake);
    (void)pthread_cond_broadcast(&b->room);
    inbox_signal_fd(b);
    (void)pthread_mutex_unlock(&b->mtx);
}
