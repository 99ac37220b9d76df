/* SPDX-License-Identifier: Apache-2.0
 *
 * httpd/request.h - one request on its way through, and how it is answered.
 *
 * A request belongs to one thread at a time: the listener's that reads it, then
 * the lane's that does its work (the connection is suspended meanwhile), then
 * the listener's again.  Nothing here knows libmicrohttpd but by name.
 */
#ifndef ONTIME_HTTPD_REQUEST_H
#define ONTIME_HTTPD_REQUEST_H

#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "httpd/httpd.h"
#include "httpd/uri.h"

#include <stdbool.h>
#include <stdint.h>

struct MHD_Connection;
struct route;

#define REQUEST_IDEMPOTENCY_MAX 255
#define REQUEST_OUT_MAX ((size_t)256 << 20)

struct request {
    struct list link; /* the lane's queue */
    int64_t queued_ms;

    /* what was asked */
    char *target; /* as it came */
    const char *method;
    struct uri uri;
    const struct route *route; /* NULL: none fits */
    int64_t id;                /* {id} of the path; 0: the route has none */
    struct buf body;
    char idempotency[REQUEST_IDEMPOTENCY_MAX + 1]; /* the header; "" none */

    /* what it is done with */
    const struct httpd_house *house;
    struct store_session **session; /* see request_session() */

    /* the answer */
    unsigned status; /* 0: not yet answered */
    const char *type;
    struct buf out;
    unsigned retry_after; /* s; 0: no such header */
    char allow[64];       /* "" no such header */
    char location[64];    /* "" no such header */

    /* the listener's own */
    struct MHD_Connection *conn;
    size_t discarded; /* bytes of body that came after the answer was clear */
    size_t charged;   /* bytes of body held against the whole */
    int64_t begun_ms;
    bool begun, dispatched;
};

/* Which of the others' threads a request has its work done on. */
enum lane_kind {
    LANE_NONE,    /* the listener's own: never blocks */
    LANE_READ,    /* reads the store */
    LANE_PUT,     /* stores jobs: gathered */
    LANE_CONTROL, /* changes, reload */
    LANES
};

enum role { ROLE_NONE, ROLE_READ, ROLE_WRITE, ROLE_ADMIN };

typedef void route_fn(struct request *rq);

struct route { /* a row of the table in routes.c */
    const char *method;
    const char *path;  /* "{id}" stands for a job's number */
    const char *query; /* the parameters that it takes, by spaces */
    enum lane_kind lane;
    enum role role; /* who may, once there is access control */
    route_fn *run;  /* fills the answer; NULL: the lane's work does */
    const char *doc;
};

/* ---- answering; sets rq->status, a later answer replaces an earlier -------- */

/* What stands in rq->out is the JSON to be sent. */
void request_answer(struct request *rq, unsigned status);
/* A problem document (RFC 9457) with this detail. */
void request_problem(struct request *rq, unsigned status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* As request_problem, and the lines of report (may be NULL) as a list. */
void request_refused(struct request *rq, unsigned status, const char *detail,
                     const char *report);
/* "report":[...], a text for each line of report. */
void request_add_report(struct buf *out, const char *report);
/* The problem that err.h's code stands for (httpd.h has the list). */
void request_error(struct request *rq, const struct err *err);
/* The standard phrase of a status. */
const char *request_phrase(unsigned status);

/* The envelope of changes: {"success":true,"message":...,"data":{ and, after
 * the caller's members, },"timestamp":...}.  flag (may be NULL) names one more
 * member that is true. */
void request_envelope(struct request *rq, const char *message,
                      const char *flag);
void request_envelope_end(struct request *rq, unsigned status);

/* Asks the store for at most cap apps' counts without answering: how many, or
 * negative. */
int request_counts(struct request *rq, struct store_count *out, size_t cap,
                   struct err *err);
#define REQUEST_APPS_MAX 1024 /* counts are asked for so many */
/* The lane thread's reading session, opened when it has none yet.  Negative:
 * answered (503).  Not on listeners' threads. */
int request_session(struct request *rq, struct store_session **ret);

/* ---- parameters: answer 400 themselves ----------------------------------- */

/* The whole number in [min, max]; def when absent; -EINVAL: answered. */
int request_number(struct request *rq, const char *name, int64_t min,
                   int64_t max, int64_t def, int64_t *ret);
/* A point in time: text or epoch milliseconds. */
int request_time(struct request *rq, const char *name, int64_t def,
                 int64_t *ret);
/* Epoch milliseconds from a text (job/when.h) or a number. */
int request_parse_time(const struct httpd_house *house, const char *text,
                       size_t len, int64_t *ret, struct err *err);
/* The app that parameter `app` names: one that is configured or of which the
 * store knows.  *ret is NULL when the parameter is absent.  Negative:
 * answered (404). */
int request_app(struct request *rq, const struct app_name **ret);

#endif
