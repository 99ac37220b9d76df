/* SPDX-License-Identifier: Apache-2.0
 *
 * conf/table.h - every setting as a row: its path, type, range, default, where
 * its value is kept, and the sentence that the reference prints about it.
 *
 * Pure, constant; any thread.
 */
#ifndef ONTIME_CONF_TABLE_H
#define ONTIME_CONF_TABLE_H

#include <stdbool.h>
#include <stddef.h>

enum conf_type {                 /* and the type of the field */
                 CONF_TEXT,      /* char * */
                 CONF_CHOICE,    /* char *, one of row->choices */
                 CONF_INT,       /* int64_t */
                 CONF_FLOAT,     /* double */
                 CONF_BOOL,      /* bool */
                 CONF_DURATION,  /* int64_t, ms */
                 CONF_SIZE,      /* int64_t, bytes */
                 CONF_TEXTS,     /* struct conf_strings */
                 CONF_DURATIONS, /* int64_t[32], its size_t count at offset2 */
                 CONF_FREE       /* a plugin's own settings */
};

enum conf_place {                 /* which struct the field is in */
                  CONF_IN_CONF,   /* struct conf */
                  CONF_IN_SOURCE, /* struct conf_source, path "sources.*." */
                  CONF_IN_APP     /* struct conf_app, path "apps.*." */
};

struct conf_row {
    const char *path; /* a `*` stands for the name of a block */
    enum conf_type type;
    enum conf_place in;
    size_t offset, offset2;
    double min, max;      /* INT, FLOAT, DURATION (ms), SIZE (bytes) */
    const char *unit;     /* of a number; NULL none */
    const char *fallback; /* the default, as -o would give it; NULL: required */
    const char *shown; /* the default as the reference tells it; NULL: as is */
    const char *choices; /* "create|fail|warn" */
    /* Why a text (each, of TEXTS) is not acceptable, or NULL when it is. */
    const char *(*bad)(const char *value);
    bool on_reload; /* else a change takes effect at the next start */
    const char *text;
};

#define CONF_DELAYS_MAX 32

extern const struct conf_row conf_rows[];
extern const size_t conf_row_count;

#endif
