/* SPDX-License-Identifier: Apache-2.0
 *
 * ingest/ingest.h - one running Kafka source: reads a topic, decodes its
 * format, stores the jobs with the source's positions in one transaction,
 * sends what cannot be decoded to the dead-letter topic.
 *
 * One thread per source.  Several batches may be on their way to the store;
 * they are stored in order.  When the store or the house is full or away the
 * source pauses its partitions and goes on by itself.
 */
#ifndef ONTIME_INGEST_INGEST_H
#define ONTIME_INGEST_INGEST_H

#include "base/err.h"
#include "conf/conf.h"
#include "job/job.h"
#include "job/zone.h"
#include "kafka/client.h"
#include "store/writer.h"

struct source;

struct ingest_env { /* what the house gives every source; outlives them */
    const struct kafka_settings *kafka;
    const char *cluster_id; /* Kafka's */
    const char *
        instance_id; /* static member of the groups under this name; "": dynamic */
    struct store *store; /* for positions: the source opens a reading session */
    struct writer *writer;
    const struct zone *zone; /* of sources without a timezone; NULL: UTC */
    /* Is an app of that name configured?  NULL: not.  Any thread. */
    const struct app_name *(*known_app)(void *arg, const char *name,
                                        size_t len);
    /* Stored jobs, ascending pos not guaranteed, now the receiver's; called on the
     * writer's thread after the commit; must not block. */
    void (*stored)(void *arg, struct list *jobs, size_t count);
    /* Wishes were left: look at them. Writer's thread. */
    void (*wished)(void *arg);
    /* Must what is taken in survive a power cut before it fires?  Else it would
     * be read again, and fire again under another id.  NULL: no.  Any thread. */
    bool (*durable)(void *arg);
    void *arg;
};

/* conf and what env points to are borrowed until source_stop(), env->stored,
 * wished and arg until the writer has stopped.  An unknown format, time zone or
 * Kafka setting is an error; a broker that is away is not: the source tries. */
int source_start(const struct ingest_env *env, const struct conf_source *conf,
                 struct source **ret, struct err *err);
/*
 * Stops reading, waits for what is on its way to the store and to the
 * dead-letter topic, leaves the group.  Blocks for as long as that takes or
 * until deadline_boot_ms; what is not stored then will be read again by the
 * next one.  Stop the sources before the writer.
 */
void source_stop(struct source **ps, int64_t deadline_boot_ms);
/* "connecting", "running", "paused: store", "paused: dead-letter topic",
 * "failed: position lost", "failed" (its consumer; another is tried soon),
 * "stopping"; borrowed static text.  Any thread. */
const char *source_state(const struct source *s);
const struct conf_source *source_conf(const struct source *s);

#endif
