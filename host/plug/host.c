/* SPDX-License-Identifier: Apache-2.0
 *
 * plug/host.c - the services that a plugin gets; see ontime/plugin.h.
 *
 * Called from any thread, the plugin's own included.
 */
#include "config.h"

#include "plug/host.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "job/when.h"
#include "metrics/metrics.h"
#include "plug/attempt.h"
#include "plug/emit.h"
#include "plug/instance.h"

#define LOG_MODULE "plugin"
#define LOG_TEXT_MAX 2048

static enum log_level level_of(int level)
{
    switch (level) {
    case ONTIME_DEBUG:
        return LOG_DEBUG;
    case ONTIME_INFO:
        return LOG_INFO;
    case ONTIME_WARN:
        return LOG_WARN;
    default:
        return LOG_ERROR;
    }
}

__attribute__((format(printf, 3, 4))) static void host_log(
    struct ontime_instance *self, int level, const char *fmt, ...)
{
    const struct plugin_instance *i = instance_of(self);
    enum log_level l = level_of(level);
    char text[LOG_TEXT_MAX];
    va_list ap;

    if (!log_wanted(l, LOG_MODULE))
        return;
    va_start(ap, fmt);
    if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
        text[0] = '\0';
    va_end(ap);
    log_at(l, LOG_MODULE, LOG_STR("app", instance_app(i)->text),
           LOG_STR("plugin", plugin_object_name(instance_object(i))),
           LOG_STR("text", text));
}

static int host_emit(struct ontime_instance *self, ontime_token token,
                     const struct ontime_record *record)
{
    const struct plugin_instance *i = instance_of(self);
    struct attempt_table *t = instance_attempts(i);

    return t != NULL ? attempt_emit(t, i, token, record) : -ESTALE;
}

static int host_schedule(struct ontime_instance *self, ontime_token token,
                         const struct ontime_followup *job)
{
    const struct plugin_instance *i = instance_of(self);
    struct attempt_table *t = instance_attempts(i);

    return t != NULL ? attempt_schedule(t, i, token, job) : -ESTALE;
}

static int host_complete(struct ontime_instance *self, ontime_token token,
                         const struct ontime_result *result)
{
    const struct plugin_instance *i = instance_of(self);
    struct attempt_table *t = instance_attempts(i);

    return t != NULL ? attempt_complete(t, i, token, result) : -ESTALE;
}

static int host_cancelled(struct ontime_instance *self, ontime_token token)
{
    struct attempt_table *t = instance_attempts(instance_of(self));

    return t == NULL || !attempt_is_open(t, token);
}

static const char *host_get_string(const struct ontime_config *config,
                                   const char *name)
{
    return plugin_config_string(instance_config_of(config), name);
}

static int64_t host_get_int(const struct ontime_config *config,
                            const char *name)
{
    return plugin_config_int(instance_config_of(config), name);
}

static double host_get_float(const struct ontime_config *config,
                             const char *name)
{
    return plugin_config_float(instance_config_of(config), name);
}

static int host_get_bool(const struct ontime_config *config, const char *name)
{
    return plugin_config_bool(instance_config_of(config), name);
}

static void host_metric(struct ontime_instance *self, const char *name,
                        int64_t add)
{
    const struct plugin_instance *i = instance_of(self);

    if (name != NULL)
        metric_add(metric_plugin(name, instance_app(i)->text), add);
}

static void host_format_time(struct ontime_instance *self, int64_t ms,
                             char out[20])
{
    when_format_local(ms, instance_zone(instance_of(self)), out);
}

const struct ontime_host plugin_host = {
    .size = sizeof(plugin_host),
    .abi = ONTIME_ABI,
    .log = host_log,
    .now = clock_wall_ms,
    .emit = host_emit,
    .schedule = host_schedule,
    .complete = host_complete,
    .cancelled = host_cancelled,
    .get_string = host_get_string,
    .get_int = host_get_int,
    .get_float = host_get_float,
    .get_bool = host_get_bool,
    .metric = host_metric,
    .format_time = host_format_time,
};
