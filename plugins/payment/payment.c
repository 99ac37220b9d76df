/* SPDX-License-Identifier: Apache-2.0
 *
 * payment.c - the plugin payment: pays through an HTTP gateway, once.
 *
 * Every attempt at a job has the same idempotency key.  When an earlier attempt
 * may have come through (it is not the first, or the host says redelivered), the
 * gateway is asked for the state of that key first; and when the answer to the
 * order itself is lost, it is asked at once.  Only a gateway that says that it
 * has never seen the key is given the order (again, under the same key).
 *
 * execute runs on the host's threads, the rest on the HTTP client's.
 */
#include "config.h"

#include "payment/payment.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHY_MAX 200

/* ---- steps ----------------------------------------------------------------- */

static void end(const struct payment *p, int outcome, const char *message,
                const char *retry_after)
{
    const struct payment_app *app = p->app;
    int64_t after = http_retry_after(retry_after, app->host->now());
    const struct ontime_result r = {.size = sizeof(r),
                                    .outcome = outcome,
                                    .retry_ms = after > 0 ? after : 0,
                                    .message = message};

    app->host->metric(app->self,
                      outcome == ONTIME_DONE   ? "payments_done"
                      : outcome == ONTIME_FAIL ? "payments_failed"
                                               : "payments_retried",
                      1);
    (void)app->host->complete(app->self, p->token, &r);
}

/* Goes on with another step; false: it could not. */
static bool go_on(struct payment *p, enum step step)
{
    p->step = step;
    if (request_make(p) < 0)
        return false;
    http_again(p->app->http, &p->call);
    return true;
}

/* An order's answer is lost: what became of it? */
static bool lost(struct payment *p, const char *how)
{
    (void)snprintf(p->lost, sizeof(p->lost), "%s", how);
    p->app->host->metric(p->app->self, "payments_unclear", 1);
    return go_on(p, STEP_CONFIRM);
}

static void still_unclear(const struct payment *p, const char *what,
                          const char *retry_after)
{
    char text[400];

    (void)snprintf(text, sizeof(text), "outcome unknown (%s), asked for it: %s",
                   p->lost, what);
    end(p, ONTIME_RETRY, text, retry_after);
}

/* False when the payment goes on. */
static bool no_answer(struct payment *p, const struct http_reply *reply)
{
    switch (reply->end) {
    case HTTP_REFUSED:
        end(p, ONTIME_FAIL, reply->why, "");
        return true;
    case HTTP_UNWANTED:
        end(p, ONTIME_RETRY, reply->why, "");
        return true;
    default:
        break;
    }
    if (p->step == STEP_PAY && reply->sent && lost(p, reply->why))
        return false;
    if (p->step == STEP_CONFIRM)
        still_unclear(p, reply->why, "");
    else
        end(p, ONTIME_RETRY, reply->why, "");
    return true;
}

static bool answered(struct payment *p, const struct http_reply *reply,
                     struct text *message)
{
    enum verdict v = answer_read(p, reply, message);
    const char *text = message->failed ? "" : message->at;

    switch (v) {
    case VERDICT_PAID:
        end(p, ONTIME_DONE, text, "");
        return true;
    case VERDICT_DECLINED:
    case VERDICT_REFUSED:
        end(p, ONTIME_FAIL, text, "");
        return true;
    case VERDICT_NEVER:
        if (p->step == STEP_ASK && go_on(p, STEP_PAY))
            return false;
        break;
    case VERDICT_UNCLEAR:
        if (p->step == STEP_PAY && lost(p, text))
            return false;
        break;
    default:
        break;
    }
    if (p->step == STEP_CONFIRM)
        still_unclear(p, text, reply->retry_after);
    else
        end(p, ONTIME_RETRY, text, reply->retry_after);
    return true;
}

static void on_done(struct http_call *c, const struct http_reply *reply)
{
    void *at = c;
    struct payment *p = at;
    struct text message = {0};
    bool over = reply->end == HTTP_ANSWERED ? answered(p, reply, &message)
                                            : no_answer(p, reply);

    text_free(&message);
    if (!over)
        return;
    http_call_clear(c);
    free(p);
}

static bool on_wanted(struct http_call *c)
{
    void *at = c;
    struct payment *p = at;

    return !p->app->host->cancelled(p->app->self, p->token);
}

/* ---- execute ------------------------------------------------------------------ */

static int refuse(const struct payment_app *app, const struct ontime_job *job,
                  int outcome, const char *why)
{
    const struct ontime_result r = {
        .size = sizeof(r), .outcome = outcome, .message = why};

    (void)app->host->complete(app->self, job->token, &r);
    return ONTIME_PENDING;
}

/* The key: of the job's own reference where it has one, so that the order is one
 * and the same also in another job. */
static bool make_key(struct payment *p, const struct ontime_job *job)
{
    int n;

    if (p->order.reference[0] != '\0')
        n = snprintf(p->key, sizeof(p->key), "%s:%s:%s", p->order.merchant,
                     p->order.reference, order_type_name(p->order.type));
    else
        n = snprintf(p->key, sizeof(p->key), "%s", job->idempotency_key);
    return n > 0 && (size_t)n < sizeof(p->key);
}

static int payment_execute(void *state, const struct ontime_job *job)
{
    struct payment_app *app = state;
    struct payment *p = calloc(1, sizeof(*p));
    char why[WHY_MAX] = "out of memory";
    int outcome = ONTIME_RETRY;

    if (p == NULL)
        return ONTIME_RETRY;
    p->app = app;
    p->token = job->token;
    p->call.done = on_done;
    p->call.wanted = on_wanted;
    if (order_read(&p->order, job->payload.data, job->payload.len, why,
                   sizeof(why)) < 0) {
        outcome = ONTIME_FAIL;
    } else if (!make_key(p, job)) {
        outcome = ONTIME_FAIL;
        (void)snprintf(why, sizeof(why), "its idempotency key is too long");
    } else {
        p->step = app->ask_always || job->redelivered || job->attempt > 1 ||
                          p->order.reference[0] != '\0'
                      ? STEP_ASK
                      : STEP_PAY;
        if (request_make(p) == 0 && http_start(app->http, &p->call) == 0)
            return ONTIME_PENDING; /* p may be gone already */
    }
    http_call_clear(&p->call);
    free(p);
    return refuse(app, job, outcome, why);
}

/* ---- init ----------------------------------------------------------------------- */

static const char *string(const struct payment_app *app,
                          const struct ontime_config *config, const char *name)
{
    const char *s = app->host->get_string(config, name);

    return s != NULL && s[0] != '\0' ? s : NULL;
}

static int set_url(struct payment_app *app, const char *url, char *errbuf,
                   size_t errlen)
{
    size_t len = url != NULL ? strlen(url) : 0;
    char *host;

    while (len > 0 && url[len - 1] == '/')
        len--;
    app->url = len > 0 ? strndup(url, len) : NULL;
    host = app->url != NULL ? strstr(app->url, "://") : NULL;
    if (host == NULL || host[3] == '\0' || strpbrk(app->url, "?# ") != NULL) {
        (void)snprintf(errbuf, errlen,
                       "gateway_url: must be as https://host/path");
        return -EINVAL;
    }
    app->path = host + 3 + strcspn(host + 3, "/");
    return 0;
}

static int open_client(struct payment_app *app,
                       const struct ontime_config *config, char *errbuf,
                       size_t errlen)
{
    const struct ontime_host *host = app->host;
    const struct guard_rules rules = {
        .allow_networks = string(app, config, "allow_networks")};
    struct http_conf conf = {
        .max_in_flight = (unsigned)host->get_int(config, "max_in_flight"),
        .connect_timeout_ms = host->get_int(config, "connect_timeout"),
        .timeout_ms = host->get_int(config, "timeout"),
        .max_response = 65536,
        .keep = 65536,
        .fresh = true, /* libcurl never sends an order twice */
        .verify = true,
        .ca_file = string(app, config, "ca_file"),
        .client_cert = string(app, config, "client_cert"),
        .client_key = string(app, config, "client_key"),
        .client_key_password = string(app, config, "client_key_password"),
        .user_agent = "ontime-payment/1.0",
    };
    int r = guard_open(&app->guard, &rules, errbuf, errlen);

    conf.guard = app->guard;
    return r < 0 ? r : http_open(&app->http, &conf, errbuf, errlen);
}

static int open_app(struct payment_app *app, const struct ontime_config *config,
                    char *errbuf, size_t errlen)
{
    int r = set_url(app, string(app, config, "gateway_url"), errbuf, errlen);

    if (r < 0)
        return r;
    app->secret = string(app, config, "secret");
    app->key_id = string(app, config, "key_id");
    app->ask_always = app->host->get_bool(config, "ask_always") != 0;
    if (app->secret == NULL || strlen(app->secret) < 16) {
        (void)snprintf(errbuf, errlen,
                       "secret: must have 16 characters or more");
        return -EINVAL;
    }
    if (app->key_id != NULL && strpbrk(app->key_id, "\r\n") != NULL) {
        (void)snprintf(errbuf, errlen, "key_id: must be one line");
        return -EINVAL;
    }
    return open_client(app, config, errbuf, errlen);
}

static void payment_close(void *state)
{
    struct payment_app *app = state;

    http_close(&app->http);
    guard_close(&app->guard);
    free(app->url);
    free(app);
}

static int payment_init(const struct ontime_host *host,
                        struct ontime_instance *self,
                        const struct ontime_config *config, void **state,
                        char *errbuf, size_t errlen)
{
    struct payment_app *app = calloc(1, sizeof(*app));
    int r;

    if (app == NULL) {
        (void)snprintf(errbuf, errlen, "out of memory");
        return -ENOMEM;
    }
    app->host = host;
    app->self = self;
    r = open_app(app, config, errbuf, errlen);
    if (r < 0) {
        payment_close(app);
        return r;
    }
    *state = app;
    return 0;
}

static const struct ontime_setting settings[] = {
    {.name = "gateway_url",
     .type = ONTIME_STRING,
     .required = 1,
     .text = "The gateway, as https://pay.example.com/v1."},
    {.name = "secret",
     .type = ONTIME_SECRET,
     .required = 1,
     .text = "What calls are signed with (HMAC-SHA256)."},
    {.name = "key_id",
     .type = ONTIME_STRING,
     .text = "Names the secret to the gateway (X-Key-Id)."},
    {.name = "ask_always",
     .type = ONTIME_BOOL,
     .fallback = "false",
     .text = "Ask for the key's state before the first attempt too."},
    {.name = "connect_timeout",
     .type = ONTIME_DURATION,
     .fallback = "5s",
     .min = 1,
     .max = 3600000,
     .text = "How long name lookup, connecting and TLS may take."},
    {.name = "timeout",
     .type = ONTIME_DURATION,
     .fallback = "10s",
     .min = 1,
     .max = 3600000,
     .text = "How long a call may take; an attempt makes up to three."},
    {.name = "max_in_flight",
     .type = ONTIME_INT,
     .fallback = "200",
     .min = 1,
     .max = 10000,
     .text = "Payments at once; further attempts wait for room."},
    {.name = "allow_networks",
     .type = ONTIME_STRING,
     .text = "Private networks the gateway may be in, as 10.1.0.0/16."},
    {.name = "ca_file",
     .type = ONTIME_STRING,
     .text = "Certificates (PEM) to trust; absent: the system's."},
    {.name = "client_cert",
     .type = ONTIME_STRING,
     .text = "Own certificate (PEM) for TLS."},
    {.name = "client_key",
     .type = ONTIME_STRING,
     .text = "Its private key (PEM)."},
    {.name = "client_key_password",
     .type = ONTIME_SECRET,
     .text = "The password of client_key."},
    {.name = NULL},
};

ONTIME_PLUGIN_EXPORT extern const struct ontime_plugin ontime_plugin;
const struct ontime_plugin ontime_plugin = {
    .abi = ONTIME_ABI,
    .size = sizeof(ontime_plugin),
    .flags = ONTIME_CONCURRENT | ONTIME_RESIDENT,
    .name = "payment",
    .version = "1.0",
    .text = "Pays through an HTTP gateway, never twice.",
    .settings = settings,
    .init = payment_init,
    .execute = payment_execute,
    .close = payment_close,
};
