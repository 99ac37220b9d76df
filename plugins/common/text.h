/* SPDX-License-Identifier: Apache-2.0
 *
 * text.h - a text that grows, for what a plugin builds: URLs, bodies, headers.
 *
 * Every function may fail for want of memory; the text remembers it (failed)
 * and takes nothing more, so that one look at the end is enough.  There is
 * always a NUL behind it once something was added.  One owner, any thread.
 */
#ifndef PLUGINS_COMMON_TEXT_H
#define PLUGINS_COMMON_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct text { /* all zero: empty */
    char *at; /* NULL while nothing was added */
    size_t len, cap;
    bool failed;
};

void text_add(struct text *t, const void *bytes, size_t len);
void text_adds(struct text *t, const char *string);
void text_addf(struct text *t, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Percent-encoded: all but A-Z a-z 0-9 - . _ ~ . */
void text_add_url(struct text *t, const char *bytes, size_t len);
/* As between the quotes of a JSON text.  The bytes are UTF-8. */
void text_add_json(struct text *t, const char *bytes, size_t len);
/* For people, on one line: control characters, backslashes and what is no UTF-8
 * as \xNN; at most max bytes are added, cut with "...". */
void text_add_shown(struct text *t, const char *bytes, size_t len, size_t max);

void text_clear(struct text *t); /* keeps the memory; no longer failed */
void text_free(struct text *t);
/* Takes the bytes out, for free(); NULL when it failed or is empty. */
char *text_take(struct text *t);

#endif
