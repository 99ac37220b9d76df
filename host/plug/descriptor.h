/* SPDX-License-Identifier: Apache-2.0
 *
 * plug/descriptor.h - whether what a .so exports as `ontime_plugin` is a
 * plugin that this host can use.
 */
#ifndef ONTIME_PLUG_DESCRIPTOR_H
#define ONTIME_PLUG_DESCRIPTOR_H

#include "base/err.h"

#include <ontime/plugin.h>

/*
 * Checks the descriptor at symbol, in order: ABI major and minor, size,
 * flags, functions, name and version, settings rows; name is what the file is
 * called.  0 and a copy of our size in *ret (zero where the plugin's is
 * older), or -ENOEXEC with a text for people.  Reads what the descriptor
 * points to, so a malicious one can crash us: the probe goes first.
 */
int descriptor_check(const void *symbol, const char *name,
                     struct ontime_plugin *ret, struct err *err);

/* [A-Za-z0-9_-]{1,64}: what a plugin may be called.  0 or -EINVAL. */
int descriptor_name_check(const char *name, struct err *err);

#endif
