/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/support/c11threads.c - C11 threads on top of POSIX ones, linked into
 * ThreadSanitizer builds only.
 *
 * ThreadSanitizer knows pthread_create and pthread_mutex_lock, but not
 * thrd_create and mtx_lock, which librdkafka uses: a thread that it has not
 * seen begin crashes in it, and a lock that it has not seen taken makes false
 * reports.  These definitions come before the C library's.  They rest on
 * glibc's types being the POSIX ones under another name.
 */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>

_Static_assert(sizeof(mtx_t) == sizeof(pthread_mutex_t), "mtx_t");
_Static_assert(sizeof(cnd_t) == sizeof(pthread_cond_t), "cnd_t");
_Static_assert(sizeof(thrd_t) == sizeof(pthread_t), "thrd_t");

struct start {
    thrd_start_t func;
    void *arg;
};

static int code(int r)
{
    switch (r) {
    case 0:
        return thrd_success;
    case ENOMEM:
        return thrd_nomem;
    case ETIMEDOUT:
        return thrd_timedout;
    case EBUSY:
        return thrd_busy;
    default:
        return thrd_error;
    }
}

static void *begin(void *p)
{
    struct start s = *(struct start *)p;

    free(p);
    return (void *)(intptr_t)s.func(s.arg);
}

int thrd_create(thrd_t *thread, thrd_start_t func, void *arg)
{
    struct start *s = malloc(sizeof(*s));
    int r;

    if (s == NULL)
        return thrd_nomem;
    s->func = func;
    s->arg = arg;
    r = pthread_create(thread, NULL, begin, s);
    if (r != 0)
        free(s);
    return code(r);
}

int thrd_join(thrd_t thread, int *ret)
{
    void *value = NULL;
    int r = pthread_join(thread, &value);

    if (r == 0 && ret != NULL)
        *ret = (int)(intptr_t)value;
    return code(r);
}

int mtx_init(mtx_t *m, int type)
{
    pthread_mutexattr_t attr;
    int r;

    pthread_mutexattr_init(&attr);
    if ((type & mtx_recursive) != 0)
        pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
    r = pthread_mutex_init((pthread_mutex_t *)m, &attr);
    pthread_mutexattr_destroy(&attr);
    return code(r);
}

void mtx_destroy(mtx_t *m)
{
    pthread_mutex_destroy((pthread_mutex_t *)m);
}

int mtx_lock(mtx_t *m)
{
    return code(pthread_mutex_lock((pthread_mutex_t *)m));
}

int mtx_trylock(mtx_t *m)
{
    return code(pthread_mutex_trylock((pthread_mutex_t *)m));
}

int mtx_unlock(mtx_t *m)
{
    return code(pthread_mutex_unlock((pthread_mutex_t *)m));
}

int cnd_init(cnd_t *c)
{
    return code(pthread_cond_init((pthread_cond_t *)c, NULL));
}

void cnd_destroy(cnd_t *c)
{
    pthread_cond_destroy((pthread_cond_t *)c);
}

int cnd_signal(cnd_t *c)
{
    return code(pthread_cond_signal((pthread_cond_t *)c));
}

int cnd_broadcast(cnd_t *c)
{
    return code(pthread_cond_broadcast((pthread_cond_t *)c));
}

int cnd_wait(cnd_t *c, mtx_t *m)
{
    return code(pthread_cond_wait((pthread_cond_t *)c, (pthread_mutex_t *)m));
}

int cnd_timedwait(cnd_t *c, mtx_t *m, const struct timespec *until)
{
    return code(pthread_cond_timedwait((pthread_cond_t *)c,
                                       (pthread_mutex_t *)m, until));
}
