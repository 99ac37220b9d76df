/* SPDX-License-Identifier: Apache-2.0
 *
 * kafka/producer.h - sending records with a report for each.
 *
 * An idempotent producer (KIP-98's first half): a record is appended once per
 * send, in order per partition, also across broker restarts.  Memory is
 * bounded: send answers -EAGAIN when the queue is full.
 */
#ifndef ONTIME_KAFKA_PRODUCER_H
#define ONTIME_KAFKA_PRODUCER_H

#include "base/buf.h"
#include "base/err.h"
#include "kafka/client.h"

#include <stdbool.h>
#include <stdint.h>

struct producer;
struct
    producer_topic; /* a topic's handle in one producer; lives as long as it */

struct producer_report {
    void *opaque; /* as given to send */
    int result; /* 0 delivered; -EMSGSIZE, -EACCES, -ENOENT, -EINVAL: never will be;
                          -EIO: the producer has failed; -ETIMEDOUT or other: may be sent
                          again */
    const char *text; /* reason, borrowed for the call; NULL when delivered */
    int32_t partition;
    int64_t offset;
};
typedef void producer_report_fn(void *arg, const struct producer_report *r);

struct producer_settings {
    const struct kafka_settings *kafka;
    const char *name; /* "commit", "dlq": for logs, metrics, client.id */
    int64_t queue_records, queue_kb;
    int64_t message_timeout_ms;
    double linger_ms;
    const char *transactional_id; /* NULL: no transactions; see txproducer.h */
    int64_t transaction_timeout_ms; /* with transactional_id */
    producer_report_fn *report;     /* called by producer_poll, on its thread */
    void *arg;
};

int producer_open(const struct producer_settings *set, struct producer **ret,
                  struct err *err);
/* Discards what is still queued: flush first. */
void producer_close(struct producer **pp);

/* Any thread. NULL without memory or for an invalid name. */
struct producer_topic *producer_topic(struct producer *p, const char *name);

struct producer_record {
    struct producer_topic *topic;
    int32_t partition; /* -1: by the partitioner */
    struct span key,
        value; /* data NULL: null.  value must stay until the report; key,
                                 headers are copied */
    struct span headers;  /* encoded as job/headers.h does; len 0: none */
    int64_t timestamp_ms; /* 0: now */
    void *opaque;
};
/* 0: a report will come. -EAGAIN (err.retry): queue full, poll and try again.
 * -EMSGSIZE, -ENOENT (unknown partition or topic), -EACCES, -EINVAL, -EIO: no
 * report.
 * -EIO: this producer has failed for good (reports in flight still come):
 * close it and open another.  Any thread. */
int producer_send(struct producer *p, const struct producer_record *r,
                  struct err *err);

/* Serves reports, waiting up to timeout_ms for the first; returns how many.
 * One thread. */
int producer_poll(struct producer *p, int timeout_ms);
int64_t producer_outstanding(
    const struct producer *p); /* sent, not yet reported */
/* Waits until nothing is outstanding (serving reports) or the time is over: -ETIMEDOUT. */
int producer_flush(struct producer *p, int timeout_ms);
/* A broker is reachable, as far as is known. Any thread. */
bool producer_connected(const struct producer *p);

/* For kafka/txproducer.c alone. */
struct rd_kafka_s;
struct rd_kafka_s *producer_client(const struct producer *p);
struct rd_kafka_topic_s;
struct rd_kafka_topic_s *producer_topic_handle(const struct producer_topic *t);

#endif
