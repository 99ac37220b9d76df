/* SPDX-License-Identifier: Apache-2.0
 *
 * bench/tally.h - the account of a target topic: which job came out, how
 * often, and when (LogAppendTime, so the broker's clock, ours here).
 */
#ifndef ONTIME_BENCH_TALLY_H
#define ONTIME_BENCH_TALLY_H

#include "bench/bench.h"

struct tally {
    int64_t count;   /* jobs, numbered from 0 */
    int64_t *due;    /* ms; to be filled in before tally_read */
    int64_t *seen;   /* ms of the first record; 0: none */
    uint8_t *times;  /* how many records */
    int64_t strange; /* records that are no job's */
};

int tally_open(struct tally *t, int64_t count, struct err *err);
void tally_close(struct tally *t); /* fine after a failed or no tally_open */

/* The number in a key "task-<number>"; -1: it is none. */
int64_t tally_number(const char *key, size_t len);

/* Reads the topic from its start to its end (60 s). */
int tally_read(struct tally *t, const struct bench *b, const char *topic,
               struct err *err);

/* Jobs [from, end). */
struct tally_range {
    int64_t from, end;
    int64_t step;                  /* every step-th; 0: each */
    int64_t due_after, due_before; /* only those due then; 0: any */
};
struct tally_view {
    int64_t jobs, lost, doubled, early;
    int64_t first_ms, last_ms; /* first and last record */
    int64_t p50, p99, max;     /* lateness in ms */
};
int tally_look(const struct tally *t, const struct tally_range *range,
               struct tally_view *ret, struct err *err);

/* Adds lost, doubled and early to the report; -EIO when one is not 0 (doubled
 * counts only where it is not allowed). */
int tally_verdict(const struct tally_view *v, const struct tally *t,
                  const struct bench *b, const struct bench_case *c,
                  bool may_double, struct err *err);
/* Says how late the even numbers below end were (stored before), and the odd
 * ones (ingested meanwhile). */
void tally_say_halves(const struct tally *t, const struct tally_range *range);
void tally_report_lateness(const struct tally_view *v, const struct bench *b,
                           const struct bench_case *c);

#endif
