/* SPDX-License-Identifier: Apache-2.0
 *
 * base/err.c - filling and extending error values.  Pure, any thread.
 */
#include "config.h"

#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Cuts trailing newlines, which messages of libraries like to bring. */
static void err_trim(struct err *err)
{
    size_t n = strlen(err->text);

    while (n > 0 && (err->text[n - 1] == '\n' || err->text[n - 1] == '\r'))
        err->text[--n] = '\0';
}

/* By way of a copy: the arguments may point into err->text. */
static void __attribute__((format(printf, 4, 0)))
err_fill(struct err *err, int code, bool retry, const char *fmt, va_list ap)
{
    char text[sizeof(err->text)];

    if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
        text[0] = '\0';
    memcpy(err->text, text, sizeof(text));
    err->code = code;
    err->retry = retry;
    err_trim(err);
}

int err_set(struct err *err, int code, const char *fmt, ...)
{
    va_list ap;

    if (err == NULL)
        return code;
    va_start(ap, fmt);
    err_fill(err, code, false, fmt, ap);
    va_end(ap);
    return code;
}

int err_again(struct err *err, int code, const char *fmt, ...)
{
    va_list ap;

    if (err == NULL)
        return code;
    va_start(ap, fmt);
    err_fill(err, code, true, fmt, ap);
    va_end(ap);
    return code;
}

int err_sys(struct err *err, int errnum, const char *fmt, ...)
{
    size_t n;
    va_list ap;

    if (err == NULL)
        return -errnum;
    va_start(ap, fmt);
    err_fill(err, -errnum, false, fmt, ap);
    va_end(ap);
    n = strlen(err->text);
    (void)snprintf(err->text + n, sizeof(err->text) - n, ": %s",
                   err_name(errnum));
    return -errnum;
}

int err_wrap(struct err *err, const char *fmt, ...)
{
    char was[sizeof(err->text)];
    size_t n;
    va_list ap;

    if (err == NULL)
        return -EIO;
    memcpy(was, err->text, sizeof(was));
    va_start(ap, fmt);
    err_fill(err, err->code, err->retry, fmt, ap);
    va_end(ap);
    n = strlen(err->text);
    (void)snprintf(err->text + n, sizeof(err->text) - n, ": %s", was);
    return err->code;
}

const char *err_name(int errnum)
{
    const char *text = strerrordesc_np(errnum);

    return text != NULL ? text : "unknown error";
}
