/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_thread.c - base/thread.  Linked with
 * -Wl,--wrap=pthread_create.
 */
#include "config.h"

#include "base/thread.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static bool create_fails;

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
                          void *(*run)(void *), void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
                          void *(*run)(void *), void *arg);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
                          void *(*run)(void *), void *arg)
{
    return create_fails ? EAGAIN
                        : __real_pthread_create(thread, attr, run, arg);
}

struct seen {
    pthread_mutex_t hold; /* the thread ends when it is free */
    sigset_t mask;
};

static void *look(void *arg)
{
    struct seen *seen = arg;

    (void)pthread_sigmask(SIG_SETMASK, NULL, &seen->mask);
    (void)pthread_mutex_lock(&seen->hold);
    (void)pthread_mutex_unlock(&seen->hold);
    return seen;
}

/* Starts a thread called name; its name must become want. */
static void check_name(const char *name, const char *want, struct seen *seen)
{
    pthread_t thread;
    char is[64];
    void *ret = NULL;

    *seen = (struct seen){.hold = PTHREAD_MUTEX_INITIALIZER};
    (void)pthread_mutex_lock(&seen->hold);
    assert_int_equal(thread_start(&thread, name, look, seen, NULL), 0);
    assert_int_equal(pthread_getname_np(thread, is, sizeof(is)), 0);
    assert_string_equal(is, want);
    (void)pthread_mutex_unlock(&seen->hold);
    assert_int_equal(pthread_join(thread, &ret), 0);
    assert_ptr_equal(ret, seen);
}

static void runs_under_its_name(void **state)
{
    struct seen seen;

    (void)state;
    check_name("sched", "sched", &seen);
    check_name("exactly15chars.", "exactly15chars.", &seen);
    check_name("a very long name indeed", "a very long nam", &seen);
}

static void signals_are_blocked_but_faults(void **state)
{
    static const int blocked[] = {SIGTERM, SIGINT,  SIGHUP,  SIGUSR1,
                                  SIGPIPE, SIGCHLD, SIGALRM, SIGQUIT};
    static const int open[] = {SIGSEGV, SIGBUS,  SIGFPE, SIGILL,
                               SIGABRT, SIGTRAP, SIGSYS};
    sigset_t mine;
    struct seen seen;

    (void)state;
    check_name("x", "x", &seen);
    for (size_t i = 0; i < sizeof(blocked) / sizeof(blocked[0]); i++)
        assert_int_equal(sigismember(&seen.mask, blocked[i]), 1);
    for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++)
        assert_int_equal(sigismember(&seen.mask, open[i]), 0);
    /* the caller's mask is as it was */
    (void)pthread_sigmask(SIG_SETMASK, NULL, &mine);
    assert_int_equal(sigismember(&mine, SIGTERM), 0);
}

static void failure_names_the_thread(void **state)
{
    pthread_t thread;
    pthread_t was;
    struct err err;
    sigset_t mine;

    (void)state;
    memset(&thread, 0x5a, sizeof(thread));
    was = thread;
    create_fails = true;
    assert_int_equal(thread_start(&thread, "commit", look, NULL, &err),
                     -EAGAIN);
    create_fails = false;
    assert_int_equal(err.code, -EAGAIN);
    assert_non_null(strstr(err.text, "commit"));
    assert_memory_equal(&thread, &was, sizeof(thread));
    (void)pthread_sigmask(SIG_SETMASK, NULL, &mine);
    assert_int_equal(sigismember(&mine, SIGTERM), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_under_its_name),
        cmocka_unit_test(signals_are_blocked_but_faults),
        cmocka_unit_test(failure_names_the_thread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
