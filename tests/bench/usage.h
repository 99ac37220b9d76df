/* SPDX-License-Identifier: Apache-2.0
 *
 * bench/usage.h - what processes use, from /proc.
 */
#ifndef ONTIME_BENCH_USAGE_H
#define ONTIME_BENCH_USAGE_H

#include "bench/bench.h"

#define METER_THREADS 128

double usage_cpu_s(pid_t pid);       /* user + system; 0: no such process */
double usage_rss_anon_mb(pid_t pid); /* 0: no such process */

/* CPU time of everybody between two moments. */
struct thread_usage {
    int tid;
    char name[16];
    double cpu_s;
};

struct meter {
    pid_t pid;
    double wall, ontimed, broker, self, machine;
    struct thread_usage threads[METER_THREADS];
    size_t thread_count;
};

void meter_start(struct meter *m, const struct bench *b, pid_t ontimed);
/* Adds cpu_us_per_job of ontimed and the broker, and how much of the machine
 * all others took meanwhile (figures of a busy machine mean little).  Says what
 * each of ontimed's threads took. */
void meter_stop(struct meter *m, const struct bench *b,
                const struct bench_case *c, int64_t jobs);

#endif
