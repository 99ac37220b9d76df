/* SPDX-License-Identifier: Apache-2.0
 *
 * base/jsonscan.h - one strict pass over a JSON text (RFC 8259) that notes
 * where the root object's members stand.  For json.c.  Pure.
 */
#ifndef ONTIME_BASE_JSONSCAN_H
#define ONTIME_BASE_JSONSCAN_H

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

#define JSONSCAN_INLINE 32

/* A member as it stands in the text, strings with their quotes. */
struct jsonscan_member {
    struct span name;
    struct span value;
    enum json_kind kind;
    bool name_escaped;  /* there is a backslash in it */
    bool value_escaped; /* a string with a backslash in it */
};

struct jsonscan {
    size_t n;
    size_t cap;
    struct jsonscan_member *members; /* in the order of the text */
    struct jsonscan_member few[JSONSCAN_INLINE];
};

/* text is UTF-8.  -EINVAL with position and reason, -ENOMEM.  Afterwards, in
 * any case, jsonscan_done(). */
int jsonscan_object(struct jsonscan *s, const void *text, size_t len,
                    struct err *err);
void jsonscan_done(struct jsonscan *s);

#endif
