/* SPDX-License-Identifier: Apache-2.0
 *
 * A plugin for ontime to start from: it sends each job's payload to a topic.
 *
 * Rename the file and the plugin has another name; `make` builds it.  All that
 * the host offers is explained in ontime/plugin.h, and step by step in the
 * plugin guide.
 */
#include <ontime/plugin.h>
#include <stdio.h>
#include <stdlib.h>

/* One instance: one `apps` block of the configuration.  Several can exist. */
struct instance {
    const struct ontime_host *host;
    struct ontime_instance *self;
    const char *topic; /* the host keeps it until close has returned */
    int64_t size_limit;
};

/* The settings of the block, checked by the host before init sees them. */
static const struct ontime_setting settings[] = {
    {.name = "topic",
     .type = ONTIME_STRING,
     .required = 1,
     .text = "The topic that payloads are sent to."},
    {.name = "size_limit",
     .type = ONTIME_INT,
     .fallback = "100000",
     .min = 1,
     .max = 1000000,
     .text = "Larger payloads, in bytes, are refused."},
    {.name = NULL},
};

static int init(const struct ontime_host *host, struct ontime_instance *self,
                const struct ontime_config *config, void **state, char *errbuf,
                size_t errlen)
{
    struct instance *in = calloc(1, sizeof(*in));

    if (in == NULL) {
        (void)snprintf(errbuf, errlen, "out of memory");
        return -ENOMEM;
    }
    in->host = host;
    in->self = self;
    in->topic = host->get_string(config, "topic");
    in->size_limit = host->get_int(config, "size_limit");
    *state = in;
    host->log(self, ONTIME_INFO, "sends to %s", in->topic);
    return 0;
}

/* Ends the attempt with a text for the job's history. */
static int fail(const struct instance *in, const struct ontime_job *job,
                const char *why)
{
    const struct ontime_result result = {
        .size = sizeof(result), .outcome = ONTIME_FAIL, .message = why};

    (void)in->host->complete(in->self, job->token, &result);
    return ONTIME_PENDING; /* complete() has said the rest */
}

/* May run in many threads at once, as the flags below say: reads the instance,
 * changes nothing. */
static int execute(void *state, const struct ontime_job *job)
{
    const struct instance *in = state;
    const struct ontime_record record = {
        .topic = in->topic,
        .key = job->key,
        .value = job->payload,
        .headers = job->headers,
        .header_count = job->header_count,
        .partition = -1, /* by the key */
    };

    if (job->payload.len > (size_t)in->size_limit)
        return fail(in, job, "the payload is larger than size_limit");
    if (in->host->emit(in->self, job->token, &record) < 0)
        return fail(in, job, "the record was refused");
    return ONTIME_DONE; /* and now the record goes out */
}

static void close_instance(void *state)
{
    free(state);
}

ONTIME_PLUGIN_EXPORT extern const struct ontime_plugin ontime_plugin;
const struct ontime_plugin ontime_plugin = {
    .abi = ONTIME_ABI,
    .size = sizeof(ontime_plugin),
    .flags = ONTIME_CONCURRENT | ONTIME_ONLY_EMITS | ONTIME_UNLOADABLE,
    .name = PLUGIN_NAME, /* from the Makefile: the file's name */
    .version = "0.1",
    .text = "Sends each job's payload to a topic.",
    .settings = settings,
    .init = init,
    .execute = execute,
    .close = close_instance,
};
