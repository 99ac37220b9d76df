/* SPDX-License-Identifier: Apache-2.0
 *
 * app/options.h - ontimed's command line.
 */
#ifndef ONTIME_APP_OPTIONS_H
#define ONTIME_APP_OPTIONS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum command {
    COMMAND_RUN,
    COMMAND_CHECK, /* --check-config */
    COMMAND_DUMP,  /* --dump-config */
    COMMAND_HELP,
    COMMAND_HELP_CONFIG,
    COMMAND_HELP_CONFIG_MARKDOWN,
    COMMAND_HELP_METRICS,
    COMMAND_VERSION,
    COMMAND_PROBE /* --probe FILE: is it a plugin?  Run by ourselves in a child. */
};

struct options {
    enum command command;
    const char *file; /* configuration; NULL: none (embedded without -c) */
    const char *probe;
    const char **overrides; /* "path=value"; options_done() frees the array */
    size_t override_count;
    bool embedded;
};

/* argv's texts are borrowed.  -EINVAL: usage error with its text. */
int options_parse(int argc, char **argv, struct options *ret, struct err *err);
void options_done(struct options *o);
void options_help(FILE *f);

#endif
