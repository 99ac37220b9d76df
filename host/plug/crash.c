/* SPDX-License-Identifier: Apache-2.0
 *
 * plug/crash.c - naming the plugin when the process dies; see crash.h.
 *
 * What the handler reads is either the thread's own, or a table whose rows are
 * published by one atomic store; it calls nothing but write and clock_gettime.
 */
#include "config.h"

#include "plug/crash.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define STACK_SIZE (64u << 10)
#define CODES_MAX 64

static const int signals[] = {SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE};
static const char *const names[] = {"SIGSEGV", "SIGBUS", "SIGABRT", "SIGILL",
                                    "SIGFPE"};
#define SIGNALS (sizeof(signals) / sizeof(signals[0]))

/* frozen by crash_install */
static int line_fd = -1;
static bool as_json;

/* each thread's own */
static _Thread_local const struct crash_note *current;
static _Thread_local bool has_stack;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t stack_key;

struct code {
    _Atomic(const char *) lo; /* NULL: the row is free; written last */
    const char *hi, *plugin, *version;
};
static struct code codes[CODES_MAX];
static pthread_mutex_t codes_mtx = PTHREAD_MUTEX_INITIALIZER; /* for writers */

/* ---- the line ------------------------------------------------------------ */

struct line {
    char text[512];
    size_t len;
};

static void put(struct line *l, const char *s)
{
    while (*s != '\0' && l->len < sizeof(l->text) - 1)
        l->text[l->len++] = *s++;
}

static void put_number(struct line *l, int64_t v, int width)
{
    char digits[24];
    size_t n = sizeof(digits) - 1;
    bool negative = v < 0;

    digits[n] = '\0';
    for (; v != 0 || width > 0; v /= 10, width--)
        digits[--n] = (char)('0' + (negative ? -(v % 10) : v % 10));
    if (n == sizeof(digits) - 1)
        digits[--n] = '0';
    if (negative)
        digits[--n] = '-';
    put(l, digits + n);
}

/* The date of a day since 1970 (Hinnant's civil_from_days, from 1970 on). */
static void put_date(struct line *l, int64_t day)
{
    int64_t z = day + 719468, era = z / 146097, doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153, month = mp < 10 ? mp + 3 : mp - 9;

    put_number(l, yoe + era * 400 + (month <= 2), 4);
    put(l, "-");
    put_number(l, month, 2);
    put(l, "-");
    put_number(l, doy - (153 * mp + 2) / 5 + 1, 2);
}

static void put_time(struct line *l)
{
    struct timespec ts = {0};
    int64_t s;

    (void)clock_gettime(CLOCK_REALTIME, &ts);
    s = ts.tv_sec % 86400;
    put_date(l, ts.tv_sec / 86400);
    put(l, "T");
    put_number(l, s / 3600, 2);
    put(l, ":");
    put_number(l, s / 60 % 60, 2);
    put(l, ":");
    put_number(l, s % 60, 2);
    put(l, ".");
    put_number(l, ts.tv_nsec / 1000000, 3);
    put(l, "Z");
}

/* Names and versions have no character that would need an escape. */
static void put_field(struct line *l, const char *key, const char *value)
{
    if (value == NULL)
        return;
    put(l, as_json ? ",\"" : " ");
    put(l, key);
    put(l, as_json ? "\":\"" : "=");
    put(l, value);
    if (as_json)
        put(l, "\"");
}

static const char *signal_name(int sig)
{
    for (size_t i = 0; i < SIGNALS; i++)
        if (signals[i] == sig)
            return names[i];
    return "?";
}

/* ---- the handler --------------------------------------------------------- */

static const char *fault_address(const void *context)
{
    const ucontext_t *u = context;

#if defined(__x86_64__)
    return (const char *)(uintptr_t)u->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    return (const char *)(uintptr_t)u->uc_mcontext.pc;
#else
    (void)u;
    return NULL;
#endif
}

/* For a thread that notes nothing: whose code it was in. */
static struct crash_note find_code(const char *pc)
{
    for (size_t i = 0; i < CODES_MAX; i++) {
        const char *lo =
            atomic_load_explicit(&codes[i].lo, memory_order_acquire);

        if (lo != NULL && pc >= lo && pc < codes[i].hi)
            return (struct crash_note){.plugin = codes[i].plugin,
                                       .version = codes[i].version};
    }
    return (struct crash_note){0};
}

static void on_crash(int sig, siginfo_t *info, void *context)
{
    struct line l = {.len = 0};
    struct crash_note note;
    struct line job = {.len = 0};

    (void)info;
    note = current != NULL ? *current : find_code(fault_address(context));
    put(&l, as_json ? "{\"time\":\"" : "");
    put_time(&l);
    put(&l, as_json ? "\"" : "");
    put_field(&l, "level", "error");
    put_field(&l, "module", "plug");
    put_field(&l, "event", "crash");
    put_field(&l, "signal", signal_name(sig));
    put_field(&l, "plugin", note.plugin);
    put_field(&l, "version", note.version);
    put_field(&l, "app", note.app);
    if (note.job != 0) {
        put_number(&job, note.job, 0);
        put_field(&l, "job", job.text);
    }
    put(&l, as_json ? "}" : "");
    l.text[l.len++] = '\n'; /* put() left room */
    if (write(line_fd, l.text, l.len) < 0)
        l.len = 0;    /* nothing more can be done */
    (void)raise(sig); /* blocked until we return; then it is fatal */
}

/* ---- installing ---------------------------------------------------------- */

static void drop_stack(void *memory)
{
    const stack_t none = {.ss_flags = SS_DISABLE};

    (void)sigaltstack(&none, NULL);
    (void)munmap(memory, STACK_SIZE);
}

static void make_key(void)
{
    (void)pthread_key_create(&stack_key, drop_stack);
}

/* A stack for the handler, for the case that the thread's own has run over. */
static void make_stack(void)
{
    stack_t s = {.ss_size = STACK_SIZE}, old;

    has_stack = true;
    if (sigaltstack(NULL, &old) == 0 && (old.ss_flags & SS_DISABLE) == 0)
        return; /* a sanitizer's */
    (void)pthread_once(&once, make_key);
    s.ss_sp = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (s.ss_sp == MAP_FAILED)
        return;
    if (sigaltstack(&s, NULL) < 0 ||
        pthread_setspecific(stack_key, s.ss_sp) != 0)
        drop_stack(s.ss_sp);
}

int crash_install(int fd, int json, struct err *err)
{
    struct sigaction sa;

    memset(&sa, 0, sizeof(sa));
    sa.sa_sigaction = on_crash;
    sa.sa_flags = SA_SIGINFO | SA_ONSTACK | (int)SA_RESETHAND;
    (void)sigemptyset(&sa.sa_mask);
    line_fd = fd;
    as_json = json != 0;
    for (size_t i = 0; i < SIGNALS; i++)
        if (sigaction(signals[i], &sa, NULL) < 0)
            return err_sys(err, errno, "handle %s", names[i]);
    return 0;
}

const struct crash_note *crash_enter(const struct crash_note *note)
{
    const struct crash_note *former = current;

    if (!has_stack)
        make_stack();
    current = note;
    return former;
}

void crash_add_code(const void *lo, const void *hi, const char *plugin,
                    const char *version)
{
    (void)pthread_mutex_lock(&codes_mtx);
    for (size_t i = 0; i < CODES_MAX; i++) {
        if (atomic_load(&codes[i].lo) != NULL)
            continue;
        codes[i].hi = hi;
        codes[i].plugin = plugin;
        codes[i].version = version;
        atomic_store_explicit(&codes[i].lo, lo, memory_order_release);
        break;
    }
    (void)pthread_mutex_unlock(&codes_mtx);
}

void crash_remove_code(const void *lo)
{
    (void)pthread_mutex_lock(&codes_mtx);
    for (size_t i = 0; i < CODES_MAX; i++)
        if (atomic_load(&codes[i].lo) == lo)
            atomic_store(&codes[i].lo, NULL);
    (void)pthread_mutex_unlock(&codes_mtx);
}
