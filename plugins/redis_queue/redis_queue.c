/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_queue.c - the plugin redis_queue: at its time, a job's data go to a list,
 * a stream or a channel of Redis.
 *
 * execute hands the job to the sender's thread (sender.c) and returns PENDING.
 */
#include "config.h"

#include "redis_queue/redis_queue.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHY_MAX 200

/* ---- execute ------------------------------------------------------------------ */

static struct entry *entry_make(const struct redis_app *app,
                                const struct ontime_job *job, char *why)
{
    struct entry *e = calloc(1, sizeof(*e));
    struct text key = {0}, payload = {0};
    struct jobdata d;

    (void)snprintf(why, WHY_MAX, "out of memory");
    if (e == NULL || jobdata_read(&d, &app->fields, job, why, WHY_MAX) < 0 ||
        template_render(app->key, &d, &key, why, WHY_MAX) < 0)
        goto fail;
    text_add(&key, "", 0);
    text_add(&payload, job->payload.data, job->payload.len);
    e->token = job->token;
    e->key_len = key.len;
    e->payload_len = payload.len;
    e->id = strdup(job->idempotency_key);
    e->key = text_take(&key);
    e->payload = text_take(&payload);
    if (e->id != NULL && e->key != NULL && e->payload != NULL)
        return e;
fail:
    text_free(&key);
    if (e != NULL)
        entry_free(e);
    return NULL;
}

static int end(const struct redis_app *app, const struct ontime_job *job,
               int outcome, const char *why)
{
    const struct ontime_result r = {
        .size = sizeof(r), .outcome = outcome, .message = why};

    (void)app->host->complete(app->self, job->token, &r);
    return ONTIME_PENDING;
}

static int redis_execute(void *state, const struct ontime_job *job)
{
    struct redis_app *app = state;
    char why[WHY_MAX];
    struct entry *e = entry_make(app, job, why);
    bool room;

    if (e == NULL)
        return end(app, job,
                   strcmp(why, "out of memory") == 0 ? ONTIME_RETRY
                                                     : ONTIME_FAIL,
                   why);
    (void)pthread_mutex_lock(&app->mtx);
    room = app->waiting < app->max_waiting;
    if (room) {
        app->waiting++;
        *app->last = e;
        app->last = &e->next;
        (void)pthread_cond_signal(&app->changed);
    }
    (void)pthread_mutex_unlock(&app->mtx);
    if (room)
        return ONTIME_PENDING; /* e may be gone already */
    entry_free(e);
    return end(app, job, ONTIME_RETRY, "too many jobs wait for Redis");
}

/* ---- life ----------------------------------------------------------------------- */

static const char *string(const struct redis_app *app,
                          const struct ontime_config *config, const char *name)
{
    const char *s = app->host->get_string(config, name);

    return s != NULL && s[0] != '\0' ? s : NULL;
}

static int whole(const struct redis_app *app,
                 const struct ontime_config *config, const char *name)
{
    return (int)app->host->get_int(config, name);
}

static int read_settings(struct redis_app *app,
                         const struct ontime_config *config, char *errbuf,
                         size_t errlen)
{
    static const char *const kinds[] = {"list", "stream", "publish"};
    const char *kind = string(app, config, "kind");
    const char *key = string(app, config, "key");
    int found = -1;

    app->address = string(app, config, "host");
    app->socket = string(app, config, "socket");
    app->username = string(app, config, "username");
    app->password = string(app, config, "password");
    app->port = whole(app, config, "port");
    app->database = whole(app, config, "database");
    app->timeout_ms = whole(app, config, "timeout");
    app->once_ms = whole(app, config, "once");
    app->max_waiting = (unsigned)whole(app, config, "max_waiting");
    app->batch = (unsigned)whole(app, config, "batch");
    for (int i = QUEUE_LIST; i <= QUEUE_PUBLISH; i++)
        if (kind != NULL && strcmp(kind, kinds[i]) == 0)
            found = i;
    if (found < 0 || key == NULL) {
        (void)snprintf(errbuf, errlen,
                       found < 0 ? "kind: must be list, stream or publish"
                                 : "key: must not be empty");
        return -EINVAL;
    }
    app->kind = (enum queue_kind)found;
    return template_compile(&app->key, &app->fields, TEMPLATE_TEXT, key, errbuf,
                            errlen);
}

static int start(struct redis_app *app)
{
    sigset_t all, before;
    int r;

    app->last = &app->first;
    (void)pthread_mutex_init(&app->mtx, NULL);
    (void)pthread_cond_init(&app->changed, NULL);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    r = pthread_create(&app->thread, NULL, sender_run, app);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -r;
}

static int redis_init(const struct ontime_host *host,
                      struct ontime_instance *self,
                      const struct ontime_config *config, void **state,
                      char *errbuf, size_t errlen)
{
    struct redis_app *app = calloc(1, sizeof(*app));
    int r;

    if (app == NULL) {
        (void)snprintf(errbuf, errlen, "out of memory");
        return -ENOMEM;
    }
    app->host = host;
    app->self = self;
    r = read_settings(app, config, errbuf, errlen);
    if (r == 0) {
        r = start(app);
        if (r < 0)
            (void)snprintf(errbuf, errlen, "no thread: error %d", -r);
    }
    if (r < 0) {
        template_free(&app->key);
        free(app);
        return r;
    }
    *state = app;
    return 0;
}

static void redis_close(void *state)
{
    struct redis_app *app = state;

    (void)pthread_mutex_lock(&app->mtx);
    app->stop = true;
    (void)pthread_cond_signal(&app->changed);
    (void)pthread_mutex_unlock(&app->mtx);
    (void)pthread_join(app->thread, NULL);
    while (app->first != NULL) {
        struct entry *e = app->first;

        app->first = e->next;
        entry_free(e);
    }
    (void)pthread_cond_destroy(&app->changed);
    (void)pthread_mutex_destroy(&app->mtx);
    template_free(&app->key);
    free(app);
}

static const struct ontime_setting settings[] = {
    {.name = "key",
     .type = ONTIME_STRING,
     .required = 1,
     .text = "The list, stream or channel; {{name}} is a member of jobData."},
    {.name = "kind",
     .type = ONTIME_STRING,
     .fallback = "list",
     .text = "list (RPUSH), stream (XADD) or publish (PUBLISH)."},
    {.name = "once",
     .type = ONTIME_DURATION,
     .fallback = "0ms",
     .min = 0,
     .max = 2147483647,
     .text = "How long Redis remembers a job, to take it once; 0: not."},
    {.name = "host",
     .type = ONTIME_STRING,
     .fallback = "127.0.0.1",
     .text = "Where Redis is."},
    {.name = "port",
     .type = ONTIME_INT,
     .fallback = "6379",
     .min = 1,
     .max = 65535,
     .text = "Its port."},
    {.name = "socket",
     .type = ONTIME_STRING,
     .text = "Its unix socket, in place of host and port."},
    {.name = "username",
     .type = ONTIME_STRING,
     .text = "For AUTH with an ACL user."},
    {.name = "password", .type = ONTIME_SECRET, .text = "For AUTH."},
    {.name = "database",
     .type = ONTIME_INT,
     .fallback = "0",
     .min = 0,
     .max = 65535,
     .text = "Number of the database."},
    {.name = "timeout",
     .type = ONTIME_DURATION,
     .fallback = "3s",
     .min = 1,
     .max = 600000,
     .text = "How long connecting, and a reply, may take."},
    {.name = "max_waiting",
     .type = ONTIME_INT,
     .fallback = "10000",
     .min = 1,
     .max = 1000000,
     .text = "Jobs that wait to be sent; more are tried again later."},
    {.name = "batch",
     .type = ONTIME_INT,
     .fallback = "500",
     .min = 1,
     .max = 10000,
     .text = "Jobs in one pipeline at most."},
    {.name = NULL},
};

ONTIME_PLUGIN_EXPORT extern const struct ontime_plugin ontime_plugin;
const struct ontime_plugin ontime_plugin = {
    .abi = ONTIME_ABI,
    .size = sizeof(ontime_plugin),
    .flags = ONTIME_CONCURRENT | ONTIME_UNLOADABLE,
    .name = "redis_queue",
    .version = "1.0",
    .text = "Sends each job's data to a list, stream or channel of Redis.",
    .settings = settings,
    .init = redis_init,
    .execute = redis_execute,
    .close = redis_close,
};
