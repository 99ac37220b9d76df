/* SPDX-License-Identifier: Apache-2.0
 *
 * kafka/embedded.h - an in-process broker for demos and tests: librdkafka's
 * mock cluster on a loopback port.  Nothing in it survives the process; a
 * partition keeps its newest 5 MB or 100,000 records; groups take 3 s to form;
 * topics that clients ask for are made by it, with few partitions.
 */
#ifndef ONTIME_KAFKA_EMBEDDED_H
#define ONTIME_KAFKA_EMBEDDED_H

#include "base/err.h"

struct embedded;

int embedded_start(int brokers, struct embedded **ret, struct err *err);
void embedded_stop(struct embedded **pe);
const char *embedded_bootstrap(
    const struct embedded *e); /* "127.0.0.1:40123" */
int embedded_topic(struct embedded *e, const char *name, int partitions,
                   struct err *err);

#endif
