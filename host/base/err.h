/* SPDX-License-Identifier: Apache-2.0
 *
 * base/err.h - the one way an error travels.
 *
 * A function that can fail returns 0 (or a count) or a negative errno value,
 * and takes a `struct err *err`, which may be NULL, as its last argument.  It
 * either fills err and returns, or handles the failure and logs it: never
 * both.  err is meaningful only after a negative return.
 *
 * Pure value, no thread affinity.
 */
#ifndef ONTIME_BASE_ERR_H
#define ONTIME_BASE_ERR_H

#include <stdbool.h>

struct err {
    int code;       /* negative errno, as returned */
    bool retry;     /* the same call may succeed later, nothing was done */
    char text[488]; /* "open /x: No such file"; never ends in a newline */
};

/* Fills err (when not NULL) with code and a text; returns code.  err_set is
 * for final errors, err_again for those worth trying again later. */
int err_set(struct err *err, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
int err_again(struct err *err, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* As err_set with code -errnum, appending ": <text of errnum>". */
int err_sys(struct err *err, int errnum, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "<context>: " before the text that err already has; keeps code and
 * retry; returns err's code (or -EIO when err is NULL). */
int err_wrap(struct err *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Thread-safe text of an errno value (positive), from a static table. */
const char *err_name(int errnum);

#endif
