/* SPDX-License-Identifier: Apache-2.0
 *
 * base/clock.c - reading the clocks.  Any thread.
 */
#include "config.h"

#include "base/clock.h"

#include <assert.h>
#include <time.h>

static struct timespec clock_read(clockid_t id)
{
    struct timespec ts = {0};
    int r = clock_gettime(id, &ts);

    assert(r == 0);
    (void)r;
    return ts;
}

static int64_t clock_ms(clockid_t id)
{
    struct timespec ts = clock_read(id);

    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t clock_wall_ms(void)
{
    return clock_ms(CLOCK_REALTIME);
}

int64_t clock_boot_ms(void)
{
    return clock_ms(CLOCK_BOOTTIME);
}

int64_t clock_mono_ns(void)
{
    struct timespec ts = clock_read(CLOCK_MONOTONIC);

    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}
