/* SPDX-License-Identifier: Apache-2.0
 *
 * base/buf.h - a growing byte buffer born with a maximum.
 *
 * Errors stick: after one failed append every later one fails too and the
 * content is undefined, so a builder checks once at the end (buf_ok).
 */
#ifndef ONTIME_BASE_BUF_H
#define ONTIME_BASE_BUF_H

#include "base/utf8.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct span {
    const void *data; /* borrowed; may be NULL when len is 0 */
    size_t len;
};

struct buf {
    char *data; /* NULL until the first append */
    size_t len;
    size_t cap;
    size_t max; /* len never exceeds this */
    int failed; /* 0, -ENOMEM or -EMSGSIZE */
    bool fixed; /* the memory is the caller's */
};

#define BUF_INIT(maximum) ((struct buf){.max = (maximum)})
/* Over a char array of the caller's: never allocates, holds one byte less
 * than the array.  Not for buf_take(); after buf_done() it has no memory. */
#define BUF_FIXED(array)                                                       \
    ((struct buf){.data = (array),                                             \
                  .cap = sizeof(array),                                        \
                  .max = sizeof(array) - 1,                                    \
                  .fixed = true})

void buf_done(struct buf *b);  /* frees; b may be used again */
void buf_reset(struct buf *b); /* keeps the memory, forgets content and error */
int buf_ok(const struct buf *b); /* 0, or the error that stuck */

int buf_add(struct buf *b, const void *data, size_t len);
int buf_adds(struct buf *b, const char *s);
int buf_addc(struct buf *b, char c);
int buf_addi(struct buf *b, int64_t v); /* decimal */
int buf_addf(struct buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* A JSON string with its quotes.  Bytes that are not UTF-8 become U+FFFD;
 * control characters, DEL and U+0080..U+009F among them, become escapes. */
int buf_add_json(struct buf *b, const char *s, size_t len);
/* Ends with a NUL not counted in len, returns data: "" when empty, NULL only
 * after an error. */
const char *buf_cstr(struct buf *b);
/* Moves the memory, which ends in a NUL, out; free() it.  NULL after an error.
 * b is empty and without error afterwards.  ret_len may be NULL. */
char *buf_take(struct buf *b, size_t *ret_len);

bool span_eq(struct span a, struct span b);
bool span_eqs(struct span a, const char *s);

#endif
