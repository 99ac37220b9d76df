/* SPDX-License-Identifier: Apache-2.0
 *
 * plug/nearest.h - "did you mean": the known name that is nearest to a wrong
 * one.  Pure.
 */
#ifndef ONTIME_PLUG_NEAREST_H
#define ONTIME_PLUG_NEAREST_H

#include <stddef.h>

struct nearest {
    const char *wanted;
    const char *found; /* borrowed from nearest_offer; NULL: none near enough */
    size_t distance;
};

void nearest_begin(struct nearest *n, const char *wanted);
/* True when name became the nearest so far (the caller may want to copy it). */
int nearest_offer(struct nearest *n, const char *name);

#endif
