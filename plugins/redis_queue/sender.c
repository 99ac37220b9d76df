/* SPDX-License-Identifier: Apache-2.0
 *
 * sender.c - the thread that talks to Redis: it takes what waits, sends it as
 * one pipeline, and ends each job by its own reply.
 */
#include "config.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "redis_queue/redis_queue.h"

/* Sends it unless there is a mark that it was sent, and then sets the mark. */
static const char once[] =
    "if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end "
    "if ARGV[2] == 'list' then redis.call('RPUSH', KEYS[1], ARGV[1]) "
    "else redis.call('XADD', KEYS[1], '*', 'data', ARGV[1], 'id', ARGV[4]) end "
    "redis.call('SET', KEYS[2], '1', 'PX', ARGV[3]) return 1";

void entry_free(struct entry *e)
{
    free(e->key);
    free(e->payload);
    free(e->id);
    free(e);
}

static void end(const struct redis_app *app, struct entry *e, int outcome,
                const char *message)
{
    const struct ontime_result r = {
        .size = sizeof(r), .outcome = outcome, .message = message};

    (void)app->host->complete(app->self, e->token, &r);
    entry_free(e);
}

static void end_all(const struct redis_app *app, struct entry *e,
                    const char *why)
{
    while (e != NULL) {
        struct entry *next = e->next;

        end(app, e, ONTIME_RETRY, why);
        e = next;
    }
}

/* ---- the connection -------------------------------------------------------- */

/* A command whose reply only matters when it is an error. */
static bool say(redisContext *c, int argc, const char **argv, char *why,
                size_t len)
{
    redisReply *r = redisCommandArgv(c, argc, argv, NULL);
    bool good = r != NULL && r->type != REDIS_REPLY_ERROR;

    if (!good)
        (void)snprintf(why, len, "Redis: %s", r != NULL ? r->str : c->errstr);
    if (r != NULL)
        freeReplyObject(r);
    return good;
}

static bool greet(const struct redis_app *app, redisContext *c, char *why,
                  size_t len)
{
    char number[16];
    const char *select[] = {"SELECT", number};
    const char *auth[] = {"AUTH", app->username, app->password};
    bool named = app->username != NULL;

    if (!named)
        auth[1] = app->password;
    if (app->password != NULL && !say(c, named ? 3 : 2, auth, why, len))
        return false;
    (void)snprintf(number, sizeof(number), "%d", app->database);
    return app->database == 0 || say(c, 2, select, why, len);
}

static redisContext *join(const struct redis_app *app, char *why, size_t len)
{
    const struct timeval patience = {
        .tv_sec = app->timeout_ms / 1000,
        .tv_usec = app->timeout_ms % 1000 * 1000L,
    };
    redisContext *c =
        app->socket != NULL
            ? redisConnectUnixWithTimeout(app->socket, patience)
            : redisConnectWithTimeout(app->address, app->port, patience);

    if (c == NULL || c->err != 0) {
        (void)snprintf(why, len, "Redis: %s",
                       c != NULL ? c->errstr : "out of memory");
    } else if (redisSetTimeout(c, patience) == REDIS_OK &&
               greet(app, c, why, len)) {
        return c;
    }
    if (c != NULL)
        redisFree(c);
    return NULL;
}

/* ---- a batch ----------------------------------------------------------------- */

static int append(const struct redis_app *app, redisContext *c,
                  const struct entry *e)
{
    const char *kind = app->kind == QUEUE_LIST ? "list" : "stream";

    if (app->kind != QUEUE_PUBLISH && app->once_ms > 0)
        return redisAppendCommand(c, "EVAL %s 2 %b ontime:{%b}:%s %b %s %d %s",
                                  once, e->key, e->key_len, e->key, e->key_len,
                                  e->id, e->payload, e->payload_len, kind,
                                  app->once_ms, e->id);
    if (app->kind == QUEUE_LIST)
        return redisAppendCommand(c, "RPUSH %b %b", e->key, e->key_len,
                                  e->payload, e->payload_len);
    if (app->kind == QUEUE_STREAM)
        return redisAppendCommand(c, "XADD %b * data %b id %s", e->key,
                                  e->key_len, e->payload, e->payload_len,
                                  e->id);
    return redisAppendCommand(c, "PUBLISH %b %b", e->key, e->key_len,
                              e->payload, e->payload_len);
}

/* What an error of Redis means: one of the wrong type stays wrong. */
static int outcome_of(const redisReply *r)
{
    if (r->type != REDIS_REPLY_ERROR)
        return ONTIME_DONE;
    return strncmp(r->str, "WRONGTYPE", 9) == 0 ? ONTIME_FAIL : ONTIME_RETRY;
}

/* Sends and reads; the connection is gone when it returns false. */
static bool send_batch(const struct redis_app *app, redisContext *c,
                       struct entry *e)
{
    char why[200];
    bool good = true;

    for (const struct entry *i = e; i != NULL && good; i = i->next)
        good = append(app, c, i) == REDIS_OK;
    while (e != NULL && good) {
        struct entry *next = e->next;
        redisReply *r = NULL;
        void *at = NULL;

        good = redisGetReply(c, &at) == REDIS_OK;
        r = at;
        if (!good)
            break;
        (void)snprintf(why, sizeof(why), "Redis: %s",
                       r->type == REDIS_REPLY_ERROR ? r->str : "taken");
        end(app, e, outcome_of(r), why);
        freeReplyObject(r);
        e = next;
    }
    if (!good) {
        (void)snprintf(why, sizeof(why), "Redis: %s", c->errstr);
        end_all(app, e, why);
    }
    return good;
}

/* Waits for entries; NULL when it is to stop. */
static struct entry *take(struct redis_app *app)
{
    struct entry *e = NULL, **end_of = &e;

    (void)pthread_mutex_lock(&app->mtx);
    while (app->first == NULL && !app->stop)
        (void)pthread_cond_wait(&app->changed, &app->mtx);
    for (unsigned i = 0; !app->stop && app->first != NULL && i < app->batch;
         i++) {
        *end_of = app->first;
        end_of = &app->first->next;
        app->first = app->first->next;
        app->waiting--;
    }
    *end_of = NULL;
    if (app->first == NULL)
        app->last = &app->first;
    (void)pthread_mutex_unlock(&app->mtx);
    return e;
}

void *sender_run(void *arg)
{
    struct redis_app *app = arg;
    redisContext *c = NULL;
    struct entry *e;

    while ((e = take(app)) != NULL) {
        char why[200] = "";

        if (c == NULL)
            c = join(app, why, sizeof(why));
        if (c == NULL) {
            end_all(app, e, why);
        } else if (!send_batch(app, c, e)) {
            redisFree(c);
            c = NULL;
        }
    }
    if (c != NULL)
        redisFree(c);
    return NULL;
}
