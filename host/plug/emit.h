/* SPDX-License-Identifier: Apache-2.0
 *
 * plug/emit.h - what a plugin adds to an open attempt: records and follow-ups.
 *
 * `self` must be the attempt's instance.  -ESTALE when it is not or the
 * attempt has ended; -EINVAL for a topic, an app, headers, a partition or a
 * time that cannot be; -EMSGSIZE beyond the table's bounds; -ENOMEM.  An
 * attempt with a refused record or follow-up cannot end DONE, or the record
 * would be lost silently: it ends as FAIL with the reason (RETRY for -ENOMEM).
 * Everything is copied.  Any thread.
 */
#ifndef ONTIME_PLUG_EMIT_H
#define ONTIME_PLUG_EMIT_H

#include "plug/attempt.h"

int attempt_emit(struct attempt_table *t, const struct plugin_instance *self,
                 uint64_t token, const struct ontime_record *r);
int attempt_schedule(struct attempt_table *t,
                     const struct plugin_instance *self, uint64_t token,
                     const struct ontime_followup *f);

#endif
