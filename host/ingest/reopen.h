/* SPDX-License-Identifier: Apache-2.0
 *
 * ingest/reopen.h - internal to ingest/: a source's consumer, and another one
 * for one that has failed for good.
 *
 * Such a failure (fenced by a second member of its name, a broken client) is
 * often over by itself: the next consumer is tried after 1 s, 2 s, ... 60 s,
 * and from 1 s again when it has worked for two minutes.
 */
#ifndef ONTIME_INGEST_REOPEN_H
#define ONTIME_INGEST_REOPEN_H

#include "ingest/source.h"

/* Before the thread starts; afterwards the thread. */
int reopen_consumer(struct source *s, struct err *err);
/* The consumer is of no more use: closes it.  What is on its way to the store
 * goes on. */
void reopen_failed(struct source *s, const struct err *err);
/* True: there is no consumer (yet).  Opens one when it is time. */
bool reopen_waits(struct source *s);

#endif
