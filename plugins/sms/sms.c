/* SPDX-License-Identifier: Apache-2.0
 *
 * sms.c - the plugin sms: at its time, an SMS goes to the topic of the service
 * that sends it.
 */
#include "config.h"

#include "common/emitter.h"

static const struct emitter_table table = {
    .member =
        {
            {"phoneNumber", MEMBER_TEXT, 1, NULL},
            {"message", MEMBER_TEXT, 1, NULL},
            {"senderId", MEMBER_TEXT, 0, NULL},
            {.name = NULL},
        },
};

static int sms_init(const struct ontime_host *host,
                    struct ontime_instance *self,
                    const struct ontime_config *config, void **state,
                    char *errbuf, size_t errlen)
{
    struct emitter *e =
        emitter_open(&table, host, self, config, errbuf, errlen);

    if (e == NULL)
        return -EINVAL;
    *state = e;
    return 0;
}

static const struct ontime_setting settings[] = {
    EMITTER_TOPIC("SMS_Send"),
    {.name = NULL},
};

ONTIME_PLUGIN_EXPORT extern const struct ontime_plugin ontime_plugin;
const struct ontime_plugin ontime_plugin = {
    .abi = ONTIME_ABI,
    .size = sizeof(ontime_plugin),
    .flags = ONTIME_CONCURRENT | ONTIME_ONLY_EMITS | ONTIME_UNLOADABLE,
    .name = "sms",
    .version = "1.0",
    .text = "Sends an SMS to the SMS service at its time.",
    .settings = settings,
    .init = sms_init,
    .execute = emitter_execute,
    .close = emitter_close,
};
