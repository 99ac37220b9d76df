/* SPDX-License-Identifier: Apache-2.0
 *
 * plug/open.h - dlopen and the checks behind it, the same in the probe's child
 * and in the host.
 */
#ifndef ONTIME_PLUG_OPEN_H
#define ONTIME_PLUG_OPEN_H

#include "base/err.h"

#include <ontime/plugin.h>

struct open_code {
    void *handle;                /* of dlopen */
    struct ontime_plugin plugin; /* a copy of the descriptor */
    const void *lo, *hi;         /* where the code lies; NULL: unknown */
};

/*
 * Loads the file and checks its descriptor; name is what it must call itself.
 * -ENOEXEC with a text; -EEXIST when the dynamic linker gave another file's
 * code (a reused inode): then a new copy must be made.
 */
int open_code(const char *path, const char *name, struct open_code *ret,
              struct err *err);
void open_close(struct open_code *c); /* dlclose */

#endif
