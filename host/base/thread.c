/* SPDX-License-Identifier: Apache-2.0
 *
 * base/thread.c - starting and naming threads.  Any thread.
 */
#include "config.h"

#include "base/thread.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define THREAD_NAME_MAX 16 /* the kernel's, with the NUL */

static void thread_mask(sigset_t *set)
{
    static const int faults[] = {SIGSEGV, SIGBUS,  SIGFPE, SIGILL,
                                 SIGABRT, SIGTRAP, SIGSYS};

    (void)sigfillset(set);
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
        (void)sigdelset(set, faults[i]);
}

int thread_start(pthread_t *ret, const char *name, void *(*run)(void *),
                 void *arg, struct err *err)
{
    char cut[THREAD_NAME_MAX] = {0};
    pthread_t thread;
    sigset_t all;
    sigset_t old;
    int r;

    memcpy(cut, name, strnlen(name, sizeof(cut) - 1));
    thread_mask(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &old);
    r = pthread_create(&thread, NULL, run, arg);
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (r != 0)
        return err_sys(err, r, "start thread %s", cut);
    (void)pthread_setname_np(thread, cut);
    *ret = thread;
    return 0;
}

void thread_yield_to_others(int n)
{
    pid_t self = (pid_t)syscall(SYS_gettid);

    /* Linux: a "process" here is a thread. */
    (void)setpriority(PRIO_PROCESS, (id_t)self,
                      getpriority(PRIO_PROCESS, (id_t)self) + n);
}
