/* SPDX-License-Identifier: Apache-2.0
 *
 * payment_gateway.c - the plugin payment_gateway: at its time, an order goes to the
 * topic of the service that pays it.  The plugin payment calls a gateway itself.
 */
#include "config.h"

#include "common/emitter.h"

#include "common/order.h"

static int check_order(const char *payload, size_t len, char *why,
                       size_t why_len)
{
    struct order order;

    return order_read(&order, payload, len, why, why_len);
}

static const struct emitter_table table = {
    .member =
        {
            {"accountId", MEMBER_TEXT, 1, NULL},
            {"amount", MEMBER_OWN, 1, NULL},
            {"currency", MEMBER_TEXT, 1, NULL},
            {"transactionType", MEMBER_TEXT, 0, "\"PAYMENT\""},
            {"merchantId", MEMBER_TEXT, 0, NULL},
            {.name = NULL},
        },
    .check = check_order,
};

static int payment_gateway_init(const struct ontime_host *host,
                                struct ontime_instance *self,
                                const struct ontime_config *config,
                                void **state, char *errbuf, size_t errlen)
{
    struct emitter *e =
        emitter_open(&table, host, self, config, errbuf, errlen);

    if (e == NULL)
        return -EINVAL;
    *state = e;
    return 0;
}

static const struct ontime_setting settings[] = {
    EMITTER_TOPIC("Payment_Orders"),
    {.name = NULL},
};

ONTIME_PLUGIN_EXPORT extern const struct ontime_plugin ontime_plugin;
const struct ontime_plugin ontime_plugin = {
    .abi = ONTIME_ABI,
    .size = sizeof(ontime_plugin),
    .flags = ONTIME_CONCURRENT | ONTIME_ONLY_EMITS | ONTIME_UNLOADABLE,
    .name = "payment_gateway",
    .version = "1.0",
    .text = "Sends a payment order to the payment service at its time.",
    .settings = settings,
    .init = payment_gateway_init,
    .execute = emitter_execute,
    .close = emitter_close,
};
