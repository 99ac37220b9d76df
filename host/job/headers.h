/* SPDX-License-Identifier: Apache-2.0
 *
 * job/headers.h - Kafka headers as one string of bytes: for each header a
 * varint name length + 1, the name, a varint value length + 1 (0: null), the
 * value.  Order and duplicates are kept.  Any thread.
 */
#ifndef ONTIME_JOB_HEADERS_H
#define ONTIME_JOB_HEADERS_H

#include "base/buf.h"

/* 0, or what stuck to the buffer.  value.data NULL: null. */
int headers_add(struct buf *b, struct span name, struct span value);

struct headers_iter {
    const unsigned char *at, *end;
};
void headers_begin(struct headers_iter *it, struct span encoded);
/* 1: *name and *value filled (borrowed); 0: end; -EINVAL: damaged. */
int headers_next(struct headers_iter *it, struct span *name,
                 struct span *value);
/* The last header of that name; false when absent. */
bool headers_find(struct span encoded, const char *name,
                  struct span *ret_value);

#endif
