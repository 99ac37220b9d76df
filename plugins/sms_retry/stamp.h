/* SPDX-License-Identifier: Apache-2.0
 *
 * stamp.h - times as they come in jobData.  Pure.
 */
#ifndef SMS_RETRY_STAMP_H
#define SMS_RETRY_STAMP_H

#include <stddef.h>
#include <stdint.h>

enum stamp_kind {
    STAMP_NONE,  /* no time that we know */
    STAMP_LOCAL, /* without a zone: out has it as YYYY-MM-DD HH:MM:SS */
    STAMP_UTC    /* with Z or an offset: *ret_ms has it */
};

/* Reads YYYY-MM-DD, 'T' or a blank, HH:MM[:SS[.fraction]], and perhaps Z,
 * +hh:mm, +hhmm or +hh.  Fractions are cut. */
enum stamp_kind stamp_read(const char *text, size_t len, char out[20],
                           int64_t *ret_ms);

#endif
