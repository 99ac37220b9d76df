/* SPDX-License-Identifier: Apache-2.0
 *
 * base/thread.h - starting and naming threads.
 */
#ifndef ONTIME_BASE_THREAD_H
#define ONTIME_BASE_THREAD_H

#include "base/err.h"

#include <pthread.h>

/* Starts a joinable thread called name (what is beyond 15 characters is cut)
 * with all signals blocked but those that its own faults raise (SIGSEGV,
 * SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS), so that a crash handler
 * runs.  0 or -errno, then there is no thread and *ret is untouched. */
int thread_start(pthread_t *ret, const char *name, void *(*run)(void *),
                 void *arg, struct err *err);

/* The calling thread steps back when others want the CPU too: nice value + n.
 * Threads that it starts inherit that.  For work that nobody waits for. */
void thread_yield_to_others(int n);

#endif
