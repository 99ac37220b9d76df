/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/torture.h - makes the 1st, 2nd, 3rd, ... allocation of a body
 * fail, on the calling thread only.  Include it in one .c file of a program
 * that is linked with
 *     -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup
 *
 *     TORTURE({
 *         r = thing_new(&t);
 *         assert_true(r == 0 || r == -ENOMEM);
 *         thing_free(&t);
 *     });
 *
 * The body runs until no allocation of it is left to fail: it must do the same
 * each time, and succeed when none fails.
 */
#ifndef ONTIME_TESTS_TORTURE_H
#define ONTIME_TESTS_TORTURE_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
char *__real_strdup(const char *s);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
char *__wrap_strdup(const char *s);

static _Thread_local int torture_left = -1; /* -1: nothing fails */
static _Thread_local bool torture_fired;

/* Lets left more allocations pass and fails the one after them. */
static inline void torture_arm(int left)
{
    torture_left = left;
    torture_fired = false;
}

static inline bool torture_hit(void)
{
    if (torture_left < 0)
        return false;
    if (torture_left-- > 0)
        return false;
    torture_fired = true;
    return true;
}

void *__wrap_malloc(size_t n)
{
    return torture_hit() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return torture_hit() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    return torture_hit() ? NULL : __real_realloc(p, n);
}

char *__wrap_strdup(const char *s)
{
    return torture_hit() ? NULL : __real_strdup(s);
}

#define TORTURE(...)                                                           \
    do {                                                                       \
        for (int torture_n = 0;; torture_n++) {                                \
            torture_arm(torture_n);                                            \
            __VA_ARGS__                                                        \
            torture_left = -1;                                                 \
            if (!torture_fired)                                                \
                break;                                                         \
        }                                                                      \
    } while (0)

#endif
