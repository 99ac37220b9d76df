/* SPDX-License-Identifier: Apache-2.0
 *
 * bench/bench.h - what all of ontime-bench shares: the run, the table of
 * cases, and waiting with a deadline.
 *
 * The program is one thread (librdkafka's own apart).  Errors travel as
 * everywhere (base/err.h); main says them and goes on with the next case.
 */
#ifndef ONTIME_BENCH_BENCH_H
#define ONTIME_BENCH_BENCH_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PARTITIONS 6 /* of source and target */
#define HOUR_MS INT64_C(3600000)
#define DAY_MS INT64_C(86400000)
#define SETTINGS_MAX 32

struct report;

struct bench { /* one run */
    const char *bootstrap, *ontimed, *plugins;
    const char *store_url;  /* of a server, {db} for the database; NULL: none */
    const char *store_tool; /* program: "create NAME", "drop NAME" */
    const char *settings[SETTINGS_MAX]; /* "path=value" for every ontimed */
    size_t setting_count;
    pid_t broker; /* 0: not known */
    bool quick;
    bool keep;     /* leave directories and topics */
    char dir[128]; /* of the run's own, below TMPDIR */
    unsigned serial;
    struct report *report;
};

/* One line of the table in main.c: a case is added there. */
struct bench_case {
    const char *name, *store, *delivery;
    int (*run)(struct bench *b, const struct bench_case *c, struct err *err);
    int64_t jobs, quick_jobs;
    int64_t rate;    /* jobs a second that are on time; 0: the case has none */
    int64_t pending; /* so many jobs are in the store besides */
    int instances;
    bool named; /* runs only when it is named */
};

int64_t bench_jobs(const struct bench *b, const struct bench_case *c);

/* 1: it is so; 0: not yet; negative: it never will be. */
typedef int bench_check_fn(void *arg, struct err *err);

/* Asks every step_ms until it is so.  -ETIMEDOUT names `what`. */
int bench_wait(const char *what, int64_t timeout_ms, int64_t step_ms,
               bench_check_fn *check, void *arg, struct err *err);
void bench_pause(int64_t ms);

/* A line about what goes on. */
void bench_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* splitmix64: the same numbers in every run. */
uint64_t bench_random(uint64_t *state);

#endif
