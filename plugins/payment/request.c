/* SPDX-License-Identifier: Apache-2.0
 *
 * request.c - the calls to the gateway; any thread.
 *
 *     GET  URL/operations/KEY            the state of an idempotency key
 *     POST URL/payments                  PAYMENT, AUTHORIZE
 *     POST URL/payments/ID/capture       CAPTURE
 */
#include "config.h"

#include "payment/payment.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void add_member(struct text *t, const char *name, const char *value)
{
    if (value[0] == '\0')
        return;
    text_addf(t, "%s\"%s\":\"", t->len > 1 ? "," : "", name);
    text_add_json(t, value, strlen(value));
    text_adds(t, "\"");
}

static void make_body(const struct order *o, struct text *t)
{
    text_adds(t, "{");
    add_member(t, "transactionType", order_type_name(o->type));
    add_member(t, "accountId", o->account);
    add_member(t, "amount", o->amount);
    add_member(t, "currency", o->currency);
    add_member(t, "merchantId", o->merchant);
    add_member(t, "reference", o->reference);
    if (o->type != ORDER_CAPTURE)
        text_addf(t, ",\"capture\":%s",
                  o->type == ORDER_PAYMENT ? "true" : "false");
    text_adds(t, "}");
}

static void make_path(const struct payment *p, struct text *t)
{
    if (p->step != STEP_PAY) {
        text_adds(t, "/operations/");
        text_add_url(t, p->key, strlen(p->key));
    } else if (p->order.type == ORDER_CAPTURE) {
        text_adds(t, "/payments/");
        text_add_url(t, p->order.authorization, strlen(p->order.authorization));
        text_adds(t, "/capture");
    } else {
        text_adds(t, "/payments");
    }
}

/* What stands in line becomes a header. */
static int add_header(struct payment *p, struct text *line)
{
    struct curl_slist *more =
        line->failed ? NULL : curl_slist_append(p->call.headers, line->at);

    if (more == NULL)
        return -ENOMEM;
    p->call.headers = more;
    text_clear(line);
    return 0;
}

static int make_headers(struct payment *p, const char *path)
{
    const struct signable what = {
        .method = p->call.method,
        .path = path,
        .key = p->key,
        .body = p->call.body,
        .body_len = p->call.body_len,
        .timestamp = p->app->host->now() / 1000,
    };
    struct text line = {0};
    int r;

    text_adds(&line, "Expect:");
    r = add_header(p, &line);
    if (r == 0 && p->call.body != NULL) {
        text_adds(&line, "Content-Type: application/json");
        r = add_header(p, &line);
    }
    if (r == 0) {
        text_addf(&line, "Idempotency-Key: %s", p->key);
        r = add_header(p, &line);
    }
    if (r == 0) {
        text_addf(&line, "X-Timestamp: %" PRId64, what.timestamp);
        r = add_header(p, &line);
    }
    if (r == 0 && p->app->key_id != NULL) {
        text_addf(&line, "X-Key-Id: %s", p->app->key_id);
        r = add_header(p, &line);
    }
    if (r == 0) {
        text_adds(&line, "X-Signature: ");
        r = sign(&line, p->app->secret, &what);
    }
    if (r == 0)
        r = add_header(p, &line);
    text_free(&line);
    return r;
}

int request_make(struct payment *p)
{
    struct text path = {0}, url = {0}, body = {0};
    int r = -ENOMEM;

    http_call_clear(&p->call);
    p->call.method = p->step == STEP_PAY ? "POST" : "GET";
    p->call.body_len = 0;
    make_path(p, &path);
    if (p->step == STEP_PAY)
        make_body(&p->order, &body);
    if (path.failed || body.failed)
        goto out;
    text_adds(&url, p->app->url);
    text_adds(&url, path.at);
    p->call.body_len = body.len;
    p->call.body = text_take(&body);
    p->call.url = text_take(&url);
    if (p->call.url == NULL)
        goto out;
    /* The path that the server sees. */
    text_clear(&path);
    text_adds(&path, p->call.url + (p->app->path - p->app->url));
    if (!path.failed)
        r = make_headers(p, path.at);
out:
    text_free(&path);
    text_free(&url);
    text_free(&body);
    return r;
}
