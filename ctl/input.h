/* SPDX-License-Identifier: Apache-2.0
 *
 * ctl/input.h - what the user hands in: a text, a file, the standard input.
 */
#ifndef ONTIME_CTL_INPUT_H
#define ONTIME_CTL_INPUT_H

#include "base/buf.h"
#include "base/err.h"

/* spec is the text itself, "@FILE", or "-" or "@-" for the standard input.
 * NULL: -EINVAL, it is needed. */
int input_data(const char *spec, struct buf *out, struct err *err);

#endif
