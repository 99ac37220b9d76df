/* SPDX-License-Identifier: Apache-2.0
 *
 * outcome.c - what an HTTP reply means for the job; the client's thread.
 *
 *     2xx                    DONE
 *     429, 5xx               RETRY, not before Retry-After
 *     no answer              RETRY
 *     any other answer       FAIL
 *     not allowed to call    FAIL
 */
#include "config.h"

#include "http_call/http_call.h"

#include <stdio.h>

#define MESSAGE_MAX 1000 /* the host keeps so much */

static int outcome_of(const struct http_reply *reply)
{
    switch (reply->end) {
    case HTTP_ANSWERED:
        if (reply->status >= 200 && reply->status < 300)
            return ONTIME_DONE;
        if (reply->status == 429 || reply->status >= 500)
            return ONTIME_RETRY;
        return ONTIME_FAIL;
    case HTTP_REFUSED:
        return ONTIME_FAIL;
    default:
        return ONTIME_RETRY;
    }
}

static void describe(const struct attempt *a, const struct http_reply *reply,
                     struct text *out)
{
    size_t max = a->app->excerpt;

    if (reply->end != HTTP_ANSWERED) {
        text_addf(out, "HTTP: %s", reply->why);
        return;
    }
    text_addf(out, "HTTP %ld", reply->status);
    if (reply->redirected)
        text_adds(out, " (redirect, not followed)");
    if (reply->cut)
        text_adds(out, " (answer cut)");
    if (reply->retry_after[0] != '\0') {
        text_adds(out, " (Retry-After ");
        text_add_shown(out, reply->retry_after, 40, 40);
        text_adds(out, ")");
    }
    if (max > 0 && reply->body_len > 0) {
        text_adds(out, ": ");
        if (max > MESSAGE_MAX - out->len)
            max = MESSAGE_MAX - out->len;
        text_add_shown(out, reply->body, reply->body_len, max);
    }
}

void outcome_tell(const struct attempt *a, const struct http_reply *reply)
{
    const struct http_call_app *app = a->app;
    struct ontime_result r = {.size = sizeof(r), .outcome = outcome_of(reply)};
    struct text message = {0};
    int64_t after = -1;

    describe(a, reply, &message);
    if (r.outcome == ONTIME_RETRY && reply->retry_after[0] != '\0')
        after = http_retry_after(reply->retry_after, app->host->now());
    r.retry_ms = after > 0 ? after : 0;
    r.message = message.failed ? NULL : message.at;
    app->host->metric(app->self, "http_calls", 1);
    if (r.outcome != ONTIME_DONE)
        app->host->metric(app->self, "http_calls_failed", 1);
    (void)app->host->complete(app->self, a->token, &r);
    text_free(&message);
}
