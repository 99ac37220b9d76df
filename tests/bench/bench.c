/* SPDX-License-Identifier: Apache-2.0
 *
 * bench/bench.c - waiting, talking, numbers; see bench.h.
 */
#include "config.h"

#include "bench/bench.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"

int64_t bench_jobs(const struct bench *b, const struct bench_case *c)
{
    return b->quick ? c->quick_jobs : c->jobs;
}

void bench_pause(int64_t ms)
{
    if (ms > 0)
        (void)poll(NULL, 0, (int)ms);
}

int bench_wait(const char *what, int64_t timeout_ms, int64_t step_ms,
               bench_check_fn *check, void *arg, struct err *err)
{
    int64_t end = clock_mono_ns() + timeout_ms * 1000000;

    for (;;) {
        int r = check(arg, err);

        if (r < 0)
            return err_wrap(err, "while waiting until %s", what);
        if (r > 0)
            return 0;
        if (clock_mono_ns() >= end)
            return err_set(err, -ETIMEDOUT, "waited %.1f s until %s, in vain",
                           (double)timeout_ms / 1e3, what);
        bench_pause(step_ms);
    }
}

void bench_say(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)fputs("    ", stdout);
    (void)vfprintf(stdout, fmt, ap);
    (void)fputc('\n', stdout);
    (void)fflush(stdout);
    va_end(ap);
}

uint64_t bench_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}
