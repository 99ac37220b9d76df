/* SPDX-License-Identifier: Apache-2.0
 *
 * plug/crash.h - who was it: a line in the log when the process dies of a
 * fault, naming the plugin.
 *
 * Each thread notes what it executes; for a thread of the plugin's own, the
 * address of the fault tells.  The handler writes
 *   <time> level=error module=plug event=crash signal=SIGSEGV plugin=...
 *   version=... app=... job=...
 * with write(2) alone and lets the signal kill the process (core dump as ever).
 */
#ifndef ONTIME_PLUG_CRASH_H
#define ONTIME_PLUG_CRASH_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

/* What this thread executes; the strings must outlive the call. */
struct crash_note {
    const char *plugin, *version, *app;
    int64_t job; /* 0: none */
};

/* Installs the handlers for SIGSEGV, SIGBUS, SIGABRT, SIGILL and SIGFPE; the
 * line goes to fd, as JSON when json.  Once, before threads start. */
int crash_install(int fd, int json, struct err *err);

/* Sets (NULL: clears) this thread's note; returns the former one.  Gives the
 * thread an alternate signal stack at first use, so that a stack overflow is
 * told too. */
const struct crash_note *crash_enter(const struct crash_note *note);

/* Code addresses of a loaded plugin; removed before dlclose.  At most 64 are
 * remembered.  Any thread. */
void crash_add_code(const void *lo, const void *hi, const char *plugin,
                    const char *version);
void crash_remove_code(const void *lo);

#endif
