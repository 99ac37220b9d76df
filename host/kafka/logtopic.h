/* SPDX-License-Identifier: Apache-2.0
 *
 * kafka/logtopic.h - a topic that keeps everything until we delete it: made
 * with the settings that this takes, or checked for them.
 */
#ifndef ONTIME_KAFKA_LOGTOPIC_H
#define ONTIME_KAFKA_LOGTOPIC_H

#include "base/err.h"
#include "kafka/client.h"

#include <stdbool.h>
#include <stdint.h>

struct logtopic_need {
    const char *topic;
    int32_t partitions; /* when made by us */
    int32_t partition;  /* which must be there */
    int replication;    /* when made by us; 0: 3, or one per broker if there
                              are fewer */
    bool may_create;
};

/*
 * The topic is there, has the partition, and deletes nothing by itself: not
 * compacted, no retention by time or size.  -ENOENT, -EINVAL with the command
 * that mends it; err.retry when no broker answers within timeout_ms.  Blocks.
 */
int logtopic_ensure(const struct kafka_settings *set,
                    const struct logtopic_need *need, int timeout_ms,
                    struct err *err);

#endif
