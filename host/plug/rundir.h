/* SPDX-License-Identifier: Apache-2.0
 *
 * plug/rundir.h - the private directory with copies of plugins' files, one
 * directory per process.  It is locked while its process lives; what is not
 * locked is a dead process's and is removed.  Serialized by the caller.
 */
#ifndef ONTIME_PLUG_RUNDIR_H
#define ONTIME_PLUG_RUNDIR_H

#include "base/err.h"

#include <stddef.h>

struct rundir {
    char *path; /* NULL: none */
    int lock;   /* descriptor of its lock file, or -1 */
};

/* base NULL or "": ontime-<uid> below TMPDIR or /tmp.  base is made with mode
 * 0700; one that others may write to, or that is not ours, is refused. */
int rundir_open(struct rundir *d, const char *base, struct err *err);
void rundir_close(struct rundir *d); /* removes it with its content */

/* Reads a plugin's file: regular, not empty, at most 256 MiB, unchanged while
 * it was read.  *ret is free()d by the caller. */
int rundir_read(const char *file, void **ret, size_t *ret_len, struct err *err);
void rundir_hash(const void *data, size_t len, char ret[33]);
struct rundir_file {
    const char *name; /* the plugin's */
    const char *hash; /* of data */
    const void *data;
    size_t len;
};

/* Writes the content as <dir>/<name>-<hash>.so (mode 0500), under a temporary
 * name first.  *ret_path is the caller's. */
int rundir_write(struct rundir *d, const struct rundir_file *f, char **ret_path,
                 struct err *err);

#endif
