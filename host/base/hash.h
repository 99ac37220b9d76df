/* SPDX-License-Identifier: Apache-2.0
 *
 * base/hash.h - SipHash-2-4 (Aumasson, Bernstein 2012), 64 and 128 bits.
 *
 * Keyed, so that nobody who does not know the key can make two names collide.
 */
#ifndef ONTIME_BASE_HASH_H
#define ONTIME_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

struct hash_key {
    uint64_t k0, k1;
};

uint64_t hash64(const struct hash_key *key, const void *data, size_t len);
void hash128(const struct hash_key *key, const void *data, size_t len,
             uint64_t out[2]);

/* Fills buf from the kernel's random source.  Never fails for len <= 256. */
void random_bytes(void *buf, size_t len);
/* A random (version 4) UUID as text, 36 characters and a NUL. */
void random_uuid(char out[37]);

#endif
