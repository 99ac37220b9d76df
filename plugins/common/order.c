/* SPDX-License-Identifier: Apache-2.0
 *
 * order.c - what is to be paid; see order.h.
 */
#include "config.h"

#include "common/order.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/flat.h"

enum {
    ACCOUNT,
    AMOUNT,
    CURRENCY,
    TYPE,
    MERCHANT,
    REFERENCE,
    AUTHORIZATION,
    MEMBERS
};

static const char *const types[] = {
    [ORDER_PAYMENT] = "PAYMENT",
    [ORDER_AUTHORIZE] = "AUTHORIZE",
    [ORDER_CAPTURE] = "CAPTURE",
};

const char *order_type_name(enum order_type type)
{
    return types[type];
}

static bool given(const struct flat_member *m)
{
    return m->kind != FLAT_ABSENT && m->kind != FLAT_NULL;
}

static int refuse(char *why, size_t len, const char *name, const char *what)
{
    (void)snprintf(why, len, "%s %s", name, what);
    return -EINVAL;
}

/* An identifier: a text or a whole number, without control characters. */
static int read_id(const struct flat_member *m, char out[ORDER_ID],
                   bool required, char *why, size_t len)
{
    size_t digits = flat_whole(m);
    int n = 0;

    out[0] = '\0';
    if (!given(m))
        return required ? refuse(why, len, m->name, "is missing") : 0;
    if (m->kind == FLAT_STRING)
        n = flat_text(m, out, ORDER_ID);
    else if (digits > 0 && digits < ORDER_ID)
        (void)snprintf(out, ORDER_ID, "%.*s", (int)digits, m->at);
    else
        n = -EINVAL;
    for (const char *p = out; n >= 0 && *p != '\0'; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            n = -EINVAL;
    if (n < 0 || out[0] == '\0')
        return refuse(why, len, m->name,
                      "must be a text of 1 to 128 bytes on one line");
    return 0;
}

static int read_amount(struct order *o, const struct flat_member *m, char *why,
                       size_t len)
{
    char text[64];
    int r = -EINVAL;

    if (!given(m))
        return refuse(why, len, "amount", "is missing");
    /* Of a number the digits as they stand: it never becomes a double. */
    if (m->kind == FLAT_NUMBER)
        r = money_read(m->at, m->len, o->digits, &o->minor);
    else if (m->kind == FLAT_STRING && flat_text(m, text, sizeof(text)) > 0)
        r = money_read(text, strlen(text), o->digits, &o->minor);
    if (r == -ERANGE)
        return refuse(why, len, "amount",
                      "has more digits than the currency allows");
    if (r < 0)
        return refuse(why, len, "amount", "must be a decimal as \"12.50\"");
    if (o->minor == 0)
        return refuse(why, len, "amount", "must not be zero");
    money_print(o->minor, o->digits, o->amount);
    return 0;
}

static int read_currency(struct order *o, const struct flat_member *m,
                         char *why, size_t len)
{
    if (!given(m))
        return refuse(why, len, "currency", "is missing");
    if (m->kind != FLAT_STRING ||
        flat_text(m, o->currency, sizeof(o->currency)) != 3)
        o->currency[0] = '\0';
    o->digits = money_digits(o->currency);
    if (o->digits < 0)
        return refuse(why, len, "currency", "is none of ISO 4217, as \"EUR\"");
    return 0;
}

static int read_type(struct order *o, const struct flat_member *m, char *why,
                     size_t len)
{
    char text[16] = "";

    o->type = ORDER_PAYMENT;
    if (!given(m))
        return 0;
    if (m->kind != FLAT_STRING || flat_text(m, text, sizeof(text)) < 0)
        text[0] = '\0';
    for (int i = ORDER_PAYMENT; i <= ORDER_CAPTURE; i++) {
        if (strcmp(text, types[i]) == 0) {
            o->type = (enum order_type)i;
            return 0;
        }
    }
    return refuse(why, len, "transactionType",
                  "must be PAYMENT, AUTHORIZE or CAPTURE");
}

int order_read(struct order *o, const char *text, size_t len, char *why,
               size_t why_len)
{
    struct flat_member m[MEMBERS] = {
        [ACCOUNT] = {.name = "accountId"},
        [AMOUNT] = {.name = "amount"},
        [CURRENCY] = {.name = "currency"},
        [TYPE] = {.name = "transactionType"},
        [MERCHANT] = {.name = "merchantId"},
        [REFERENCE] = {.name = "reference"},
        [AUTHORIZATION] = {.name = "authorizationId"},
    };
    const char *what = NULL;
    int r;

    memset(o, 0, sizeof(*o));
    if (flat_read(text, len, m, MEMBERS, &what) < 0)
        return refuse(why, why_len, "jobData cannot be read:", what);
    r = read_id(&m[ACCOUNT], o->account, true, why, why_len);
    if (r == 0)
        r = read_currency(o, &m[CURRENCY], why, why_len);
    if (r == 0)
        r = read_amount(o, &m[AMOUNT], why, why_len);
    if (r == 0)
        r = read_type(o, &m[TYPE], why, why_len);
    if (r == 0)
        r = read_id(&m[MERCHANT], o->merchant, false, why, why_len);
    if (r == 0)
        r = read_id(&m[REFERENCE], o->reference, false, why, why_len);
    if (r == 0)
        r = read_id(&m[AUTHORIZATION], o->authorization,
                    o->type == ORDER_CAPTURE, why, why_len);
    return r;
}
