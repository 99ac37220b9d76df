/* SPDX-License-Identifier: Apache-2.0
 *
 * answer.c - what the gateway says; see payment.h.
 *
 *     {"status": "succeeded" | "authorized" | "declined" | "pending" |
 *                "unknown",
 *      "id": "...", "amount": "12.50", "currency": "EUR", "reason": "..."}
 *
 * Nothing of it but id and reason is shown, and those masked.
 */
#include "config.h"

#include "payment/payment.h"

#include <stdio.h>
#include <string.h>

#include "common/flat.h"

enum { STATUS, ID, AMOUNT, CURRENCY, REASON, MEMBERS };

static bool is(const struct flat_member *m, const char *text)
{
    return m->kind == FLAT_STRING && m->len == strlen(text) &&
           memcmp(m->at, text, m->len) == 0;
}

static void add_shown(struct text *out, const char *what,
                      const struct flat_member *m)
{
    if (m->kind != FLAT_STRING || m->len == 0)
        return;
    text_adds(out, what);
    mask_add(out, m->at, m->len, 120);
}

/* Whether the gateway means the sum that we mean. */
static bool same_sum(const struct order *o, const struct flat_member *m)
{
    int64_t minor = -1;

    if (!is(&m[CURRENCY], o->currency))
        return false;
    if (m[AMOUNT].kind != FLAT_STRING && m[AMOUNT].kind != FLAT_NUMBER)
        return false;
    return money_read(m[AMOUNT].at, m[AMOUNT].len, o->digits, &minor) == 0 &&
           minor == o->minor;
}

static enum verdict paid(const struct payment *p, const struct flat_member *m,
                         struct text *message)
{
    if (!same_sum(&p->order, m)) {
        text_adds(message, "the gateway has another sum under this key: look "
                           "into it by hand");
        return VERDICT_REFUSED;
    }
    text_addf(message, "%s %s %s", order_type_name(p->order.type),
              p->order.amount, p->order.currency);
    add_shown(message, ", id ", &m[ID]);
    return VERDICT_PAID;
}

static enum verdict by_status(const struct payment *p,
                              const struct flat_member *m, struct text *message)
{
    if (is(&m[STATUS], "succeeded"))
        return paid(p, m, message);
    if (is(&m[STATUS], "authorized") && p->order.type == ORDER_AUTHORIZE)
        return paid(p, m, message);
    if (is(&m[STATUS], "pending") || is(&m[STATUS], "authorized")) {
        text_adds(message, "the gateway is at work on it");
        return VERDICT_PENDING;
    }
    if (is(&m[STATUS], "declined")) {
        text_adds(message, "declined");
        add_shown(message, ": ", &m[REASON]);
        return VERDICT_DECLINED;
    }
    text_adds(message, "the gateway's answer has no status that is known");
    return VERDICT_UNCLEAR;
}

/* An HTTP error. */
static enum verdict by_code(const struct payment *p, long code,
                            const struct flat_member *m, struct text *message)
{
    text_addf(message, "the gateway answered %ld", code);
    add_shown(message, ": ", &m[REASON]);
    if (p->step != STEP_PAY && code == 404)
        return is(&m[STATUS], "unknown") ? VERDICT_NEVER : VERDICT_PENDING;
    if (p->step != STEP_PAY)
        return VERDICT_PENDING;
    switch (code) {
    case 401: /* our secret or clock may be wrong: not the job's fault */
    case 403:
    case 409: /* it is at work on this key */
    case 425:
    case 429:
        return VERDICT_PENDING;
    default:
        return code >= 400 && code < 500 && code != 408 ? VERDICT_REFUSED
                                                        : VERDICT_UNCLEAR;
    }
}

enum verdict answer_read(const struct payment *p,
                         const struct http_reply *reply, struct text *message)
{
    struct flat_member m[MEMBERS] = {
        [STATUS] = {.name = "status"}, [ID] = {.name = "id"},
        [AMOUNT] = {.name = "amount"}, [CURRENCY] = {.name = "currency"},
        [REASON] = {.name = "reason"},
    };
    const char *why;
    bool json = flat_read(reply->body, reply->body_len, m, MEMBERS, &why) == 0;

    if (!json)
        for (int i = 0; i < MEMBERS; i++)
            m[i].kind = FLAT_ABSENT;
    if (reply->status == 402 && is(&m[STATUS], "declined"))
        return by_status(p, m, message);
    if (reply->status < 200 || reply->status >= 300)
        return by_code(p, reply->status, m, message);
    return by_status(p, m, message);
}
