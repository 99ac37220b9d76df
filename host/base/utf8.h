/* SPDX-License-Identifier: Apache-2.0
 *
 * base/utf8.h - is it UTF-8?  Pure.
 */
#ifndef ONTIME_BASE_UTF8_H
#define ONTIME_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* True when all of it is UTF-8 as RFC 3629 has it: no surrogates, no overlong
 * forms, nothing above U+10FFFF.  NUL is a character.  Empty is valid. */
bool utf8_valid(const void *data, size_t len);
/* Bytes (1..4) of the character at data, 0 when there is no valid one.
 * len >= 1. */
size_t utf8_step(const void *data, size_t len);

#endif
