/* SPDX-License-Identifier: Apache-2.0
 *
 * mask.c - no card numbers in logs and messages; see payment.h.
 */
#include "config.h"

#include "payment/payment.h"

#include <string.h>

#define DIGITS_MIN 12
#define DIGITS_SHOWN 4

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The length of the number at text, with single blanks, dashes and points in
 * between, and its digits. */
static size_t number(const char *text, size_t len, size_t *digits)
{
    size_t n = 0, end = 0;

    *digits = 0;
    while (n < len) {
        if (is_digit(text[n])) {
            (*digits)++;
            end = ++n;
        } else if (n > 0 && is_digit(text[n - 1]) &&
                   memchr(" -.", text[n], 3) != NULL) {
            n++;
        } else {
            break;
        }
    }
    return end;
}

void mask_add(struct text *out, const char *bytes, size_t len, size_t max)
{
    struct text safe = {0};

    for (size_t i = 0; i < len;) {
        size_t digits, n = number(bytes + i, len - i, &digits);
        bool card = digits >= DIGITS_MIN;

        if (n == 0) {
            text_add(&safe, bytes + i++, 1);
            continue;
        }
        for (size_t to = i + n; i < to; i++) {
            bool hide = card && is_digit(bytes[i]) && digits > DIGITS_SHOWN;

            text_add(&safe, hide ? "*" : bytes + i, 1);
            digits -= is_digit(bytes[i]);
        }
    }
    if (safe.failed)
        out->failed = true;
    else if (safe.len > 0)
        text_add_shown(out, safe.at, safe.len, max);
    text_free(&safe);
}
