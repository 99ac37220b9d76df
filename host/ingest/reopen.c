/* SPDX-License-Identifier: Apache-2.0
 *
 * ingest/reopen.c - opening a source's consumer, again if need be; see
 * reopen.h.  The source's thread.
 */
#include "config.h"

#include "ingest/reopen.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "ingest/flow.h"
#include "metrics/metrics.h"

#define FIRST_MS 1000
#define MOST_MS 60000
#define WORKED_MS (2 * MOST_MS) /* a consumer that lived so long did work */

static int passthrough(struct source *s)
{
    const struct conf_strings *more = &s->conf->consumer;

    if (s->passthrough != NULL)
        return 0;
    s->passthrough = calloc(more->count + 1, sizeof(*s->passthrough));
    if (s->passthrough == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < more->count; i++)
        s->passthrough[i] = more->at[i];
    return 0;
}

int reopen_consumer(struct source *s, struct err *err)
{
    struct consumer_settings set = {
        .kafka = s->env.kafka,
        .name = s->conf->name,
        .topic = s->conf->topic,
        .group_id = s->conf->group_id,
        .instance_id = s->env.instance_id,
        .queue_kb = 8192,
        .events = {source_assigned, source_revoked, source_out_of_range},
        .arg = s,
    };

    if (passthrough(s) < 0)
        return err_sys(err, ENOMEM, "settings");
    set.passthrough = s->passthrough;
    s->opened_ms = clock_boot_ms();
    return consumer_open(&set, &s->consumer, err);
}

/* Not before some time has passed. */
static void wait_longer(struct source *s, const struct err *err)
{
    int64_t wait = s->reopen_wait_ms * 2;

    if (wait > MOST_MS)
        wait = MOST_MS;
    if (wait == 0 || clock_boot_ms() - s->opened_ms > WORKED_MS)
        wait = FIRST_MS;
    s->reopen_wait_ms = wait;
    s->reopen_ms = clock_boot_ms() + wait;
    source_phase(s, PHASE_FAILED);
    log_error("ingest", LOG_EVENT("source_failed"),
              LOG_STR("source", s->conf->name), LOG_ERR(err),
              LOG_INT("again_in_ms", wait));
}

void reopen_failed(struct source *s, const struct err *err)
{
    flow_give_up(s, 0);
    dead_done(&s->dead); /* its letters are messages of the consumer */
    consumer_close(&s->consumer);
    for (size_t i = 0; i < s->places.count; i++)
        s->places.at[i].held = false;
    s->paused = false;
    s->blocked_ms = 0;
    metric_set(s->meters.paused, 0);
    wait_longer(s, err);
}

bool reopen_waits(struct source *s)
{
    struct err err = {0};

    if (s->consumer != NULL)
        return false;
    if (clock_boot_ms() < s->reopen_ms)
        return true;
    metric_add(s->meters.reopened, 1);
    if (reopen_consumer(s, &err) < 0) {
        wait_longer(s, &err);
        return true;
    }
    source_phase(s, PHASE_CONNECTING);
    return false;
}
