/* SPDX-License-Identifier: Apache-2.0
 *
 * ingest/flow.h - internal to ingest/: batches on their way to the store.
 *
 * The source's thread only.
 */
#ifndef ONTIME_INGEST_FLOW_H
#define ONTIME_INGEST_FLOW_H

#include "ingest/source.h"

/* Whether the batch being filled takes no more: full, old, asked to (now), or
 * nothing more is there and the store is idle. */
void flow_close_if_due(struct source *s, bool now);
/* The batch waits a little for company: what there is was read, and nothing in
 * it is due soon.  Few writes instead of many, for no job's lateness. */
bool flow_gathers(const struct source *s);
/* Hands a closed batch in when its dead letters are delivered. */
void flow_submit_if_ready(struct source *s);
/* Takes batches that the writer is done with, waiting for the first. */
void flow_reap(struct source *s, int timeout_ms);
/* Drops what is being filled and goes back to what the store says, not before
 * hold_ms are over.  What the writer has comes back by itself. */
void flow_give_up(struct source *s, int64_t hold_ms);
/* The second half of it, once nothing is on its way any more. */
void flow_resync(struct source *s);
/* The stored next offset of a partition, -1: none. */
int flow_position(struct source *s, int32_t partition, int64_t *ret,
                  struct err *err);

#endif
