/* SPDX-License-Identifier: Apache-2.0
 *
 * conf/over.h - what overrides the files: the environment and -o.  One thread.
 */
#ifndef ONTIME_CONF_OVER_H
#define ONTIME_CONF_OVER_H

#include "conf/build.h"

/* ONTIME_KAFKA__BOOTSTRAP_SERVERS=...; other variables are ignored, unknown
 * ones of that prefix are warnings. */
void conf_over_environment(struct conf_build *b, char *const *env);
/* "kafka.bootstrap_servers=..."; each unknown one is an error. */
void conf_over_options(struct conf_build *b, const char *const *options,
                       size_t count);

#endif
