/* SPDX-License-Identifier: Apache-2.0
 *
 * plug/topic.h - names of Kafka topics that plugins send to, interned: equal
 * names are equal pointers, for ever, so that the commit stage needs no lookup
 * by text for a record.
 */
#ifndef ONTIME_PLUG_TOPIC_H
#define ONTIME_PLUG_TOPIC_H

#include <stddef.h>
#include <stdint.h>

struct topic_name {
    const char *text; /* NUL-terminated */
    size_t len;
    uint32_t index; /* 0, 1, 2, ... in order of first use in this process */
};

/* Whether Kafka would take it: [A-Za-z0-9._-]{1,249}, not "." or "..". */
int topic_name_check(const char *name, size_t len); /* 0 or -EINVAL */

/* NULL without memory, when the name is not valid, or when 65,536 names
 * exist.  A known name is found without a lock.  Any thread. */
const struct topic_name *topic_name(const char *name, size_t len);
const struct topic_name *topic_name_s(const char *name);

#endif
