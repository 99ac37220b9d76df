/* SPDX-License-Identifier: Apache-2.0
 *
 * sms_retry.c - the plugin sms_retry: at its time, a failed SMS is sent back
 * to the topic from which the SMS service sends.
 *
 * jobData  {"campaignTaskId": 12345, "createdOn": "2025-11-13 15:00:00",
 *           "retryTime": "2025-11-13 15:30:00", "retryAttempt": 1, ...}
 * record   key task-12345, value
 *          {"campaignTaskId":12345,"createdOn":"2025-11-13 15:00:00",
 *           "scheduledRetryTime":"2025-11-13 15:30:00",
 *           "actualExecutionTime":"2025-11-13 15:30:02","retryAttempt":1}
 *
 * campaignTaskId is needed: a whole number, kept to the last digit, or a text.
 * Times may also be written with a 'T', fractions, Z or an offset (then they
 * are turned into the app's zone); a text that is no such time is passed on as
 * it stands.  Without createdOn: null; without retryTime: the job's scheduled
 * time; without retryAttempt: 1.  A job that cannot be used FAILs with the
 * reason.
 *
 * No state changes after init, so execute runs in any number of threads.
 */
#include "config.h"

#include <ontime/plugin.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/flat.h"
#include "stamp.h"

#define ID_MAX 200
#define KEY_PREFIX "task-"
#define TIME_LEN 19

struct sms_retry {
    const struct ontime_host *host;
    struct ontime_instance *self;
    const char *topic; /* the host's, until close */
};

enum { ID, CREATED, RETRY_TIME, ATTEMPT, MEMBERS };

/* ---- building the value -------------------------------------------------- */

struct out { /* text in a buffer of fixed size */
    char text[2048];
    size_t len;
    bool full;
};

static void put(struct out *o, const char *text, size_t len)
{
    if (len > sizeof(o->text) - o->len) {
        o->full = true;
        return;
    }
    memcpy(o->text + o->len, text, len);
    o->len += len;
}

#define put_text(o, literal) put((o), (literal), sizeof(literal) - 1)

static void put_quoted(struct out *o, const char *text, size_t len)
{
    put(o, "\"", 1);
    put(o, text, len);
    put(o, "\"", 1);
}

static void put_ms(const struct sms_retry *p, struct out *o, int64_t ms)
{
    char text[TIME_LEN + 1];

    p->host->format_time(p->self, ms, text);
    put_quoted(o, text, TIME_LEN);
}

/* A time of jobData in our form; one in no known form as it stands. */
static void put_time(const struct sms_retry *p, struct out *o,
                     const struct flat_member *m)
{
    char text[TIME_LEN + 1];
    int64_t ms;

    switch (stamp_read(m->at, m->len, text, &ms)) {
    case STAMP_LOCAL:
        put_quoted(o, text, TIME_LEN);
        break;
    case STAMP_UTC:
        put_ms(p, o, ms);
        break;
    default:
        put_quoted(o, m->at, m->len);
    }
}

static bool given(const struct flat_member *m)
{
    return m->kind != FLAT_ABSENT && m->kind != FLAT_NULL;
}

static void put_value(const struct sms_retry *p, const struct ontime_job *job,
                      const struct flat_member *m, struct out *o)
{
    put_text(o, "{\"campaignTaskId\":");
    if (m[ID].kind == FLAT_STRING)
        put_quoted(o, m[ID].at, m[ID].len);
    else
        put(o, m[ID].at, flat_whole(&m[ID]));
    put_text(o, ",\"createdOn\":");
    if (given(&m[CREATED]))
        put_time(p, o, &m[CREATED]);
    else
        put_text(o, "null");
    put_text(o, ",\"scheduledRetryTime\":");
    if (given(&m[RETRY_TIME]))
        put_time(p, o, &m[RETRY_TIME]);
    else
        put_ms(p, o, job->scheduled_ms);
    put_text(o, ",\"actualExecutionTime\":");
    put_ms(p, o, job->now_ms);
    put_text(o, ",\"retryAttempt\":");
    if (given(&m[ATTEMPT]))
        put(o, m[ATTEMPT].at, flat_whole(&m[ATTEMPT]));
    else
        put_text(o, "1");
    put_text(o, "}");
}

/* ---- checking ------------------------------------------------------------ */

/* The key: "task-" and the id's text.  Its length, or negative. */
static int make_key(const struct flat_member *id, char key[ID_MAX])
{
    const size_t prefix = sizeof(KEY_PREFIX) - 1;
    size_t digits = flat_whole(id);
    int n;

    memcpy(key, KEY_PREFIX, prefix);
    if (id->kind == FLAT_STRING) {
        n = flat_text(id, key + prefix, ID_MAX - prefix);
        return n <= 0 ? -EINVAL : n + (int)prefix;
    }
    if (digits == 0 || digits > ID_MAX - prefix)
        return -EINVAL;
    memcpy(key + prefix, id->at, digits);
    return (int)(prefix + digits);
}

/* NULL, or what is wrong with the members. */
static const char *check(const struct flat_member *m)
{
    if (!given(&m[ID]))
        return "campaignTaskId is missing";
    if (given(&m[CREATED]) && m[CREATED].kind != FLAT_STRING)
        return "createdOn must be a text";
    if (given(&m[RETRY_TIME]) && m[RETRY_TIME].kind != FLAT_STRING)
        return "retryTime must be a text";
    if (given(&m[ATTEMPT]) && flat_whole(&m[ATTEMPT]) == 0)
        return "retryAttempt must be a whole number";
    return NULL;
}

/* Ends the attempt with a reason; what execute is to return. */
__attribute__((format(printf, 4, 5))) static int end(const struct sms_retry *p,
                                                     ontime_token token,
                                                     int outcome,
                                                     const char *fmt, ...)
{
    struct ontime_result r = {.size = sizeof(r), .outcome = outcome};
    char text[160];
    va_list ap;

    va_start(ap, fmt);
    if (vsnprintf(text, sizeof(text), fmt, ap) > 0)
        r.message = text;
    va_end(ap);
    (void)p->host->complete(p->self, token, &r);
    return ONTIME_PENDING;
}

/* ---- the plugin ---------------------------------------------------------- */

static int sms_execute(void *state, const struct ontime_job *job)
{
    const struct sms_retry *p = state;
    struct flat_member m[MEMBERS] = {[ID] = {.name = "campaignTaskId"},
                                     [CREATED] = {.name = "createdOn"},
                                     [RETRY_TIME] = {.name = "retryTime"},
                                     [ATTEMPT] = {.name = "retryAttempt"}};
    struct ontime_record record = {.topic = p->topic, .partition = -1};
    const char *why;
    char key[ID_MAX];
    struct out o;
    int r;

    if (flat_read(job->payload.data, job->payload.len, m, MEMBERS, &why) < 0)
        return end(p, job->token, ONTIME_FAIL, "jobData: %s", why);
    why = check(m);
    if (why != NULL)
        return end(p, job->token, ONTIME_FAIL, "jobData: %s", why);
    r = make_key(&m[ID], key);
    if (r < 0)
        return end(p, job->token, ONTIME_FAIL,
                   "jobData: campaignTaskId must be a whole number or a text "
                   "of 1 to %d bytes",
                   (int)(ID_MAX - sizeof(KEY_PREFIX)));
    o.len = 0;
    o.full = false;
    put_value(p, job, m, &o);
    if (o.full)
        return end(p, job->token, ONTIME_FAIL, "jobData: a text is too long");
    record.key = (struct ontime_bytes){key, (size_t)r};
    record.value = (struct ontime_bytes){o.text, o.len};
    r = p->host->emit(p->self, job->token, &record);
    if (r < 0) /* -ESTALE: then nobody hears this, which is right */
        return end(p, job->token, r == -ENOMEM ? ONTIME_RETRY : ONTIME_FAIL,
                   "the record for %s was refused (error %d)", p->topic, -r);
    return ONTIME_DONE;
}

static bool topic_ok(const char *t)
{
    size_t n = strspn(t, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                         "0123456789._-");

    return t[n] == '\0' && n >= 1 && n <= 249 && strcmp(t, ".") != 0 &&
           strcmp(t, "..") != 0;
}

static int sms_init(const struct ontime_host *host,
                    struct ontime_instance *self,
                    const struct ontime_config *config, void **state,
                    char *errbuf, size_t errlen)
{
    struct sms_retry *p = malloc(sizeof(*p));

    if (p == NULL)
        return -ENOMEM;
    p->host = host;
    p->self = self;
    p->topic = host->get_string(config, "topic");
    if (!topic_ok(p->topic)) {
        (void)snprintf(errbuf, errlen,
                       "topic \"%.64s\": a topic has 1 to 249 of A-Z, a-z, "
                       "0-9, '.', '_' and '-'",
                       p->topic);
        free(p);
        return -EINVAL;
    }
    *state = p;
    return 0;
}

static void sms_close(void *state)
{
    free(state);
}

static const struct ontime_setting settings[] = {
    {.name = "topic",
     .type = ONTIME_STRING,
     .fallback = "SMS_Send",
     .text = "The topic that the SMS service sends from."},
    {.name = NULL},
};

ONTIME_PLUGIN_EXPORT extern const struct ontime_plugin ontime_plugin;
const struct ontime_plugin ontime_plugin = {
    .abi = ONTIME_ABI,
    .size = sizeof(ontime_plugin),
    .flags = ONTIME_CONCURRENT | ONTIME_ONLY_EMITS | ONTIME_UNLOADABLE,
    .name = "sms_retry",
    .version = "1.0",
    .text = "Sends a failed SMS back to the SMS service at its retry time.",
    .settings = settings,
    .init = sms_init,
    .execute = sms_execute,
    .close = sms_close,
};
