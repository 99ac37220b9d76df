/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/radix.h - sorting a batch by a 64-bit number, in linear time.
 * Pure.
 */
#ifndef ONTIME_STORE_SQLITE_RADIX_H
#define ONTIME_STORE_SQLITE_RADIX_H

#include <stddef.h>
#include <stdint.h>

struct sq_ref {
    uint64_t key;
    size_t i; /* the caller's */
};

/* Sorts refs[0..n) by key, keeping the order of equal ones.  The result is in
 * refs; spare has room for n, too. */
void sq_radix(struct sq_ref *refs, struct sq_ref *spare, size_t n);

#endif
