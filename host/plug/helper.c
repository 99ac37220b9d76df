/* SPDX-License-Identifier: Apache-2.0
 *
 * plug/helper.c - a function on a thread of its own, with a deadline; see
 * helper.h.  The call is shared by two threads; the last to leave frees it.
 */
#include "config.h"

#include "plug/helper.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/thread.h"

struct helper_call {
    /* shared: under mtx */
    pthread_mutex_t mtx;
    pthread_cond_t wake;
    bool done;   /* run has come back */
    bool let_go; /* the caller waits no more */

    /* the helper's until done */
    int result;
    char text[256];

    /* frozen before the thread starts */
    struct helper_task task;
    pthread_t thread;
};

static struct helper_call *call_new(const struct helper_task *t)
{
    struct helper_call *c = calloc(1, sizeof(*c));
    pthread_condattr_t attr;

    if (c == NULL)
        return NULL;
    c->task = *t;
    (void)pthread_mutex_init(&c->mtx, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&c->wake, &attr);
    (void)pthread_condattr_destroy(&attr);
    return c;
}

static void call_free(struct helper_call *c)
{
    (void)pthread_cond_destroy(&c->wake);
    (void)pthread_mutex_destroy(&c->mtx);
    free(c);
}

static void *helper_main(void *arg)
{
    struct helper_call *c = arg;
    bool late;

    (void)crash_enter(&c->task.note);
    c->result = c->task.run(c->task.arg, c->text, sizeof(c->text));
    (void)crash_enter(NULL);
    (void)pthread_mutex_lock(&c->mtx);
    c->done = true;
    late = c->let_go;
    (void)pthread_cond_signal(&c->wake);
    (void)pthread_mutex_unlock(&c->mtx);
    if (late) {
        c->task.late(c->task.arg, c->result);
        call_free(c);
    }
    return NULL;
}

static void deadline(struct timespec *ts, int64_t timeout_ms)
{
    (void)clock_gettime(CLOCK_MONOTONIC, ts);
    ts->tv_sec += timeout_ms / 1000;
    ts->tv_nsec += timeout_ms % 1000 * 1000000;
    if (ts->tv_nsec >= 1000000000) {
        ts->tv_sec++;
        ts->tv_nsec -= 1000000000;
    }
}

static bool wait_done(struct helper_call *c, int64_t timeout_ms)
{
    struct timespec until;
    bool done;
    int r = 0;

    deadline(&until, timeout_ms);
    (void)pthread_mutex_lock(&c->mtx);
    while (!c->done && r != ETIMEDOUT)
        r = pthread_cond_timedwait(&c->wake, &c->mtx, &until);
    done = c->done;
    (void)pthread_mutex_unlock(&c->mtx);
    return done;
}

int helper_run(struct helper_task *t, int64_t timeout_ms, struct err *err)
{
    struct helper_call *c = call_new(t);
    int r;

    if (c == NULL)
        return err_set(err, -ENOMEM, "out of memory");
    r = thread_start(&c->thread, t->name, helper_main, c, err);
    if (r < 0) {
        call_free(c);
        return r;
    }
    if (!wait_done(c, timeout_ms)) {
        t->call = c;
        return -ETIMEDOUT;
    }
    (void)pthread_join(c->thread, NULL);
    t->result = c->result;
    c->text[sizeof(c->text) - 1] = '\0'; /* a plugin wrote it */
    memcpy(t->text, c->text, sizeof(t->text));
    call_free(c);
    return 0;
}

void helper_let_go(struct helper_task *t)
{
    struct helper_call *c = t->call;
    pthread_t thread = c->thread;
    bool done;

    t->call = NULL;
    (void)pthread_mutex_lock(&c->mtx);
    c->let_go = true;
    done = c->done; /* between the deadline and now */
    (void)pthread_mutex_unlock(&c->mtx);
    if (!done) {
        (void)pthread_detach(thread); /* c may be gone already */
        return;
    }
    (void)pthread_join(thread, NULL);
    c->task.late(c->task.arg, c->result);
    call_free(c);
}
