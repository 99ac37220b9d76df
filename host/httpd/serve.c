/* SPDX-License-Identifier: Apache-2.0
 *
 * httpd/serve.c - libmicrohttpd's side; see serve.h.
 *
 * Runs on the listeners' threads, which never block: what may block is done by
 * a lane while the connection is suspended.
 */
#include "config.h"

#include "httpd/serve.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <microhttpd.h>

#include "base/clock.h"
#include "base/log.h"
#include "httpd/guard.h"
#include "httpd/routes.h"
#include "metrics/metrics.h"

#define THREADS 2
#define IDLE_S 30u                     /* without a byte: closed */
#define BODY_MS 120000                 /* a body takes no longer than this */
#define HEADERS_MAX ((size_t)32 << 10) /* memory of a connection */
#define DISCARD_MAX ((size_t)32 << 20) /* read on only to answer politely */

/* ---- a request's life ---------------------------------------------------- */

/* MHD's first word of a request: its target, untouched. */
static void *on_target(void *cls, const char *target,
                       struct MHD_Connection *conn)
{
    const struct listener *l = cls;
    struct request *rq = calloc(1, sizeof(*rq));

    if (rq == NULL)
        return NULL;
    list_init(&rq->link);
    rq->target = strdup(target);
    rq->house = &l->srv->house;
    rq->conn = conn;
    rq->body = BUF_INIT(l->srv->max_body);
    rq->out = BUF_INIT(REQUEST_OUT_MAX);
    rq->begun_ms = clock_boot_ms();
    return rq;
}

static void record(const struct request *rq)
{
    char route[96] = "other", code[16];
    bool changes = rq->route != NULL && rq->route->lane == LANE_CONTROL;

    if (rq->route != NULL)
        (void)snprintf(route, sizeof(route), "%s %s", rq->route->method,
                       rq->route->path);
    (void)snprintf(code, sizeof(code), "%u", rq->status);
    metric_add(metric_series2("http_requests_total", route, code), 1);
    log_at(changes ? LOG_INFO : LOG_DEBUG, "httpd", LOG_EVENT("request"),
           LOG_STR("method", rq->route != NULL ? rq->route->method : "other"),
           LOG_STR("target", rq->target), LOG_INT("status", rq->status),
           LOG_INT("ms", clock_boot_ms() - rq->begun_ms));
}

static void on_completed(void *cls, struct MHD_Connection *conn, void **con_cls,
                         enum MHD_RequestTerminationCode toe)
{
    struct listener *l = cls;
    struct request *rq = *con_cls;

    (void)conn;
    (void)toe;
    *con_cls = NULL;
    if (rq == NULL)
        return;
    if (rq->status != 0)
        record(rq);
    atomic_fetch_sub(&l->srv->held, rq->charged);
    uri_done(&rq->uri);
    buf_done(&rq->body);
    buf_done(&rq->out);
    free(rq->target);
    free(rq);
}

/* ---- the answer ---------------------------------------------------------- */

static struct MHD_Response *make_response(struct request *rq)
{
    struct MHD_Response *resp;
    size_t len = 0;
    char *data = rq->status == 204 ? NULL : buf_take(&rq->out, &len);

    if (data == NULL) {
        static char none[] = "";

        return MHD_create_response_from_buffer(0, none, MHD_RESPMEM_PERSISTENT);
    }
    resp = MHD_create_response_from_buffer(len, data, MHD_RESPMEM_MUST_FREE);
    if (resp == NULL)
        free(data);
    return resp;
}

static enum MHD_Result send_answer(struct MHD_Connection *conn,
                                   struct request *rq, bool close)
{
    struct MHD_Response *resp = make_response(rq);
    enum MHD_Result ok = MHD_YES;
    char seconds[16];

    if (resp == NULL)
        return MHD_NO;
    if (rq->type != NULL && rq->status != 204)
        ok &= MHD_add_response_header(resp, "Content-Type", rq->type);
    ok &= MHD_add_response_header(resp, "Cache-Control", "no-store");
    ok &= MHD_add_response_header(resp, "X-Content-Type-Options", "nosniff");
    if (rq->allow[0] != '\0')
        ok &= MHD_add_response_header(resp, "Allow", rq->allow);
    if (rq->location[0] != '\0')
        ok &= MHD_add_response_header(resp, "Location", rq->location);
    if (rq->retry_after > 0) {
        (void)snprintf(seconds, sizeof(seconds), "%u", rq->retry_after);
        ok &= MHD_add_response_header(resp, "Retry-After", seconds);
    }
    if (close)
        ok &= MHD_add_response_header(resp, "Connection", "close");
    if (ok == MHD_YES)
        ok = MHD_queue_response(conn, rq->status, resp);
    MHD_destroy_response(resp);
    return ok;
}

/* ---- the head ------------------------------------------------------------ */

static const char *header(struct MHD_Connection *conn, const char *name)
{
    return MHD_lookup_connection_value(conn, MHD_HEADER_KIND, name);
}

static bool changes(const char *method)
{
    return strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0 &&
           strcmp(method, "OPTIONS") != 0;
}

/* Negative: answered. */
static int check_browser(const struct listener *l, struct request *rq)
{
    const char *host = header(rq->conn, "Host");

    if (l->check_host && !guard_host(host)) {
        request_problem(rq, 421, "this server is not called %.64s", host);
        return -EPERM;
    }
    if (changes(rq->method) &&
        !guard_origin(header(rq->conn, "Origin"), host)) {
        request_problem(rq, 403, "pages of other sites may not change things");
        return -EPERM;
    }
    return 0;
}

static int take_idempotency(struct request *rq)
{
    const char *key = header(rq->conn, "Idempotency-Key");
    size_t n = key != NULL ? strlen(key) : 0;

    if (n > REQUEST_IDEMPOTENCY_MAX) {
        request_problem(rq, 400, "Idempotency-Key has more than %d bytes",
                        REQUEST_IDEMPOTENCY_MAX);
        return -EINVAL;
    }
    if (n > 0)
        memcpy(rq->idempotency, key, n);
    return 0;
}

/* True when the body that is announced is better not even read: the answer
 * then goes out at once, and the connection is closed. */
static bool check_length(const struct listener *l, struct request *rq)
{
    const char *text = header(rq->conn, "Content-Length");
    unsigned long long n = text != NULL ? strtoull(text, NULL, 10) : 0;

    if (n <= l->srv->max_body)
        return false;
    request_problem(rq, 413, "a body has at most %zu bytes", l->srv->max_body);
    return header(rq->conn, "Expect") != NULL || n > DISCARD_MAX;
}

static enum MHD_Result begin(const struct listener *l, struct request *rq,
                             const char *method)
{
    struct err err;

    rq->begun = true;
    rq->method = method;
    if (rq->target == NULL)
        return MHD_NO;
    if (uri_parse(rq->target, &rq->uri, &err) < 0)
        request_error(rq, &err);
    else if (check_browser(l, rq) == 0 && routes_find(rq) == 0)
        (void)take_idempotency(rq);
    if (check_length(l, rq))
        return send_answer(rq->conn, rq, true);
    return MHD_YES;
}

/* ---- the body ------------------------------------------------------------ */

static enum MHD_Result take_body(const struct listener *l, struct request *rq,
                                 const char *data, size_t *len)
{
    size_t n = *len;

    *len = 0;
    if (clock_boot_ms() - rq->begun_ms > BODY_MS)
        return MHD_NO;
    if (rq->status != 0) { /* read on, only to answer at the end of it */
        rq->discarded += n;
        return rq->discarded <= DISCARD_MAX ? MHD_YES : MHD_NO;
    }
    rq->charged += n;
    if (atomic_fetch_add(&l->srv->held, n) + n > l->srv->max_held)
        request_problem(rq, 503, "too many large requests at once");
    else if (buf_add(&rq->body, data, n) == -EMSGSIZE)
        request_problem(rq, 413, "a body has at most %zu bytes",
                        l->srv->max_body);
    else if (buf_ok(&rq->body) < 0)
        request_problem(rq, 503, "no memory");
    if (rq->status != 0)
        buf_done(&rq->body);
    return MHD_YES;
}

/* ---- the work ------------------------------------------------------------ */

void serve_answered(struct request *rq)
{
    MHD_resume_connection(rq->conn);
}

static void dispatch(const struct listener *l, struct request *rq)
{
    enum lane_kind lane = rq->route->lane;
    int r;

    if (lane == LANE_NONE) {
        rq->route->run(rq);
        return;
    }
    /* Before the lane has it: it may be answered at any moment after that. */
    MHD_suspend_connection(rq->conn);
    r = lane_submit(&l->srv->lane[lane], rq, clock_boot_ms());
    if (r == 0)
        return;
    request_problem(rq, 503,
                    r == -EPIPE ? "the server is stopping"
                                : "too much is waiting already");
    MHD_resume_connection(rq->conn);
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *conn,
                                  const char *url, const char *method,
                                  const char *version, const char *data,
                                  size_t *len, void **con_cls)
{
    /* #lizard forgives: the parameters are libmicrohttpd's */
    const struct listener *l = cls;
    struct request *rq = *con_cls;

    (void)url;
    (void)version;
    if (rq == NULL)
        return MHD_NO;
    if (!rq->begun)
        return begin(l, rq, method);
    if (*len > 0)
        return take_body(l, rq, data, len);
    if (rq->status == 0 && !rq->dispatched) {
        bool inline_work = rq->route->lane == LANE_NONE;

        rq->dispatched = true;
        dispatch(l, rq);
        if (!inline_work)
            return MHD_YES;
    }
    return send_answer(conn, rq, false);
}

/* ---- start and stop ------------------------------------------------------ */

/* uri.c does it, knowing which '/' and '&' were escaped. */
static size_t leave_escapes(void *cls, struct MHD_Connection *conn, char *s)
{
    (void)cls;
    (void)conn;
    return strlen(s);
}

static void on_log(void *cls, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

static void on_log(void *cls, const char *fmt, va_list ap)
{
    char text[256];

    (void)cls;
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    text[strcspn(text, "\n")] = '\0';
    log_debug("httpd", LOG_EVENT("library"), LOG_STR("text", text));
}

int serve_start(struct listener *l, int fd, unsigned max_connections,
                struct err *err)
{
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME |
                     MHD_USE_ERROR_LOG;

    l->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, l, MHD_OPTION_EXTERNAL_LOGGER, on_log,
        NULL, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_THREAD_POOL_SIZE,
        (unsigned)THREADS, MHD_OPTION_CONNECTION_LIMIT, max_connections,
        MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, HEADERS_MAX,
        MHD_OPTION_URI_LOG_CALLBACK, on_target, l, MHD_OPTION_UNESCAPE_CALLBACK,
        leave_escapes, NULL, MHD_OPTION_NOTIFY_COMPLETED, on_completed, l,
        MHD_OPTION_END);
    if (l->daemon != NULL)
        return 0;
    close(fd);
    return err_set(err, -EIO, "cannot start the HTTP server");
}

void serve_stop(struct listener *l)
{
    if (l->daemon != NULL)
        MHD_stop_daemon(l->daemon);
    l->daemon = NULL;
}
