/* SPDX-License-Identifier: Apache-2.0
 *
 * plug/probe.h - trying a plugin in a child process first, so that a
 * constructor that crashes or hangs cannot take the host with it.
 */
#ifndef ONTIME_PLUG_PROBE_H
#define ONTIME_PLUG_PROBE_H

#include "base/err.h"

#include <stdint.h>

/*
 * What the child runs (`ontimed --probe FILE`): loads the file, checks its
 * descriptor, prints one line on stdout ("sms_retry 1.0 abi=1.0" or the reason
 * against it) and returns the exit code: 0 usable, 1 not.  Unloads it too when
 * the plugin says that it can be.  The name expected is the file's, without
 * .so and without "-<32 hex digits>".  For a process that does nothing else.
 */
int plugin_probe_main(const char *path);

/*
 * Runs `program --probe path` and waits for it at most timeout_ms.  0, or
 * -ENOEXEC with what the child said or the signal that it died of, -ETIMEDOUT,
 * or the errno of starting it.  Any thread; starts the child by posix_spawn,
 * so that no lock of ours is held in it.
 */
int plugin_probe(const char *program, const char *path, int64_t timeout_ms,
                 struct err *err);

#endif
