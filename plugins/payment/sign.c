/* SPDX-License-Identifier: Apache-2.0
 *
 * sign.c - the signature of a call; see payment.h.
 */
#include "config.h"

#include "payment/payment.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

static void add_hex(struct text *out, const unsigned char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        text_addf(out, "%02x", bytes[i]);
}

int sign(struct text *out, const char *secret, const struct signable *what)
{
    unsigned char digest[EVP_MAX_MD_SIZE], mac[EVP_MAX_MD_SIZE];
    unsigned digest_len = 0, mac_len = 0;
    struct text canonical = {0};
    int r = -EIO;

    if (EVP_Digest(what->body != NULL ? what->body : "", what->body_len, digest,
                   &digest_len, EVP_sha256(), NULL) != 1)
        return -EIO;
    text_addf(&canonical, "v1\n%s\n%s\n%" PRId64 "\n%s\n", what->method,
              what->path, what->timestamp, what->key);
    add_hex(&canonical, digest, digest_len);
    if (!canonical.failed && HMAC(EVP_sha256(), secret, (int)strlen(secret),
                                  (const unsigned char *)canonical.at,
                                  canonical.len, mac, &mac_len) != NULL) {
        text_adds(out, "v1=");
        add_hex(out, mac, mac_len);
        r = 0;
    }
    text_free(&canonical);
    return r;
}
