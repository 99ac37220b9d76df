/* SPDX-License-Identifier: Apache-2.0
 *
 * log.c - the plugin log: each job is a line of the daemon's log, for trying
 * things out (a queue that is the console).
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <ontime/plugin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

struct log_app {
    const struct ontime_host *host;
    struct ontime_instance *self;
    int level;
    size_t max_bytes;
};

static int log_execute(void *state, const struct ontime_job *job)
{
    const struct log_app *app = state;
    struct text line = {0};

    text_addf(&line, "job=%" PRId64 " attempt=%u key=", job->id, job->attempt);
    if (job->key.data != NULL)
        text_add_shown(&line, job->key.data, job->key.len, 200);
    text_adds(&line, " data=");
    if (job->payload.data != NULL)
        text_add_shown(&line, job->payload.data, job->payload.len,
                       app->max_bytes);
    if (!line.failed)
        app->host->log(app->self, app->level, "%s", line.at);
    text_free(&line);
    return ONTIME_DONE;
}

static int log_init(const struct ontime_host *host,
                    struct ontime_instance *self,
                    const struct ontime_config *config, void **state,
                    char *errbuf, size_t errlen)
{
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    struct log_app *app = calloc(1, sizeof(*app));
    const char *level = host->get_string(config, "level");

    if (app == NULL) {
        (void)snprintf(errbuf, errlen, "out of memory");
        return -ENOMEM;
    }
    app->host = host;
    app->self = self;
    app->max_bytes = (size_t)host->get_int(config, "max_bytes");
    app->level = -1;
    for (int i = ONTIME_DEBUG; i <= ONTIME_ERROR; i++)
        if (level != NULL && strcmp(level, levels[i]) == 0)
            app->level = i;
    if (app->level < 0) {
        (void)snprintf(errbuf, errlen,
                       "level: must be debug, info, warn or error");
        free(app);
        return -EINVAL;
    }
    *state = app;
    return 0;
}

static void log_close(void *state)
{
    free(state);
}

static const struct ontime_setting settings[] = {
    {.name = "level",
     .type = ONTIME_STRING,
     .fallback = "info",
     .text = "Level of the lines: debug, info, warn or error."},
    {.name = "max_bytes",
     .type = ONTIME_INT,
     .fallback = "500",
     .min = 0,
     .max = 10000,
     .text = "Bytes of jobData in a line; the rest is cut."},
    {.name = NULL},
};

ONTIME_PLUGIN_EXPORT extern const struct ontime_plugin ontime_plugin;
const struct ontime_plugin ontime_plugin = {
    .abi = ONTIME_ABI,
    .size = sizeof(ontime_plugin),
    .flags = ONTIME_CONCURRENT | ONTIME_UNLOADABLE,
    .name = "log",
    .version = "1.0",
    .text = "Writes each job to the daemon's log.",
    .settings = settings,
    .init = log_init,
    .execute = log_execute,
    .close = log_close,
};
