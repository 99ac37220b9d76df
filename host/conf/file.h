/* SPDX-License-Identifier: Apache-2.0
 *
 * conf/file.h - libconfig files, read into a snapshot that is being made.
 * The only part of the house that sees libconfig.  One thread; blocks for disk.
 */
#ifndef ONTIME_CONF_FILE_H
#define ONTIME_CONF_FILE_H

#include "conf/build.h"

#include <stdbool.h>

#define CONF_FILE_MAX (1 << 20) /* bytes; larger ones are refused */

/*
 * Reads the file, and with it DIR/apps.d/ *.cfg beside it by name.  What is
 * wrong goes to the report.  -ENOENT when the main file is not there, -ENOMEM,
 * else 0, also after errors.
 */
int conf_file_read_all(struct conf_build *b, const char *path);
/* Reads text as if it stood in a file of that name.  apps_only: other groups
 * are refused. */
void conf_file_read_text(struct conf_build *b, const char *name,
                         const char *text, bool apps_only);

#endif
