/* SPDX-License-Identifier: Apache-2.0
 *
 * base/hash.c - SipHash-2-4 and the kernel's random source.  Any thread.
 */
#include "config.h"

#include "base/hash.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct sip {
    uint64_t v0, v1, v2, v3;
};

static uint64_t sip_rotl(uint64_t x, unsigned n)
{
    return (x << n) | (x >> (64 - n));
}

static void sip_rounds(struct sip *s, unsigned n)
{
    while (n-- > 0) {
        s->v0 += s->v1;
        s->v1 = sip_rotl(s->v1, 13) ^ s->v0;
        s->v0 = sip_rotl(s->v0, 32);
        s->v2 += s->v3;
        s->v3 = sip_rotl(s->v3, 16) ^ s->v2;
        s->v0 += s->v3;
        s->v3 = sip_rotl(s->v3, 21) ^ s->v0;
        s->v2 += s->v1;
        s->v1 = sip_rotl(s->v1, 17) ^ s->v2;
        s->v2 = sip_rotl(s->v2, 32);
    }
}

/* Little-endian whatever the machine. */
static uint64_t sip_load8(const uint8_t *p)
{
    uint64_t w;

    memcpy(&w, p, sizeof(w));
    return le64toh(w);
}

static uint64_t sip_load_tail(const uint8_t *p, size_t n)
{
    uint64_t w = 0;

    for (size_t i = 0; i < n; i++)
        w |= (uint64_t)p[i] << (8 * i);
    return w;
}

static void sip_word(struct sip *s, uint64_t w)
{
    s->v3 ^= w;
    sip_rounds(s, 2);
    s->v0 ^= w;
}

static struct sip sip_start(const struct hash_key *key)
{
    return (struct sip){
        .v0 = 0x736f6d6570736575u ^ key->k0,
        .v1 = 0x646f72616e646f6du ^ key->k1,
        .v2 = 0x6c7967656e657261u ^ key->k0,
        .v3 = 0x7465646279746573u ^ key->k1,
    };
}

static void sip_feed(struct sip *s, const void *data, size_t len)
{
    const uint8_t *p = data;
    size_t words = len / 8;
    uint64_t last = (uint64_t)len << 56;

    for (size_t i = 0; i < words; i++)
        sip_word(s, sip_load8(p + i * 8));
    if (len % 8 > 0) /* data may be NULL when len is 0 */
        last |= sip_load_tail(p + words * 8, len % 8);
    sip_word(s, last);
}

static uint64_t sip_end(struct sip *s)
{
    sip_rounds(s, 4);
    return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

uint64_t hash64(const struct hash_key *key, const void *data, size_t len)
{
    struct sip s = sip_start(key);

    sip_feed(&s, data, len);
    s.v2 ^= 0xff;
    return sip_end(&s);
}

void hash128(const struct hash_key *key, const void *data, size_t len,
             uint64_t out[2])
{
    struct sip s = sip_start(key);

    s.v1 ^= 0xee;
    sip_feed(&s, data, len);
    s.v2 ^= 0xee;
    out[0] = sip_end(&s);
    s.v1 ^= 0xdd;
    out[1] = sip_end(&s);
}

void random_bytes(void *buf, size_t len)
{
    uint8_t *p = buf;

    while (len > 0) {
        ssize_t n = getrandom(p, len, 0);

        if (n < 0 && errno != EINTR)
            abort(); /* only a kernel without getrandom(2) */
        if (n > 0) {
            p += n;
            len -= (size_t)n;
        }
    }
}

void random_uuid(char out[37])
{
    static const char hex[] = "0123456789abcdef";
    uint8_t raw[16];
    char *p = out;

    random_bytes(raw, sizeof(raw));
    raw[6] = (uint8_t)((raw[6] & 0x0f) | 0x40); /* version 4 */
    raw[8] = (uint8_t)((raw[8] & 0x3f) | 0x80); /* variant of RFC 9562 */
    for (size_t i = 0; i < sizeof(raw); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *p++ = '-';
        *p++ = hex[raw[i] >> 4];
        *p++ = hex[raw[i] & 15];
    }
    *p = '\0';
}
