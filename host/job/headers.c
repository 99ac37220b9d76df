/* SPDX-License-Identifier: Apache-2.0
 *
 * job/headers.c - Kafka headers as one string of bytes.  Pure; any thread.
 */
#include "config.h"

#include "job/headers.h"

#include <errno.h>
#include <string.h>

#define VARINT_MAX 10 /* bytes of the longest one */

static int add_varint(struct buf *b, uint64_t v)
{
    unsigned char bytes[VARINT_MAX];
    size_t n = 0;

    for (; v >= 0x80; v >>= 7)
        bytes[n++] = (unsigned char)(v | 0x80);
    bytes[n++] = (unsigned char)v;
    return buf_add(b, bytes, n);
}

int headers_add(struct buf *b, struct span name, struct span value)
{
    /* Errors stick to the buffer, so the last result tells of all. */
    (void)add_varint(b, (uint64_t)name.len + 1);
    if (name.len > 0)
        (void)buf_add(b, name.data, name.len);
    if (value.data == NULL)
        return add_varint(b, 0);
    (void)add_varint(b, (uint64_t)value.len + 1);
    if (value.len > 0)
        (void)buf_add(b, value.data, value.len);
    return buf_ok(b);
}

void headers_begin(struct headers_iter *it, struct span encoded)
{
    it->at = encoded.data;
    it->end = encoded.len > 0 ? it->at + encoded.len : it->at;
}

/* 0, or -EINVAL when the number is cut off or longer than 63 bits. */
static int take_varint(struct headers_iter *it, uint64_t *ret)
{
    uint64_t v = 0;

    for (unsigned shift = 0; shift < 63 && it->at < it->end; shift += 7) {
        unsigned char c = *it->at++;

        v |= (uint64_t)(c & 0x7f) << shift;
        if ((c & 0x80) == 0) {
            *ret = v;
            return 0;
        }
    }
    return -EINVAL;
}

/* A length + 1 and that many bytes; data NULL for 0. */
static int take_span(struct headers_iter *it, struct span *ret)
{
    uint64_t n;

    *ret = (struct span){NULL, 0};
    if (take_varint(it, &n) < 0)
        return -EINVAL;
    if (n == 0)
        return 0;
    if (n - 1 > (uint64_t)(it->end - it->at))
        return -EINVAL;
    *ret = (struct span){it->at, (size_t)(n - 1)};
    it->at += n - 1;
    return 0;
}

int headers_next(struct headers_iter *it, struct span *name, struct span *value)
{
    if (it->at == it->end)
        return 0;
    if (take_span(it, name) < 0 || name->data == NULL ||
        take_span(it, value) < 0) {
        it->at = it->end;
        return -EINVAL;
    }
    return 1;
}

bool headers_find(struct span encoded, const char *name, struct span *ret_value)
{
    struct headers_iter it;
    struct span n, v;
    bool found = false;

    headers_begin(&it, encoded);
    while (headers_next(&it, &n, &v) > 0) {
        if (span_eqs(n, name)) {
            *ret_value = v;
            found = true;
        }
    }
    return found;
}
