/* SPDX-License-Identifier: Apache-2.0
 *
 * kafka/consumer.h - reading one topic as a member of a group, from positions
 * that the caller keeps.  One thread, its callbacks included.
 */
#ifndef ONTIME_KAFKA_CONSUMER_H
#define ONTIME_KAFKA_CONSUMER_H

#include "base/buf.h"
#include "base/err.h"
#include "kafka/client.h"

#include <stdbool.h>
#include <stdint.h>

struct consumer;
struct consumer_message; /* owns what a struct message points to */

struct message {
    int32_t partition;
    int64_t offset;
    int64_t timestamp_ms;   /* -1: none */
    struct span key, value; /* data NULL: null */
    struct span headers; /* encoded as job/headers.h does, built on request */
    void *headers_mem;
    struct consumer_message *owner; /* message_free() it */
};

/* In consumer_poll.  assigned: fill *ret_next with the first offset to read, or
 * -1 (then the group's committed offset, else `earliest`); a negative return
 * makes the poll fail with it.  revoked: the partition's messages that are
 * still in the caller's hands will be read by another. */
struct consumer_events {
    int (*assigned)(void *arg, int32_t partition, int64_t *ret_next,
                    struct err *err);
    void (*revoked)(void *arg, int32_t partition, bool lost);
    /* A stored position that the log no longer has: the answer is the offset to
     * go on from (low or high), or -1 to stop that partition. */
    int64_t (*out_of_range)(void *arg, int32_t partition, int64_t low,
                            int64_t high);
};

struct consumer_settings {
    const struct kafka_settings *kafka;
    const char *name; /* the source's, for logs and client.id */
    const char *topic, *group_id, *instance_id;
    const char *const
        *passthrough; /* this source's own "name=value", NULL-terminated */
    int64_t queue_kb; /* bound of what is fetched ahead */
    struct consumer_events events;
    void *arg;
};

int consumer_open(const struct consumer_settings *set, struct consumer **ret,
                  struct err *err);
/* Leaves the group; revoked() is called.  After the last message_free(), or it
 * waits for that for ever. */
void consumer_close(struct consumer **pc);

/*
 * Up to cap (> 0) messages, waiting up to timeout_ms for the first; returns how
 * many (0: none).  Negative: what assigned() said, -ENOTCONN (no broker), ...;
 * err.retry says whether polling again makes sense.
 */
int consumer_poll(struct consumer *c, struct message *out, size_t cap,
                  int timeout_ms, struct err *err);
void message_free(struct message *m);
struct span message_headers(
    struct message *m); /* builds and keeps m->headers */

void consumer_pause(struct consumer *c,
                    bool pause); /* all partitions, those to come too */
int consumer_seek(struct consumer *c, int32_t partition, int64_t next,
                  struct err *err);
/* For lag monitors only: asynchronous, errors are ignored. */
void consumer_commit(struct consumer *c, int32_t partition, int64_t next);
/* Messages not yet read, over the assigned partitions, as last known; -1 unknown. */
int64_t consumer_lag(const struct consumer *c);

#endif
