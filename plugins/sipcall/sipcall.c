/* SPDX-License-Identifier: Apache-2.0
 *
 * sipcall.c - the plugin sipcall: at its time, a call goes to the topic of the
 * service that makes it.
 */
#include "config.h"

#include "common/emitter.h"

static const struct emitter_table table = {
    .member =
        {
            {"callTo", MEMBER_TEXT, 1, NULL},
            {"callFrom", MEMBER_TEXT, 1, NULL},
            {"duration", MEMBER_WHOLE, 1, NULL},
            {"callType", MEMBER_TEXT, 0, NULL},
            {.name = NULL},
        },
};

static int sipcall_init(const struct ontime_host *host,
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
    EMITTER_TOPIC("SIP_Call"),
    {.name = NULL},
};

ONTIME_PLUGIN_EXPORT extern const struct ontime_plugin ontime_plugin;
const struct ontime_plugin ontime_plugin = {
    .abi = ONTIME_ABI,
    .size = sizeof(ontime_plugin),
    .flags = ONTIME_CONCURRENT | ONTIME_ONLY_EMITS | ONTIME_UNLOADABLE,
    .name = "sipcall",
    .version = "1.0",
    .text = "Sends a call to the SIP service at its time.",
    .settings = settings,
    .init = sipcall_init,
    .execute = emitter_execute,
    .close = emitter_close,
};
