/* SPDX-License-Identifier: Apache-2.0
 *
 * payment.h - what the files of the plugin payment share.
 */
#ifndef PLUGINS_PAYMENT_H
#define PLUGINS_PAYMENT_H

#include <ontime/plugin.h>

#include "common/http.h"
#include "common/order.h"
#include "common/text.h"

#define KEY_MAX 300

/* One instance.  Constant after init. */
struct payment_app {
    const struct ontime_host *host;
    struct ontime_instance *self;
    struct guard *guard;
    struct http *http;
    char *url;        /* without a slash at the end */
    const char *path; /* of it, "" when there is none */
    const char *key_id, *secret;
    bool ask_always;
};

enum step {
    STEP_ASK,    /* for the state of the key, before paying */
    STEP_PAY,    /* the order itself */
    STEP_CONFIRM /* ask what became of an order whose answer was lost */
};

/* One attempt. */
struct payment {
    struct http_call call; /* first: the client gives it back */
    struct payment_app *app;
    ontime_token token;
    enum step step;
    struct order order;
    char key[KEY_MAX];
    char lost[120]; /* STEP_CONFIRM: how the answer was lost */
};

/* request.c: makes the call of the step.  0 or -ENOMEM. */
int request_make(struct payment *p);

/* sign.c: adds "v1=<hex>", the HMAC-SHA256 under secret of
 *     v1 \n METHOD \n PATH \n TIMESTAMP \n KEY \n hex(SHA-256(body))
 * 0, or -EIO when the library fails. */
struct signable {
    const char *method, *path, *key, *body;
    int64_t timestamp; /* seconds since 1970 */
    size_t body_len;
};
int sign(struct text *out, const char *secret, const struct signable *what);

/* answer.c: what the gateway says of a key. */
enum verdict {
    VERDICT_PAID,
    VERDICT_DECLINED,
    VERDICT_PENDING, /* it works on it, or cannot now: ask later */
    VERDICT_NEVER,   /* it has never seen the key */
    VERDICT_REFUSED, /* it will never do it */
    VERDICT_UNCLEAR  /* it may have been done or not */
};
enum verdict answer_read(const struct payment *p,
                         const struct http_reply *reply, struct text *message);

/* mask.c: adds the text, on one line, with the digits of what may be a card's or
 * an account's number (12 and more) as '*', but for the last four. */
void mask_add(struct text *out, const char *bytes, size_t len, size_t max);

#endif
