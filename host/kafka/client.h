/* SPDX-License-Identifier: Apache-2.0
 *
 * kafka/client.h - settings shared by all clients of one Kafka cluster, and
 * what is asked of the cluster as a whole.
 */
#ifndef ONTIME_KAFKA_CLIENT_H
#define ONTIME_KAFKA_CLIENT_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct kafka_settings { /* borrowed while the clients live */
    const char *bootstrap_servers;
    const char *client_id;
    const char *const
        *common; /* "name=value" passed through, NULL-terminated */
    const char *const *producer;
    const char *const *consumer;
    const char *partitioner; /* of keyed records: librdkafka's names */
};

/* The settings as librdkafka takes them; unknown names and bad values are
 * errors that say which. For --check-config. */
int kafka_settings_check(const struct kafka_settings *set, struct err *err);

/* The cluster's id, waiting up to timeout_ms for a broker. *ret is free()d. */
int kafka_cluster_id(const struct kafka_settings *set, int timeout_ms,
                     char **ret, struct err *err);

enum topic_missing { TOPIC_CREATE, TOPIC_FAIL, TOPIC_WARN };

struct topic_need {
    const char *topic;
    const char *why;    /* "source sms_retry", for the message */
    int32_t partitions; /* when made by us */
    int32_t found;      /* out: how many it has; 0: missing; -1: not asked */
};

struct topic_policy {
    enum topic_missing missing;
    int replication; /* of topics that we make; 0: the broker's default */
};

/*
 * Looks the topics up (one metadata request) and treats missing ones as told:
 * made, -ENOENT with the kafka-topics.sh command that would make the first of
 * them, or a warning in the log.  err.retry when no broker answers within
 * timeout_ms.
 */
int kafka_topics_ensure(const struct kafka_settings *set,
                        struct topic_need *needs, size_t n,
                        const struct topic_policy *policy, int timeout_ms,
                        struct err *err);

#endif
