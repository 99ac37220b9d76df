/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/support/fakehost.c - a host for one plugin; see fakehost.h.
 */
#include "config.h"

#include "support/fakehost.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NOW_MS INT64_C(1763048402000) /* 2025-11-13 15:40:02 UTC */
#define PATIENCE 10000

static struct fake_host *host_of(struct ontime_instance *self)
{
    void *p = self;

    return p;
}

static void breach(struct fake_host *f, const char *what)
{
    if (f->wrong == NULL)
        f->wrong = what;
}

/* Locks; false (and unlocked) when the token is not open. */
static bool enter(struct fake_host *f, ontime_token token)
{
    (void)pthread_mutex_lock(&f->mtx);
    if (token != 0 && token == f->open && !f->ended)
        return true;
    f->stale++;
    (void)pthread_mutex_unlock(&f->mtx);
    return false;
}

/* ---- services ------------------------------------------------------------ */

__attribute__((format(printf, 3, 4))) static void fake_log(
    struct ontime_instance *self, int level, const char *fmt, ...)
{
    struct fake_host *f = host_of(self);
    va_list ap;

    (void)pthread_mutex_lock(&f->mtx);
    if (level < ONTIME_DEBUG)
        breach(f, "a log level that is none");
    va_start(ap, fmt);
    (void)vsnprintf(f->last_log, sizeof(f->last_log), fmt, ap);
    va_end(ap);
    f->log_lines++;
    (void)pthread_mutex_unlock(&f->mtx);
}

static int64_t fake_now(void)
{
    return NOW_MS;
}

static char *copy(const struct ontime_bytes *b)
{
    char *c;

    if (b->data == NULL)
        return NULL;
    c = calloc(1, b->len + 1);
    if (c != NULL && b->len > 0)
        memcpy(c, b->data, b->len);
    return c;
}

static int fake_emit(struct ontime_instance *self, ontime_token token,
                     const struct ontime_record *r)
{
    struct fake_host *f = host_of(self);
    struct fake_record *to;
    int result = 0;

    if (!enter(f, token))
        return -ESTALE;
    to = &f->records[f->record_count];
    if (r->topic == NULL || r->topic[0] == '\0' || r->partition < -1 ||
        (r->headers == NULL && r->header_count > 0)) {
        breach(f, "a record that cannot be");
        result = -EINVAL;
    } else if (f->record_count == FAKE_RECORDS) {
        result = -EMSGSIZE;
    } else {
        (void)snprintf(to->topic, sizeof(to->topic), "%s", r->topic);
        to->key = copy(&r->key);
        to->key_len = r->key.len;
        to->value = copy(&r->value);
        to->value_len = r->value.len;
        f->record_count++;
    }
    (void)pthread_mutex_unlock(&f->mtx);
    return result;
}

static int fake_schedule(struct ontime_instance *self, ontime_token token,
                         const struct ontime_followup *job)
{
    struct fake_host *f = host_of(self);

    if (!enter(f, token))
        return -ESTALE;
    if (job->priority < 0 || job->priority > 2 || job->due_ms < 0)
        breach(f, "a follow-up that cannot be");
    f->followup_count++;
    (void)pthread_mutex_unlock(&f->mtx);
    return 0;
}

static int fake_complete(struct ontime_instance *self, ontime_token token,
                         const struct ontime_result *r)
{
    struct fake_host *f = host_of(self);

    if (!enter(f, token))
        return -ESTALE;
    if (r->size < sizeof(*r) || r->outcome < ONTIME_DONE ||
        r->outcome > ONTIME_FAIL)
        breach(f, "a result that cannot be");
    f->ended = true;
    f->outcome = r->outcome;
    f->retry_ms = r->retry_ms;
    (void)snprintf(f->message, sizeof(f->message), "%s",
                   r->message != NULL ? r->message : "");
    (void)pthread_mutex_unlock(&f->mtx);
    return 0;
}

static int fake_cancelled(struct ontime_instance *self, ontime_token token)
{
    struct fake_host *f = host_of(self);

    if (!enter(f, token))
        return 1;
    (void)pthread_mutex_unlock(&f->mtx);
    return 0;
}

static const char *setting(const struct ontime_config *config, const char *name)
{
    const void *p = config;
    const struct fake_host *f = p;

    for (size_t i = 0; i < FAKE_SETTINGS && f->settings[i].name != NULL; i++)
        if (strcmp(f->settings[i].name, name) == 0)
            return f->settings[i].value;
    for (const struct ontime_setting *s = f->rows; s != NULL && s->name != NULL;
         s++)
        if (strcmp(s->name, name) == 0)
            return s->fallback;
    return NULL; /* a name that is not in the rows is a bug, but no crash */
}

static int64_t fake_int(const struct ontime_config *config, const char *name)
{
    const char *v = setting(config, name);

    return v != NULL ? strtoll(v, NULL, 0) : 0;
}

static double fake_float(const struct ontime_config *config, const char *name)
{
    const char *v = setting(config, name);

    return v != NULL ? strtod(v, NULL) : 0;
}

static int fake_bool(const struct ontime_config *config, const char *name)
{
    const char *v = setting(config, name);

    return v != NULL && strcmp(v, "true") == 0;
}

static void fake_metric(struct ontime_instance *self, const char *name,
                        int64_t add)
{
    (void)self;
    (void)name;
    (void)add;
}

static void fake_format_time(struct ontime_instance *self, int64_t ms,
                             char out[20])
{
    time_t s = (time_t)(ms / 1000);
    struct tm tm;

    (void)self;
    (void)gmtime_r(&s, &tm);
    (void)strftime(out, 20, "%Y-%m-%d %H:%M:%S", &tm);
}

/* ---- one plugin ---------------------------------------------------------- */

void fake_open(struct fake_host *f, const struct ontime_plugin *plugin,
               const struct fake_setting *settings)
{
    memset(f, 0, sizeof(*f));
    (void)pthread_mutex_init(&f->mtx, NULL);
    f->plugin = plugin;
    f->rows = plugin->settings;
    for (size_t i = 0;
         settings != NULL && settings[i].name != NULL && i < FAKE_SETTINGS - 1;
         i++)
        f->settings[i] = settings[i];
    f->host = (struct ontime_host){
        .size = sizeof(f->host),
        .abi = ONTIME_ABI,
        .log = fake_log,
        .now = fake_now,
        .emit = fake_emit,
        .schedule = fake_schedule,
        .complete = fake_complete,
        .cancelled = fake_cancelled,
        .get_string = setting,
        .get_int = fake_int,
        .get_float = fake_float,
        .get_bool = fake_bool,
        .metric = fake_metric,
        .format_time = fake_format_time,
    };
}

static void forget(struct fake_host *f)
{
    for (unsigned i = 0; i < f->record_count; i++) {
        free(f->records[i].key);
        free(f->records[i].value);
    }
    f->record_count = f->followup_count = 0;
    f->message[0] = '\0';
    f->retry_ms = 0;
    f->outcome = -1;
    f->ended = false;
}

void fake_done(struct fake_host *f)
{
    forget(f);
    (void)pthread_mutex_destroy(&f->mtx);
}

int fake_init(struct fake_host *f, char *errbuf, size_t errlen)
{
    void *self = f;
    const void *config = f;

    memset(errbuf, 0, errlen);
    return f->plugin->init(&f->host, self, config, &f->state, errbuf, errlen);
}

static int wait_answer(struct fake_host *f)
{
    const struct timespec step = {.tv_nsec = 1000000};

    for (int i = 0; i < PATIENCE; i++) {
        bool ended;

        (void)pthread_mutex_lock(&f->mtx);
        ended = f->ended;
        (void)pthread_mutex_unlock(&f->mtx);
        if (ended)
            return 0;
        (void)nanosleep(&step, NULL);
    }
    return -1;
}

int fake_run_job(struct fake_host *f, const struct ontime_job *job)
{
    int r;

    (void)pthread_mutex_lock(&f->mtx);
    forget(f);
    f->open = job->token;
    (void)pthread_mutex_unlock(&f->mtx);
    r = f->plugin->execute(f->state, job);
    if (r == ONTIME_PENDING && wait_answer(f) < 0)
        return -1;
    (void)pthread_mutex_lock(&f->mtx);
    if (!f->ended)
        f->outcome = r;
    else if (r != ONTIME_PENDING)
        breach(f, "answered and returned an outcome too");
    f->open = 0;
    (void)pthread_mutex_unlock(&f->mtx);
    return f->outcome;
}

int fake_run(struct fake_host *f, const char *payload)
{
    static ontime_token token = 100;
    const struct ontime_job job = {
        .size = sizeof(job),
        .token = ++token,
        .id = 1,
        .app = "app",
        .payload = {payload, payload != NULL ? strlen(payload) : 0},
        .due_ms = NOW_MS - 2000,
        .scheduled_ms = NOW_MS - 2000,
        .now_ms = NOW_MS,
        .version = 1,
        .attempt = 1,
        .priority = 1,
        .idempotency_key = "fake-1-1",
    };

    return fake_run_job(f, &job);
}

void fake_close(struct fake_host *f)
{
    f->plugin->close(f->state);
    f->state = NULL;
}
