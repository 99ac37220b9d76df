/* SPDX-License-Identifier: Apache-2.0
 *
 * commit/sender.h - the at_least_once lane: records of ended attempts to
 * Kafka, each until it is delivered or refused for good.  Commit's thread.
 *
 * One producer each for what is on time and for what is overdue: a producer's
 * queue is first in, first out, and a backlog must not stand in it before a
 * record that is due now.  It also lets the backlog go in larger requests.
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
    const char *name; /* of the producer */
    double linger_ms;
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
