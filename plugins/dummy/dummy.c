/* SPDX-License-Identifier: Apache-2.0
 *
 * dummy.c - the plugin dummy: a job that takes as long as it is told and ends as
 * it is told, for trying things out.
 *
 *     {"sleepMs": 2000, "outcome": "done" | "retry" | "fail", "message": "..."}
 *
 * All of it may be absent.  One thread of its own holds all sleepers, so that no
 * worker waits.
 */
#include "config.h"

#include <errno.h>
#include <ontime/plugin.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/flat.h"

#define SLEEP_MAX INT64_C(86400000)

struct sleeper {
    struct sleeper *next, *prev; /* by until_ms */
    ontime_token token;
    int64_t until_ms;
    int outcome;
    char message[256];
};

struct dummy {
    const struct ontime_host *host;
    struct ontime_instance *self;
    int64_t sleep_ms;
    pthread_t thread;

    pthread_mutex_t mtx;
    pthread_cond_t changed;
    struct sleeper *first, *last;
    bool stop;
};

static int64_t clock_ms(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- the thread -------------------------------------------------------------- */

static void finish(const struct dummy *d, struct sleeper *s)
{
    const struct ontime_result r = {
        .size = sizeof(r), .outcome = s->outcome, .message = s->message};

    (void)d->host->complete(d->self, s->token, &r);
    free(s);
}

/* Locked. */
static void wait_for_first(struct dummy *d)
{
    struct timespec until;

    if (d->first == NULL) {
        (void)pthread_cond_wait(&d->changed, &d->mtx);
        return;
    }
    until.tv_sec = (time_t)(d->first->until_ms / 1000);
    until.tv_nsec = (long)(d->first->until_ms % 1000) * 1000000;
    (void)pthread_cond_timedwait(&d->changed, &d->mtx, &until);
}

static void *run(void *arg)
{
    struct dummy *d = arg;

    (void)pthread_mutex_lock(&d->mtx);
    while (!d->stop) {
        struct sleeper *s = d->first;

        if (s == NULL || s->until_ms > clock_ms()) {
            wait_for_first(d);
            continue;
        }
        d->first = s->next;
        if (d->first != NULL)
            d->first->prev = NULL;
        else
            d->last = NULL;
        (void)pthread_mutex_unlock(&d->mtx);
        finish(d, s);
        (void)pthread_mutex_lock(&d->mtx);
    }
    (void)pthread_mutex_unlock(&d->mtx);
    return NULL;
}

static void add(struct dummy *d, struct sleeper *s)
{
    struct sleeper *before;

    (void)pthread_mutex_lock(&d->mtx);
    /* From the end: most sleep equally long. */
    before = d->last;
    while (before != NULL && before->until_ms > s->until_ms)
        before = before->prev;
    s->prev = before;
    s->next = before != NULL ? before->next : d->first;
    if (s->next != NULL)
        s->next->prev = s;
    else
        d->last = s;
    if (before != NULL)
        before->next = s;
    else
        d->first = s;
    if (d->first == s)
        (void)pthread_cond_signal(&d->changed);
    (void)pthread_mutex_unlock(&d->mtx);
}

/* ---- execute ------------------------------------------------------------------ */

static const char *read_sleep(struct sleeper *s, const struct flat_member *m)
{
    char digits[16];
    size_t n = flat_whole(m);
    int64_t ms;

    if (m->kind == FLAT_ABSENT || m->kind == FLAT_NULL)
        return NULL;
    if (n == 0 || n >= sizeof(digits) || m->at[0] == '-')
        return "sleepMs must be a whole number, not negative";
    memcpy(digits, m->at, n);
    digits[n] = '\0';
    ms = strtoll(digits, NULL, 10);
    if (ms > SLEEP_MAX)
        return "sleepMs must be at most 86400000, a day";
    s->until_ms = ms;
    return NULL;
}

static const char *read_outcome(struct sleeper *s, const struct flat_member *m)
{
    static const char *const names[] = {"done", "retry", "fail"};
    char text[8] = "";

    if (m->kind == FLAT_ABSENT || m->kind == FLAT_NULL)
        return NULL;
    if (m->kind != FLAT_STRING || flat_text(m, text, sizeof(text)) < 0)
        text[0] = '\0';
    for (int i = ONTIME_DONE; i <= ONTIME_FAIL; i++) {
        if (strcmp(text, names[i]) == 0) {
            s->outcome = i;
            return NULL;
        }
    }
    return "outcome must be done, retry or fail";
}

/* NULL, or what is wrong.  No jobData at all is fine. */
static const char *read_job(struct sleeper *s, const struct ontime_job *job)
{
    struct flat_member m[] = {
        {.name = "sleepMs"}, {.name = "outcome"}, {.name = "message"}};
    const char *why = NULL;

    if (job->payload.len == 0)
        return NULL;
    if (flat_read(job->payload.data, job->payload.len, m, 3, &why) < 0)
        return why;
    why = read_sleep(s, &m[0]);
    if (why == NULL)
        why = read_outcome(s, &m[1]);
    if (why == NULL && m[2].kind == FLAT_STRING &&
        flat_text(&m[2], s->message, sizeof(s->message)) < 0)
        why = "message must be at most 255 bytes";
    return why;
}

static int dummy_execute(void *state, const struct ontime_job *job)
{
    struct dummy *d = state;
    struct sleeper *s = calloc(1, sizeof(*s));
    const char *why;

    if (s == NULL)
        return ONTIME_RETRY;
    s->token = job->token;
    s->until_ms = d->sleep_ms;
    why = read_job(s, job);
    if (why != NULL) {
        s->outcome = ONTIME_FAIL;
        (void)snprintf(s->message, sizeof(s->message), "jobData: %s", why);
        finish(d, s);
        return ONTIME_PENDING;
    }
    if (s->message[0] == '\0')
        (void)snprintf(s->message, sizeof(s->message), "slept %lld ms",
                       (long long)s->until_ms);
    s->until_ms += clock_ms();
    add(d, s);
    return ONTIME_PENDING;
}

/* ---- life ----------------------------------------------------------------------- */

static int start(struct dummy *d)
{
    pthread_condattr_t attr;
    sigset_t all, before;
    int r;

    (void)pthread_mutex_init(&d->mtx, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&d->changed, &attr);
    (void)pthread_condattr_destroy(&attr);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    r = pthread_create(&d->thread, NULL, run, d);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -r;
}

static int dummy_init(const struct ontime_host *host,
                      struct ontime_instance *self,
                      const struct ontime_config *config, void **state,
                      char *errbuf, size_t errlen)
{
    struct dummy *d = calloc(1, sizeof(*d));
    int r = -ENOMEM;

    if (d != NULL) {
        d->host = host;
        d->self = self;
        d->sleep_ms = host->get_int(config, "sleep");
        r = start(d);
    }
    if (r < 0) {
        (void)snprintf(errbuf, errlen, "no thread: error %d", -r);
        free(d);
        return r;
    }
    *state = d;
    return 0;
}

static void dummy_close(void *state)
{
    struct dummy *d = state;

    (void)pthread_mutex_lock(&d->mtx);
    d->stop = true;
    (void)pthread_cond_signal(&d->changed);
    (void)pthread_mutex_unlock(&d->mtx);
    (void)pthread_join(d->thread, NULL);
    while (d->first != NULL) {
        struct sleeper *s = d->first;

        d->first = s->next;
        free(s);
    }
    (void)pthread_cond_destroy(&d->changed);
    (void)pthread_mutex_destroy(&d->mtx);
    free(d);
}

static const struct ontime_setting settings[] = {
    {.name = "sleep",
     .type = ONTIME_DURATION,
     .fallback = "2s",
     .min = 0,
     .max = 86400000,
     .text = "How long a job takes that does not say it (sleepMs)."},
    {.name = NULL},
};

ONTIME_PLUGIN_EXPORT extern const struct ontime_plugin ontime_plugin;
const struct ontime_plugin ontime_plugin = {
    .abi = ONTIME_ABI,
    .size = sizeof(ontime_plugin),
    .flags = ONTIME_CONCURRENT | ONTIME_UNLOADABLE,
    .name = "dummy",
    .version = "1.0",
    .text = "Sleeps as long as it is told.",
    .settings = settings,
    .init = dummy_init,
    .execute = dummy_execute,
    .close = dummy_close,
};
