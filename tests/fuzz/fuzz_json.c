/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: JSON from outside (base/json.h).  What is accepted stands in
 * the text it was read from, is refused when its last byte is cut off, and a
 * member's value is accepted on its own.
 */
#include "config.h"

#include "base/json.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(struct span s, const uint8_t *data, size_t size)
{
    const uint8_t *p = s.data;

    if (p != NULL &&
        (p < data || s.len > size || (size_t)(p - data) > size - s.len))
        abort();
}

static void member(const struct json *j, const char *name, const uint8_t *data,
                   size_t size)
{
    struct json *sub = NULL;
    size_t len = 0;
    int64_t number;
    bool flag;
    const char *s = json_string(j, name, &len);

    if ((s != NULL) != (json_kind(j, name) == JSON_STRING))
        abort();
    if (s != NULL && strlen(s) != len)
        abort();
    inside(json_raw(j, name), data, size);
    (void)json_int64(j, name, &number);
    (void)json_bool(j, name, &flag);
    if (json_object(j, name, &sub) == 0) {
        inside(json_raw(sub, "a"), data, size);
        json_free(&sub);
    } else if (json_kind(j, name) == JSON_OBJECT) {
        abort();
    }
}

/* The document without what stands behind its last brace. */
static size_t trimmed(const uint8_t *data, size_t size)
{
    while (size > 0 && data[size - 1] != '}')
        size--;
    return size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json *j = NULL, *again = NULL;
    struct err err;

    if (json_parse(data, size, &j, &err) < 0)
        return 0;
    member(j, "a", data, size);
    member(j, "b", data, size);
    member(j, "", data, size);
    member(j, "jobData", data, size);
    if (json_parse(data, trimmed(data, size) - 1, &again, &err) == 0)
        abort();
    json_free(&j);
    return 0;
}
