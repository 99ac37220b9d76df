/* SPDX-License-Identifier: Apache-2.0
 *
 * order.h - what is to be paid, from jobData:
 *
 *     {"accountId": "acc-1", "amount": "12.50", "currency": "EUR",
 *      "transactionType": "PAYMENT", "merchantId": "m-7",
 *      "reference": "order-4711", "authorizationId": "..."}
 *
 * accountId, amount and currency are needed; authorizationId for CAPTURE.  Pure.
 */
#ifndef PLUGINS_COMMON_ORDER_H
#define PLUGINS_COMMON_ORDER_H

#include <stddef.h>
#include <stdint.h>

#include "common/money.h"

#define ORDER_ID 129

enum order_type { ORDER_PAYMENT, ORDER_AUTHORIZE, ORDER_CAPTURE };

struct order {
    enum order_type type;
    char account[ORDER_ID], merchant[ORDER_ID]; /* "" absent */
    char reference[ORDER_ID], authorization[ORDER_ID];
    char currency[4];
    int digits;
    int64_t minor;
    char amount[MONEY_TEXT]; /* with all digits */
};

/* 0, or -EINVAL with a text that shows nothing of the data. */
int order_read(struct order *o, const char *text, size_t len, char *why,
               size_t why_len);

/* "PAYMENT", "AUTHORIZE", "CAPTURE". */
const char *order_type_name(enum order_type type);

#endif
