/* SPDX-License-Identifier: Apache-2.0
 *
 * http_call.h - what the files of the plugin http_call share.
 */
#ifndef PLUGINS_HTTP_CALL_H
#define PLUGINS_HTTP_CALL_H

#include <ontime/plugin.h>

#include "common/http.h"
#include "common/template.h"

#define HEADERS_MAX 32

struct header_line {
    char *name;
    struct template *value;
};

/* One instance.  Constant after init. */
struct http_call_app {
    const struct ontime_host *host;
    struct ontime_instance *self;
    struct guard *guard;
    struct http *http;

    struct fields fields;                 /* that the templates name */
    struct template *method, *url, *body; /* body NULL: the payload */
    struct header_line header[HEADERS_MAX];
    size_t header_count;
    const char *content_type, *authorization, *idempotency_header;
    bool traceparent;
    size_t excerpt;
};

/* One attempt. */
struct attempt {
    struct http_call call; /* first: the client gives it back */
    struct http_call_app *app;
    ontime_token token;
    char method[17];
};

/* request.c: makes the call of a job.  0, or negative with a text. */
int request_make(struct attempt *a, const struct ontime_job *job, char *why,
                 size_t len);

/* outcome.c: ends the attempt as the reply has it. */
void outcome_tell(const struct attempt *a, const struct http_reply *reply);

#endif
