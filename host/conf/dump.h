/* SPDX-License-Identifier: Apache-2.0
 *
 * conf/dump.h - a snapshot as a file that makes the same snapshot again.
 */
#ifndef ONTIME_CONF_DUMP_H
#define ONTIME_CONF_DUMP_H

#include "conf/conf.h"

#include <stdio.h>

/* As conf_dump(). */
int conf_dump_print(const struct conf *c, FILE *f);

#endif
