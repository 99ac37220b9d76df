/* SPDX-License-Identifier: Apache-2.0
 *
 * base/utf8.c - UTF-8 as RFC 3629 defines it.  Pure.
 */
#include "config.h"

#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

static bool utf8_tail(uint8_t c)
{
    return (c & 0xc0) == 0x80;
}

/* The second byte has a narrower range after these four first bytes. */
static bool utf8_second(uint8_t first, uint8_t c)
{
    switch (first) {
    case 0xe0:
        return c >= 0xa0 && c <= 0xbf;
    case 0xed:
        return c >= 0x80 && c <= 0x9f;
    case 0xf0:
        return c >= 0x90 && c <= 0xbf;
    case 0xf4:
        return c >= 0x80 && c <= 0x8f;
    default:
        return utf8_tail(c);
    }
}

static size_t utf8_need(uint8_t first)
{
    if (first < 0x80)
        return 1;
    if (first >= 0xc2 && first <= 0xdf)
        return 2;
    if (first >= 0xe0 && first <= 0xef)
        return 3;
    if (first >= 0xf0 && first <= 0xf4)
        return 4;
    return 0;
}

size_t utf8_step(const void *data, size_t len)
{
    const uint8_t *p = data;
    size_t need = utf8_need(p[0]);

    if (need <= 1)
        return need;
    if (need > len || !utf8_second(p[0], p[1]))
        return 0;
    for (size_t i = 2; i < need; i++)
        if (!utf8_tail(p[i]))
            return 0;
    return need;
}

bool utf8_valid(const void *data, size_t len)
{
    const uint8_t *p = data;
    size_t i = 0;

    while (i < len) {
        uint64_t w;
        size_t n;

        while (len - i >= sizeof(w)) { /* eight ASCII bytes at a time */
            memcpy(&w, p + i, sizeof(w));
            if ((w & 0x8080808080808080u) != 0)
                break;
            i += sizeof(w);
        }
        if (i == len)
            break;
        n = utf8_step(p + i, len - i);
        if (n == 0)
            return false;
        i += n;
    }
    return true;
}
