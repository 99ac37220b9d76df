/* SPDX-License-Identifier: Apache-2.0
 *
 * store/tenure.h - what belongs to an earlier tenure (see writer.h) does not
 * reach the store.  Internal to the writer; its thread.
 */
#ifndef ONTIME_STORE_TENURE_H
#define ONTIME_STORE_TENURE_H

#include "store/writer.h"

/* Whether the request is about jobs that were read or handed out earlier. */
bool tenure_is_past(const struct writer_request *r, uint32_t tenure);
/* store_finish() for the outcomes of this tenure; the others become stale. */
int tenure_finish(struct store_session *x, struct finish_batch *b,
                  uint32_t tenure, struct err *err);

#endif
