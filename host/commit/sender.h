/* SPDX-License-Identifier: Apache-2.0
 *
 * commit/sender.h - the at_least_once lane: records of ended attempts to
 * Kafka, each until it is delivered or refused for good.  Commit's thread.
 *
 * Two queues: what was on time goes before what was overdue, and the overdue
 * ones may only fill a part of what is under way, so that a backlog does not
 * stand in the producer's queue before a record that is due now.
 */
#ifndef ONTIME_COMMIT_SENDER_H
#define ONTIME_COMMIT_SENDER_H

#include "commit/work.h"
#include "kafka/producer.h"

struct sender;

/* All of a work's records are delivered, or it was condemned: it is the
 * receiver's. */
typedef void sender_sent_fn(void *arg, struct work *w);

struct sender_settings {
    const struct kafka_settings *kafka;
    size_t inflight_records;
    sender_sent_fn *sent;
    void *arg;
};

int sender_open(const struct sender_settings *set, struct sender **ret,
                struct err *err);
void sender_close(struct sender **ps); /* frees what it still has */

void sender_take(struct sender *s, struct work *w);
/* Serves reports and sends what may go; true when it did something. */
bool sender_turn(struct sender *s);
bool sender_busy(const struct sender *s);           /* has works */
int64_t sender_outstanding(const struct sender *s); /* any thread */
bool sender_connected(const struct sender *s);      /* any thread */

#endif
