/* SPDX-License-Identifier: Apache-2.0
 *
 * money.c - amounts and currencies; see money.h.
 */
#include "config.h"

#include "common/money.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* ISO 4217: those with two digits, and the others. */
static const char two_digits[] =
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL "
    "BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK "
    "DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG "
    "HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD "
    "MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK "
    "NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD "
    "SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH "
    "USD USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG";
static const struct {
    int digits;
    const char *names;
} others[] = {
    {0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"},
    {3, "BHD IQD JOD KWD LYD OMR TND"},
    {4, "CLF UYW"},
};

static bool among(const char *names, const char *currency)
{
    for (const char *p = names; *p != '\0'; p += 3 + (p[3] == ' '))
        if (memcmp(p, currency, 3) == 0)
            return true;
    return false;
}

int money_digits(const char *currency)
{
    if (strlen(currency) != 3)
        return -EINVAL;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (among(others[i].names, currency))
            return others[i].digits;
    return among(two_digits, currency) ? 2 : -EINVAL;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t digits_at(const char *text, size_t len, size_t from)
{
    size_t n = 0;

    while (from + n < len && is_digit(text[from + n]))
        n++;
    return n;
}

int money_read(const char *text, size_t len, int digits, int64_t *ret)
{
    size_t whole = digits_at(text, len, 0), behind = 0;
    int64_t minor = 0;

    if (whole == 0 || (whole > 1 && text[0] == '0'))
        return -EINVAL;
    if (whole < len && text[whole] == '.')
        behind = digits_at(text, len, whole + 1);
    if (whole + (behind > 0 ? 1 + behind : 0) != len)
        return -EINVAL;
    if (behind > (size_t)digits || whole + (size_t)digits > 18)
        return -ERANGE;
    for (size_t i = 0; i < whole; i++)
        minor = minor * 10 + (text[i] - '0');
    for (size_t i = 0; i < (size_t)digits; i++)
        minor = minor * 10 + (i < behind ? text[whole + 1 + i] - '0' : 0);
    *ret = minor;
    return 0;
}

void money_print(int64_t minor, int digits, char out[MONEY_TEXT])
{
    int64_t unit = 1;

    for (int i = 0; i < digits; i++)
        unit *= 10;
    if (digits == 0)
        (void)snprintf(out, MONEY_TEXT, "%" PRId64, minor);
    else
        (void)snprintf(out, MONEY_TEXT, "%" PRId64 ".%0*" PRId64, minor / unit,
                       digits, minor % unit);
}
