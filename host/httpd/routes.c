/* SPDX-License-Identifier: Apache-2.0
 *
 * httpd/routes.c - the table of routes; see routes.h.
 */
#include "config.h"

#include "httpd/routes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "httpd/jobs.h"
#include "httpd/ops.h"

/* More special paths come before those with {id}. */
const struct route routes_table[] = {
    {"GET", "/metrics", "", LANE_NONE, ROLE_NONE, ops_metrics,
     "Prometheus metrics."},
    {"GET", "/health", "", LANE_NONE, ROLE_NONE, ops_ready,
     "Alive and ready: 200, else 503 with the reason."},
    {"GET", "/health/live", "", LANE_NONE, ROLE_NONE, ops_live,
     "The process answers."},
    {"GET", "/health/ready", "", LANE_NONE, ROLE_NONE, ops_ready,
     "Ready to work: 200, else 503 with the reason."},
    {"GET", "/api/v1", "", LANE_NONE, ROLE_READ, routes_index, "This list."},
    {"GET", "/api/v1/status", "", LANE_READ, ROLE_READ, ops_status,
     "Version, uptime, window, store, sources."},
    {"GET", "/api/v1/apps", "", LANE_READ, ROLE_READ, ops_apps,
     "The apps as they are served, and the store's counts of each."},
    {"POST", "/api/v1/reload", "", LANE_CONTROL, ROLE_ADMIN, ops_reload,
     "Reads the configuration again; 422 with the report when it is refused."},
    {"POST", "/api/v1/ledger/accept-loss", "slot", LANE_CONTROL, ROLE_ADMIN,
     ops_accept_ledger_loss,
     "Goes on with a slot whose ledger does not continue what the store knows: "
     "what it lacks may be sent again; 409 when it is not held."},
    {"GET", "/api/v1/jobs", "app key state due_from due_to after limit",
     LANE_READ, ROLE_READ, jobs_list,
     "Live jobs by due time; `next` is the `after` of the next page."},
    {"POST", "/api/v1/jobs", "", LANE_PUT, ROLE_WRITE, NULL,
     "Stores a job, given in format `ingest`: 201, 200 for a repeat."},
    {"DELETE", "/api/v1/jobs", "app key", LANE_CONTROL, ROLE_WRITE,
     jobs_cancel_key, "Cancels the live job with this app and key."},
    {"GET", "/api/v1/jobs/{id}", "", LANE_READ, ROLE_READ, jobs_get,
     "One job; of one that has ended, what its last execution says."},
    {"DELETE", "/api/v1/jobs/{id}", "", LANE_CONTROL, ROLE_WRITE, jobs_cancel,
     "Cancels it: 200, 409 too late, 202 not yet decided."},
    {"GET", "/api/v1/jobs/{id}/executions", "", LANE_READ, ROLE_READ,
     jobs_executions, "Its attempts that have ended, oldest first."},
    {"PUT", "/api/v1/jobs/{id}/schedule", "", LANE_CONTROL, ROLE_WRITE,
     jobs_reschedule, "Gives it another due time: {\"scheduledTime\": ...}."},
    {"POST", "/api/v1/jobs/{id}/run", "", LANE_CONTROL, ROLE_WRITE, jobs_run,
     "Makes it due now."},
    {"GET", "/api/v1/executions", "app limit", LANE_READ, ROLE_READ,
     ops_executions, "The newest executions."},
    {"GET", "/api/v1/history", "app from to after limit", LANE_READ, ROLE_READ,
     ops_history,
     "All executions that ended then, in no order, page by page: `next` is the "
     "`after` of the next one."},
};
const size_t routes_count = sizeof(routes_table) / sizeof(routes_table[0]);

/* Do the path's segments fit the pattern?  *ret_id: what stands for {id}. */
static bool fits(const char *pattern, const struct uri *u, const char **ret_id)
{
    *ret_id = NULL;
    for (size_t i = 0; i < u->segments; i++) {
        size_t n;

        if (*pattern++ != '/')
            return false;
        n = strcspn(pattern, "/");
        if (strncmp(pattern, "{id}", n) == 0 && n == 4 &&
            u->segment[i][0] != '\0')
            *ret_id = u->segment[i];
        else if (strlen(u->segment[i]) != n ||
                 strncmp(pattern, u->segment[i], n) != 0)
            return false;
        pattern += n;
    }
    return *pattern == '\0';
}

static int parse_id(struct request *rq, const char *text)
{
    char *end;
    long long v;

    if (text == NULL)
        return 0;
    errno = 0;
    v = strtoll(text, &end, 10);
    if (strspn(text, "0123456789") != strlen(text) || errno != 0 || v <= 0) {
        request_problem(rq, 400, "\"%.64s\" is not a job's number", text);
        return -EINVAL;
    }
    rq->id = v;
    return 0;
}

/* Is name one of the words of list? */
static bool has_word(const char *list, const char *name)
{
    size_t len = strlen(name);

    while (*list != '\0') {
        size_t n = strcspn(list, " ");

        if (n == len && strncmp(list, name, n) == 0)
            return true;
        list += n + (list[n] == ' ');
    }
    return false;
}

static int check_query(struct request *rq)
{
    const char *takes = rq->route->query;

    for (size_t i = 0; i < rq->uri.params; i++) {
        if (has_word(takes, rq->uri.param[i].name))
            continue;
        request_problem(rq, 400, "no parameter \"%.64s\" here; there is: %s",
                        rq->uri.param[i].name, *takes != '\0' ? takes : "none");
        return -EINVAL;
    }
    return 0;
}

static void add_allow(struct request *rq, const char *method)
{
    struct buf b = BUF_FIXED(rq->allow);

    b.len = strlen(rq->allow);
    if (b.len > 0)
        buf_adds(&b, ", ");
    buf_adds(&b, method);
    if (strcmp(method, "GET") == 0)
        buf_adds(&b, ", HEAD");
    (void)buf_cstr(&b);
}

static int refuse(struct request *rq)
{
    if (rq->allow[0] == '\0') {
        request_problem(rq, 404, "nothing is here; GET /api/v1 lists what is");
        return -ENOENT;
    }
    add_allow(rq, "OPTIONS");
    if (strcmp(rq->method, "OPTIONS") == 0) {
        request_answer(rq, 204);
        return -EPERM;
    }
    request_problem(rq, 405, "%.32s is not possible here; it is: %s",
                    rq->method, rq->allow);
    return -EPERM;
}

int routes_find(struct request *rq)
{
    const char *method = strcmp(rq->method, "HEAD") == 0 ? "GET" : rq->method;

    rq->allow[0] = '\0';
    for (size_t i = 0; i < routes_count; i++) {
        const struct route *route = &routes_table[i];
        const char *id;

        if (!fits(route->path, &rq->uri, &id))
            continue;
        if (strcmp(route->method, method) != 0) {
            add_allow(rq, route->method);
            continue;
        }
        rq->allow[0] = '\0';
        rq->route = route;
        if (parse_id(rq, id) < 0)
            return -EINVAL;
        return check_query(rq);
    }
    return refuse(rq);
}

static void add_member(struct buf *out, const char *name, const char *value)
{
    buf_addf(out, ",\"%s\":", name);
    buf_add_json(out, value, strlen(value));
}

void routes_index(struct request *rq)
{
    buf_adds(&rq->out, "{\"routes\":[");
    for (size_t i = 0; i < routes_count; i++) {
        const struct route *route = &routes_table[i];

        buf_addf(&rq->out, "%s{\"method\":\"%s\"", i > 0 ? "," : "",
                 route->method);
        add_member(&rq->out, "path", route->path);
        if (route->query[0] != '\0')
            add_member(&rq->out, "query", route->query);
        add_member(&rq->out, "doc", route->doc);
        buf_addc(&rq->out, '}');
    }
    buf_adds(&rq->out, "]}");
    request_answer(rq, 200);
}
