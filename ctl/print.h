/* SPDX-License-Identifier: Apache-2.0
 *
 * ctl/print.h - text for people: what a terminal must not see is escaped, and
 * columns stand under each other.  Pure but for the FILE.
 */
#ifndef ONTIME_CTL_PRINT_H
#define ONTIME_CTL_PRINT_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/*
 * Appends text so that a terminal shows it and does nothing else: control
 * characters (line feed and tab too, unless lines is set), U+0080..U+009F and
 * those that turn the direction of writing become \xNN or \uNNNN, and so do
 * bytes that are not UTF-8.  In JSON it stays JSON.
 */
void print_clean(struct buf *out, const char *text, size_t len, bool lines);
/* To a file; lines as they are. */
void print_text(FILE *f, const char *text, size_t len);

#define PRINT_COLUMNS 12

struct table {
    const char *const *names; /* borrowed; with ">" in front: right-aligned */
    size_t columns;
    char **cells; /* row by row, already clean */
    size_t count, cap;
    bool whole;  /* long cells are not cut */
    bool failed; /* no memory: rows are missing */
};

void table_init(struct table *t, const char *const *names, size_t columns);
/* One row; a NULL cell is "-".  What is very long is cut, unless t->whole. */
void table_add(struct table *t, const char *const *cells);
void table_print(const struct table *t, FILE *f, bool header);
void table_done(struct table *t);

/* "in 5m 10s", "3.2s late", "now". */
#define PRINT_TIME 64
void print_relative(int64_t ms, char out[PRINT_TIME]);
/* "850ms", "3.2s", "4m 10s", "2h 5m", "3d 4h". */
void print_duration(int64_t ms, char out[PRINT_TIME]);

#endif
