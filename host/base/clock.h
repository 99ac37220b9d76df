/* SPDX-License-Identifier: Apache-2.0
 *
 * base/clock.h - the clocks.  Only threads' outer loops call these; the core
 * takes time as an argument.
 */
#ifndef ONTIME_BASE_CLOCK_H
#define ONTIME_BASE_CLOCK_H

#include <stdint.h>

int64_t clock_wall_ms(void); /* CLOCK_REALTIME, ms since 1970 UTC */
int64_t clock_boot_ms(void); /* CLOCK_BOOTTIME, goes on in suspend */
int64_t clock_mono_ns(void); /* CLOCK_MONOTONIC, for durations */

#endif
