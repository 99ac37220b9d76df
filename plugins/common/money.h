/* SPDX-License-Identifier: Apache-2.0
 *
 * money.h - amounts as whole numbers of a currency's smallest unit (ISO 4217);
 * never as floating point.  Pure.
 */
#ifndef PLUGINS_COMMON_MONEY_H
#define PLUGINS_COMMON_MONEY_H

#include <stddef.h>
#include <stdint.h>

#define MONEY_TEXT 24 /* bytes that money_print needs */

/* Digits behind the point of a currency, as "EUR"; -EINVAL: there is none. */
int money_digits(const char *currency);

/* Reads "12", "12.5" or "12.50".  0, -EINVAL when it is no amount, -ERANGE when
 * it has more digits behind the point than `digits`, or more than 18 in all. */
int money_read(const char *text, size_t len, int digits, int64_t *ret);

/* With all digits: "12.50". */
void money_print(int64_t minor, int digits, char out[MONEY_TEXT]);

#endif
