/* SPDX-License-Identifier: Apache-2.0
 *
 * conf/reference.h - what settings there are, for people, from the rows.
 */
#ifndef ONTIME_CONF_REFERENCE_H
#define ONTIME_CONF_REFERENCE_H

#include <stdbool.h>
#include <stdio.h>

/* As conf_reference(). */
int conf_reference_print(FILE *f, bool markdown);

#endif
