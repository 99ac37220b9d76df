/* SPDX-License-Identifier: Apache-2.0
 *
 * store/name.c - see name.h.
 */
#include "config.h"

#include "store/name.h"

#include <string.h>

void store_name_hash(const struct hash_key *secret, const struct app_name *app,
                     struct span name, uint64_t ret[2])
{
    size_t app_len = strlen(app->text) + 1; /* its NUL parts the two */
    unsigned char small[512];
    uint64_t h[2];

    memcpy(small, app->text, app_len);
    if (app_len + name.len <= sizeof(small)) {
        if (name.len > 0)
            memcpy(small + app_len, name.data, name.len);
        hash128(secret, small, app_len + name.len, ret);
    } else { /* a digest of the long name stands for it */
        hash128(secret, name.data, name.len, h);
        memcpy(small + app_len, h, sizeof(h));
        memcpy(small + app_len + sizeof(h), &name.len, sizeof(name.len));
        hash128(secret, small, app_len + sizeof(h) + sizeof(name.len), ret);
    }
    ret[1] &= UINT32_MAX;
}
