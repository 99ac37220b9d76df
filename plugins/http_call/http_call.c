/* SPDX-License-Identifier: Apache-2.0
 *
 * http_call.c - the plugin http_call: at its time, a job calls a URL.
 *
 * execute makes the request on the host's thread and returns PENDING; the HTTP
 * client's one thread has all calls in flight and tells the outcome.
 */
#include "config.h"

#include "http_call/http_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHY_MAX 256

/* ---- execute ------------------------------------------------------------------ */

static void on_done(struct http_call *c, const struct http_reply *reply)
{
    void *p = c;
    struct attempt *a = p;

    outcome_tell(a, reply);
    http_call_clear(c);
    free(a);
}

static bool on_wanted(struct http_call *c)
{
    void *p = c;
    struct attempt *a = p;

    return !a->app->host->cancelled(a->app->self, a->token);
}

static int end(const struct http_call_app *app, const struct ontime_job *job,
               int outcome, const char *why)
{
    const struct ontime_result r = {
        .size = sizeof(r), .outcome = outcome, .message = why};

    (void)app->host->complete(app->self, job->token, &r);
    return ONTIME_PENDING;
}

static int http_call_execute(void *state, const struct ontime_job *job)
{
    struct http_call_app *app = state;
    struct attempt *a = calloc(1, sizeof(*a));
    char why[WHY_MAX] = "";
    int r;

    if (a == NULL)
        return ONTIME_RETRY;
    a->app = app;
    a->token = job->token;
    a->call.done = on_done;
    a->call.wanted = on_wanted;
    r = request_make(a, job, why, sizeof(why));
    if (r == 0) {
        r = http_start(app->http, &a->call);
        if (r == 0)
            return ONTIME_PENDING; /* a may be gone already */
        (void)snprintf(why, sizeof(why), "no room for the call in time");
    }
    http_call_clear(&a->call);
    free(a);
    return end(app, job, r == -EINVAL ? ONTIME_FAIL : ONTIME_RETRY, why);
}

/* ---- init ----------------------------------------------------------------------- */

struct opening {
    struct http_call_app *app;
    const struct ontime_config *config;
    char *errbuf;
    size_t errlen;
};

static const char *string(const struct opening *o, const char *name)
{
    const char *s = o->app->host->get_string(o->config, name);

    return s != NULL && s[0] != '\0' ? s : NULL;
}

static int64_t whole(const struct opening *o, const char *name)
{
    return o->app->host->get_int(o->config, name);
}

static int refuse(const struct opening *o, const char *setting, const char *why)
{
    (void)snprintf(o->errbuf, o->errlen, "%s: %s", setting, why);
    return -EINVAL;
}

static int compile(const struct opening *o, const char *setting,
                   enum template_kind kind, const char *source,
                   struct template **ret)
{
    char why[WHY_MAX];

    if (source == NULL)
        return refuse(o, setting, "must not be empty");
    if (template_compile(ret, &o->app->fields, kind, source, why,
                         sizeof(why)) == 0)
        return 0;
    return refuse(o, setting, why);
}

static bool is_token(const char *s, size_t len)
{
    return len > 0 && strspn(s, "!#$%&'*+-.^_`|~0123456789"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "abcdefghijklmnopqrstuvwxyz") >= len;
}

/* One "Name: value" of the setting headers. */
static int add_header(const struct opening *o, const char *line, size_t len)
{
    struct http_call_app *app = o->app;
    const char *colon = memchr(line, ':', len);
    struct header_line *h = &app->header[app->header_count];
    size_t name = colon != NULL ? (size_t)(colon - line) : 0;
    char *value;
    int r;

    if (!is_token(line, name))
        return refuse(o, "headers", "each line must be \"Name: value\"");
    if (app->header_count == HEADERS_MAX)
        return refuse(o, "headers", "more than 32");
    app->header_count++;
    colon += 1 + strspn(colon + 1, " ");
    h->name = strndup(line, name);
    value = strndup(colon, len - (size_t)(colon - line));
    r = h->name == NULL || value == NULL
            ? refuse(o, "headers", "out of memory")
            : compile(o, "headers", TEMPLATE_HEADER, value, &h->value);
    free(value);
    return r;
}

static int add_headers(const struct opening *o)
{
    const char *at = string(o, "headers");
    int r = 0;

    while (at != NULL && *at != '\0' && r == 0) {
        size_t len = strcspn(at, "\n");
        size_t used = len > 0 && at[len - 1] == '\r' ? len - 1 : len;

        if (used > 0)
            r = add_header(o, at, used);
        at += len + (at[len] == '\n');
    }
    return r;
}

static int set_body(const struct opening *o)
{
    static const struct {
        const char *name;
        enum template_kind kind;
        const char *content_type;
    } types[] = {
        {"json", TEMPLATE_JSON, "application/json"},
        {"form", TEMPLATE_FORM, "application/x-www-form-urlencoded"},
        {"text", TEMPLATE_TEXT, "text/plain; charset=utf-8"},
    };
    const char *type = string(o, "body_type"), *body = string(o, "body");

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (type == NULL || strcmp(type, types[i].name) != 0)
            continue;
        o->app->content_type = string(o, "content_type");
        if (o->app->content_type == NULL)
            o->app->content_type = types[i].content_type;
        return body == NULL
                   ? 0
                   : compile(o, "body", types[i].kind, body, &o->app->body);
    }
    return refuse(o, "body_type", "must be json, form or text");
}

static bool one_line(const char *s)
{
    return s == NULL || strpbrk(s, "\r\n") == NULL;
}

static int set_request(const struct opening *o)
{
    struct http_call_app *app = o->app;
    const char *name = string(o, "idempotency_header");
    int r = compile(o, "url", TEMPLATE_URL, string(o, "url"), &app->url);

    if (r == 0)
        r = compile(o, "method", TEMPLATE_TEXT, string(o, "method"),
                    &app->method);
    if (r == 0)
        r = set_body(o);
    if (r == 0)
        r = add_headers(o);
    if (r < 0)
        return r;
    app->authorization = string(o, "authorization");
    app->idempotency_header = name != NULL ? name : "";
    if (name != NULL && !is_token(name, strlen(name)))
        return refuse(o, "idempotency_header", "is no header's name");
    if (!one_line(app->authorization) || !one_line(app->content_type))
        return refuse(o, "authorization", "must be one line");
    app->traceparent = app->host->get_bool(o->config, "traceparent") != 0;
    app->excerpt = (size_t)whole(o, "excerpt");
    return 0;
}

static int set_client(const struct opening *o)
{
    struct http_call_app *app = o->app;
    const struct guard_rules rules = {
        .allow_hosts = string(o, "allow_hosts"),
        .deny_hosts = string(o, "deny_hosts"),
        .allow_networks = string(o, "allow_networks"),
        .deny_networks = string(o, "deny_networks"),
    };
    struct http_conf conf = {
        .max_in_flight = (unsigned)whole(o, "max_in_flight"),
        .connect_timeout_ms = whole(o, "connect_timeout"),
        .timeout_ms = whole(o, "timeout"),
        .max_response = (size_t)whole(o, "max_response"),
        .keep = app->excerpt,
        .max_redirects = (unsigned)whole(o, "max_redirects"),
        .verify = app->host->get_bool(o->config, "verify") != 0,
        .ca_file = string(o, "ca_file"),
        .client_cert = string(o, "client_cert"),
        .client_key = string(o, "client_key"),
        .client_key_password = string(o, "client_key_password"),
        .user_agent = "ontime-http_call/1.0",
    };
    int r = guard_open(&app->guard, &rules, o->errbuf, o->errlen);

    conf.guard = app->guard;
    return r < 0 ? r : http_open(&app->http, &conf, o->errbuf, o->errlen);
}

static void http_call_close(void *state)
{
    struct http_call_app *app = state;

    http_close(&app->http);
    guard_close(&app->guard);
    template_free(&app->method);
    template_free(&app->url);
    template_free(&app->body);
    for (size_t i = 0; i < app->header_count; i++) {
        free(app->header[i].name);
        template_free(&app->header[i].value);
    }
    free(app);
}

static int http_call_init(const struct ontime_host *host,
                          struct ontime_instance *self,
                          const struct ontime_config *config, void **state,
                          char *errbuf, size_t errlen)
{
    struct http_call_app *app = calloc(1, sizeof(*app));
    const struct opening o = {app, config, errbuf, errlen};
    int r;

    if (app == NULL) {
        (void)snprintf(errbuf, errlen, "out of memory");
        return -ENOMEM;
    }
    app->host = host;
    app->self = self;
    r = set_request(&o);
    if (r == 0)
        r = set_client(&o);
    if (r < 0) {
        http_call_close(app);
        return r;
    }
    *state = app;
    return 0;
}

/* ---- the descriptor ----------------------------------------------------------- */

static const struct ontime_setting settings[] = {
    {.name = "url",
     .type = ONTIME_STRING,
     .required = 1,
     .text = "Whom to call; {{name}} stands for a member of jobData."},
    {.name = "method",
     .type = ONTIME_STRING,
     .fallback = "POST",
     .text = "The HTTP method; may have {{name}}."},
    {.name = "body",
     .type = ONTIME_STRING,
     .text = "The body, with {{name}}; absent: jobData as it is."},
    {.name = "body_type",
     .type = ONTIME_STRING,
     .fallback = "json",
     .text = "How values are escaped in body: json, form or text."},
    {.name = "content_type",
     .type = ONTIME_STRING,
     .text = "Content-Type of the body; absent: by body_type."},
    {.name = "headers",
     .type = ONTIME_STRING,
     .text = "More headers, each a line \"Name: value\", with {{name}}."},
    {.name = "authorization",
     .type = ONTIME_SECRET,
     .text = "The value of the header Authorization."},
    {.name = "idempotency_header",
     .type = ONTIME_STRING,
     .fallback = "Idempotency-Key",
     .text = "Header with the key that all attempts share; \"\": none."},
    {.name = "traceparent",
     .type = ONTIME_BOOL,
     .fallback = "true",
     .text = "Send a W3C traceparent; it goes on with the job's, if any."},
    {.name = "connect_timeout",
     .type = ONTIME_DURATION,
     .fallback = "5s",
     .min = 1,
     .max = 3600000,
     .text = "How long name lookup, connecting and TLS may take."},
    {.name = "timeout",
     .type = ONTIME_DURATION,
     .fallback = "20s",
     .min = 1,
     .max = 86400000,
     .text = "How long the whole call may take; below the app's timeout."},
    {.name = "max_in_flight",
     .type = ONTIME_INT,
     .fallback = "1000",
     .min = 1,
     .max = 20000,
     .text = "Calls at once; further attempts wait for room."},
    {.name = "max_response",
     .type = ONTIME_INT,
     .fallback = "1048576",
     .min = 0,
     .max = 1073741824,
     .text = "Bytes of an answer's body that are read; then it is cut."},
    {.name = "excerpt",
     .type = ONTIME_INT,
     .fallback = "200",
     .min = 0,
     .max = 900,
     .text = "Bytes of an answer's body kept in the execution's message."},
    {.name = "max_redirects",
     .type = ONTIME_INT,
     .fallback = "0",
     .min = 0,
     .max = 20,
     .text = "Redirects that are followed."},
    {.name = "allow_hosts",
     .type = ONTIME_STRING,
     .text = "Hosts that may be called, as a.test, *.b.test; absent: all."},
    {.name = "deny_hosts",
     .type = ONTIME_STRING,
     .text = "Hosts that may not be called; wins."},
    {.name = "allow_networks",
     .type = ONTIME_STRING,
     .text = "Private networks that may be called, as 10.1.0.0/16."},
    {.name = "deny_networks",
     .type = ONTIME_STRING,
     .text = "Networks that may not be called; wins."},
    {.name = "verify",
     .type = ONTIME_BOOL,
     .fallback = "true",
     .text = "Check the server's certificate and name."},
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
    .name = "http_call",
    .version = "1.0",
    .text = "Calls a URL with each job's data.",
    .settings = settings,
    .init = http_call_init,
    .execute = http_call_execute,
    .close = http_call_close,
};
