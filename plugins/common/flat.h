/* SPDX-License-Identifier: Apache-2.0
 *
 * flat.h - the top-level members of a JSON object, found in one pass over the
 * bytes: no tree, no allocation, numbers and texts as they stand there.
 *
 * The whole text is checked against RFC 8259 (UTF-8 too, depth at most 64), so
 * what is found can be copied into another JSON text as it is.  Pure.
 */
#ifndef PLUGINS_COMMON_FLAT_H
#define PLUGINS_COMMON_FLAT_H

#include <stdbool.h>
#include <stddef.h>

enum flat_kind {
    FLAT_ABSENT = 0,
    FLAT_NULL,
    FLAT_BOOL,
    FLAT_NUMBER,
    FLAT_STRING, /* at and len are between the quotes, escapes as written */
    FLAT_ARRAY,
    FLAT_OBJECT
};

struct flat_member {
    const char *name; /* in: as it stands in the text (no escapes) */
    enum flat_kind kind;
    const char *at; /* borrowed from the text */
    size_t len;
};

/* Fills the members that the object has (the first of a name counts).  0, or
 * -EINVAL with what is wrong in *ret_why (a static text). */
int flat_read(const char *text, size_t len, struct flat_member *members,
              size_t count, const char **ret_why);

/* The exact digits of a whole number in a member: of a NUMBER such as 12, -3
 * or 12.0.  The length, digits at m->at; 0 when it is none. */
size_t flat_whole(const struct flat_member *m);

/* A STRING without its escapes, and a NUL behind it.  The length, or -EMSGSIZE
 * (does not fit, NUL included), -EINVAL (half a surrogate pair, or a NUL). */
int flat_text(const struct flat_member *m, char *out, size_t cap);

/* Whether all of it is UTF-8 (RFC 3629). */
bool flat_utf8(const char *text, size_t len);

#endif
