/* SPDX-License-Identifier: Apache-2.0
 *
 * conf/value.h - what a file or an override says, checked against a row and
 * kept in the row's field.  Any thread; no locks.
 */
#ifndef ONTIME_CONF_VALUE_H
#define ONTIME_CONF_VALUE_H

#include "base/buf.h"
#include "conf/table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum conf_said {
    CONF_SAID_TEXT,
    CONF_SAID_INT,
    CONF_SAID_FLOAT,
    CONF_SAID_BOOL,
    CONF_SAID_LIST,
    CONF_SAID_GROUP,
    CONF_SAID_WORD /* text whose type the row decides: -o, environment, defaults */
};

struct conf_raw {
    enum conf_said said;
    int64_t i;
    double f;
    bool b;
    const char *s;          /* TEXT, WORD */
    struct conf_raw *items; /* LIST */
    size_t count;
};

/*
 * Puts what was said into the row's field of the struct at base, replacing
 * (and freeing) what is there.  -EINVAL with the reason in why, which then
 * reads as a sentence without its subject ("expected a number ...");
 * -ENOMEM.  On failure the field is as before.  Not for row type FREE.
 */
int conf_value_set(const struct conf_row *row, void *base,
                   const struct conf_raw *raw, struct buf *why);
/* The default, unchecked. */
int conf_value_default(const struct conf_row *row, void *base);
void conf_value_free(const struct conf_row *row, void *base);
bool conf_value_equal(const struct conf_row *row, const void *a, const void *b);

#endif
