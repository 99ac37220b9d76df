/* SPDX-License-Identifier: Apache-2.0
 *
 * bench/topics.h - making and deleting topics, and librdkafka's settings.
 */
#ifndef ONTIME_BENCH_TOPICS_H
#define ONTIME_BENCH_TOPICS_H

#include "bench/bench.h"

#include <librdkafka/rdkafka.h>

/* A client; pairs: name, value, ..., NULL.  conf may be NULL. */
int topics_client(const struct bench *b, rd_kafka_type_t type,
                  rd_kafka_conf_t *conf, const char *const *pairs,
                  rd_kafka_t **ret, struct err *err);

/* With PARTITIONS, and LogAppendTime as the records' time; returns when clients
 * can use it. */
int topics_create(const struct bench *b, const char *name, struct err *err);
void topics_delete(const struct bench *b, const char *name); /* or tries */

#endif
