/* SPDX-License-Identifier: Apache-2.0
 *
 * base/json.h - reading JSON objects, strictly by RFC 8259: a scan of ours
 * checks the text and finds the values, cJSON decodes strings; numbers and
 * sub-objects are handed out as the bytes that stood in the text, so that
 * 9007199254740993 and 1.10 survive unchanged.
 *
 * A document borrows the text it was read from.  One thread.
 */
#ifndef ONTIME_BASE_JSON_H
#define ONTIME_BASE_JSON_H

#include "base/buf.h"
#include "base/err.h"

enum json_kind {
    JSON_ABSENT,
    JSON_NULL,
    JSON_BOOL,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

struct json; /* a parsed document whose root is an object */

#define JSON_DEPTH_MAX 100

/* -EINVAL with position and reason: not valid UTF-8, not JSON, trailing
 * bytes, root not an object, deeper than JSON_DEPTH_MAX, a \u0000 or half of
 * a surrogate pair in a string.  -ENOMEM, to be retried.  *ret is set on
 * success only; text must outlive it. */
int json_parse(const void *text, size_t len, struct json **ret,
               struct err *err);
void json_free(struct json **pj);

/* A member of the root (first one of that name, case-sensitive). */
enum json_kind json_kind(const struct json *j, const char *name);
/* The decoded string, NUL-terminated, borrowed from j; NULL if not a string. */
const char *json_string(const struct json *j, const char *name,
                        size_t *ret_len);
/* The exact integer.  -ENOENT absent, -EINVAL not an integer in int64 range
 * (null, 1.0, 1e3 and "1" are not). */
int json_int64(const struct json *j, const char *name, int64_t *ret);
/* -ENOENT absent, -EINVAL neither true nor false. */
int json_bool(const struct json *j, const char *name, bool *ret);
/* The member's value as it stands in the text (quotes included), borrowed
 * from the text; .data NULL when absent. */
struct span json_raw(const struct json *j, const char *name);
/* Descends: the member as a document of its own.  -ENOENT, -EINVAL when it is
 * not an object, -ENOMEM.  Borrows from the text as j does. */
int json_object(const struct json *j, const char *name, struct json **ret);

#endif
