/* SPDX-License-Identifier: Apache-2.0
 *
 * ingest/format_ingest.h - the format "ingest": a JSON envelope
 *
 *     {"requestId"?, "appName"*, "scheduledTime"*, "priority"?,
 *      "idempotencyKey"?, "jobKey"?, "jobData"* {...}}
 *
 * and, on a source with a default app and a time field, the bare form: an
 * object with that field and without "jobData" and "scheduledTime", which is
 * the payload as a whole.  Unknown members are ignored, null is absent.
 *
 * A job's identity is jobKey, else requestId, else a random UUID; never the
 * Kafka key.  A repeat is known by idempotencyKey, else requestId.  The
 * payload is jobData as it stood, byte for byte, so that numbers survive.
 */
#ifndef ONTIME_INGEST_FORMAT_INGEST_H
#define ONTIME_INGEST_FORMAT_INGEST_H

#include "ingest/format.h"

int format_ingest_decode(const struct format_source *src,
                         const struct format_input *in, struct put_item *item,
                         struct err *err);

#endif
