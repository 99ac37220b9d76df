/* SPDX-License-Identifier: Apache-2.0
 *
 * plug/helper.h - a plugin's function on a thread of its own, with a deadline.
 */
#ifndef ONTIME_PLUG_HELPER_H
#define ONTIME_PLUG_HELPER_H

#include "base/err.h"
#include "plug/crash.h"

#include <stddef.h>
#include <stdint.h>

/* May write a text of at most len bytes, NUL included. */
typedef int helper_fn(void *arg, char *text, size_t len);
/* Called on the helper's thread when run came back after its deadline, and the
 * caller had let go. */
typedef void helper_late_fn(void *arg, int result);

struct helper_call;

struct helper_task {
    /* in */
    const char *name; /* the thread's */
    helper_fn *run;
    helper_late_fn *late;
    void *arg;
    struct crash_note note; /* its strings must live as long as arg */
    /* out */
    int result;
    char text[256];
    struct helper_call *call; /* after -ETIMEDOUT */
};

/*
 * 0: run has come back, result and text are filled.  -ETIMEDOUT: it has not;
 * the caller notes what it must and calls helper_let_go(), after which `late`
 * will be called.  Else -errno: the thread was not started.
 */
int helper_run(struct helper_task *t, int64_t timeout_ms, struct err *err);
void helper_let_go(struct helper_task *t);

#endif
