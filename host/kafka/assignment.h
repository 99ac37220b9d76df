/* SPDX-License-Identifier: Apache-2.0
 *
 * kafka/assignment.h - internal to kafka/: the partitions that a consumer
 * holds, where each stands, and moving them.  The consumer's thread only.
 */
#ifndef ONTIME_KAFKA_ASSIGNMENT_H
#define ONTIME_KAFKA_ASSIGNMENT_H

#include "base/err.h"
#include "kafka/consumer.h"

#include <librdkafka/rdkafka.h>

#include <stdbool.h>
#include <stdint.h>

struct part {
    int32_t id;
    int64_t next; /* offset to read next; -1: wherever the group stands */
    bool unset;   /* assigned() could not say yet where to start */
    bool lost;    /* the log does not have `next` */
    bool adrift;  /* librdkafka must be told `next` again */
    bool stopped; /* given up: nothing is read */
};

struct assignment {
    rd_kafka_t *rk;
    char *topic;
    struct consumer_events events;
    void *arg;
    struct part *parts;
    size_t count, cap;
    bool paused;
    int64_t repair_ms; /* not before, clock_boot_ms */
    int64_t hurry_ms;  /* when last */
    size_t hurry_turn, queue_peak;
};

int assignment_init(struct assignment *a, const char *topic,
                    const struct consumer_events *events, void *arg,
                    struct err *err);
void assignment_done(struct assignment *a);

/* Take over and give up partitions: for the rebalance callback. */
int assignment_add(struct assignment *a, rd_kafka_topic_partition_list_t *list,
                   struct err *err);
int assignment_remove(struct assignment *a,
                      const rd_kafka_topic_partition_list_t *list,
                      struct err *err);

/* A message has come: is it the caller's?  If so, moves on behind it. */
bool assignment_take(struct assignment *a, int32_t partition, int64_t offset);
/* librdkafka has no valid offset for this partition. */
void assignment_lost_place(struct assignment *a, int32_t partition);
/* Finds the place of partitions that have none.  Negative while there are some
 * left, err says why. */
int assignment_repair(struct assignment *a, struct err *err);
/* So many messages are queued: makes librdkafka fetch again in time. */
void assignment_hurry(struct assignment *a, size_t queued);

void assignment_pause(struct assignment *a, bool pause);
int assignment_seek(struct assignment *a, int32_t partition, int64_t next,
                    struct err *err);
int64_t assignment_lag(const struct assignment *a);

#endif
