/* SPDX-License-Identifier: Apache-2.0
 *
 * ingest/dead.h - a source's dead letters: bad messages on their way to the
 * dead-letter topic, unchanged, with the reason in headers
 *
 *     original-topic, original-partition, original-offset, error-message,
 *     error-timestamp (ms since 1970), all text, behind the message's own.
 *
 * A letter is sent until it is delivered; what the topic refuses for its size
 * is sent without its value and with the header ontime-value-dropped (bytes),
 * and if even that is too large, without key and own headers as well.  Any
 * partition.  The source's thread only.
 */
#ifndef ONTIME_INGEST_DEAD_H
#define ONTIME_INGEST_DEAD_H

#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "kafka/consumer.h"
#include "kafka/producer.h"

#include <stdint.h>

struct batch;
struct metric;

struct dead {
    const struct kafka_settings *kafka; /* these three: borrowed */
    const char *source, *topic, *dlq_topic;
    struct producer *p; /* opened with the first letter */
    struct producer_topic *target;
    struct list letters; /* all that are not delivered */
    size_t waiting;      /* of them: to be sent (again) */
    int64_t open_ms;     /* do not open a producer before, boot clock */
    int64_t troubled_ms; /* refused since; 0: not */
    struct log_complaint complaint;
    struct metric *delivered;
};

void dead_init(struct dead *d, const struct kafka_settings *kafka,
               const char *source, const char *topic, const char *dlq_topic);
/* What is not delivered is dropped; may be used again. */
void dead_done(struct dead *d);
/* Takes the message over (*m is empty afterwards); b->bad_open counts it until
 * it is delivered.  -ENOMEM: still the caller's. */
int dead_send(struct dead *d, struct batch *b, struct message *m,
              const char *why, int64_t wall_ms);
/* Serves reports and sends what waits; up to timeout_ms for the first report. */
void dead_serve(struct dead *d, int timeout_ms);
/* The batch is given up: its letters concern nobody any more. */
void dead_forget(struct dead *d, const struct batch *b);

#endif
