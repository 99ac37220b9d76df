/* SPDX-License-Identifier: Apache-2.0
 *
 * conf/check.h - what settings say about each other: defaults that depend on
 * others, and contradictions.  One thread.
 */
#ifndef ONTIME_CONF_CHECK_H
#define ONTIME_CONF_CHECK_H

#include "conf/build.h"

/* Fills in what was not set and depends on other settings. */
void conf_check_derive(struct conf_build *b);
/* Reports what cannot be, after conf_check_derive. */
void conf_check_all(struct conf_build *b);

#endif
