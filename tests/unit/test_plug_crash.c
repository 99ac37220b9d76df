/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_plug_crash.c - a crash names the plugin.  Each case is a
 * child process of its own that must die of its signal and leave one line.
 */
#include "config.h"

#include "plug_box.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/log.h"
#include "plug/crash.h"

static struct yard yard;

static int setup(void **state)
{
    (void)state;
    yard_open(&yard, YARD_PATIENCE_MS);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    yard_close(&yard);
    return 0;
}

static void no_core(void)
{
    const struct rlimit none = {0};

    (void)setrlimit(RLIMIT_CORE, &none);
}

/* Runs body in a child; what it wrote to the crash line's descriptor, and the
 * signal that it died of. */
static int crash_of(void (*body)(const char *), const char *arg, int json,
                    char line[600])
{
    int p[2], status = 0;
    size_t len = 0;
    ssize_t n;
    pid_t pid;

    assert_int_equal(pipe(p), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        no_core();
        (void)close(p[0]);
        if (crash_install(p[1], json, NULL) == 0)
            body(arg);
        _exit(9);
    }
    (void)close(p[1]);
    while ((n = read(p[0], line + len, 599 - len)) > 0)
        len += (size_t)n;
    line[len] = '\0';
    (void)close(p[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    return WTERMSIG(status);
}

static void run_plugin(const char *payload)
{
    struct plugin_instance *i;
    struct attempt *a = NULL;
    struct box box;

    box_open(&box, 4, 0);
    i = yard_ready(&yard, "fix_crash", box.table);
    if (attempt_open(box.table, i,
                     &(struct attempt_start){.job = yard_job(4711, payload),
                                             .now_ms = 1},
                     &a) == 0)
        (void)attempt_run(a);
}

static void expect_line(const char *line, const char *needle)
{
    if (strstr(line, needle) == NULL)
        fail_msg("\"%s\" is not in: %s", needle, line);
    assert_int_equal(line[strlen(line) - 1], '\n');
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
}

static void execute_is_attributed(void **state)
{
    static const struct {
        const char *payload, *name;
        int sig;
    } cases[] = {{"segv", "SIGSEGV", SIGSEGV},
                 {"abort", "SIGABRT", SIGABRT},
                 {"fpe", "SIGFPE", SIGFPE}};
    char line[600], want[200];

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(crash_of(run_plugin, cases[i].payload, 0, line),
                         cases[i].sig);
        (void)snprintf(want, sizeof(want),
                       "Z level=error module=plug event=crash signal=%s "
                       "plugin=fix_crash version=1.0 app=app_1 job=4711\n",
                       cases[i].name);
        expect_line(line, want);
        assert_int_equal(strncmp(line, "20", 2), 0);
    }
    assert_int_equal(crash_of(run_plugin, "segv", 1, line), SIGSEGV);
    expect_line(line, "Z\",\"level\":\"error\",\"module\":\"plug\",\"event\":"
                      "\"crash\",\"signal\":\"SIGSEGV\",\"plugin\":"
                      "\"fix_crash\",\"version\":\"1.0\",\"app\":\"app_1\","
                      "\"job\":\"4711\"}\n");
    assert_int_equal(strncmp(line, "{\"time\":\"20", 11), 0);
}

static void crash_ourselves(const char *arg)
{
    (void)arg;
    (void)raise(SIGSEGV);
}

static void our_own_crash_names_nobody(void **state)
{
    char line[600];

    (void)state;
    assert_int_equal(crash_of(crash_ourselves, NULL, 0, line), SIGSEGV);
    expect_line(line, "event=crash signal=SIGSEGV\n");
}

/* A thread of the plugin's own notes nothing: the address tells. */
static void crash_unnoted(const char *arg)
{
    struct plugin_instance *i = yard_new(&yard, "fix_crash", NULL, 0, NULL);
    const struct ontime_plugin *p = plugin_object_plugin(instance_object(i));
    const struct ontime_job job = {.payload = {arg, strlen(arg)}};

    (void)p->execute(NULL, &job);
}

static void code_is_attributed(void **state)
{
    char line[600];

    (void)state;
    assert_int_equal(crash_of(crash_unnoted, "segv", 0, line), SIGSEGV);
    expect_line(line, "signal=SIGSEGV plugin=fix_crash version=1.0\n");
}

static int deeper(volatile char *above, int n)
{
    volatile char block[4096];

    block[0] = above[0];
    block[4095] = (char)n;
    return n <= 0 ? block[0] : deeper(block, n + 1) + block[4095];
}

static void *overflow(void *arg)
{
    const struct crash_note *note = arg;
    volatile char first = 1;

    (void)crash_enter(note);
    return deeper(&first, 1) != 0 ? arg : NULL;
}

static void run_over(const char *arg)
{
    static const struct crash_note note = {
        .plugin = "deep", .version = "3", .app = "app", .job = -7};
    pthread_t t;

    (void)arg;
    if (pthread_create(&t, NULL, overflow, (void *)(uintptr_t)&note) == 0)
        (void)pthread_join(t, NULL);
}

static void a_stack_overflow_is_told(void **state)
{
    char line[600];

    (void)state;
    assert_int_equal(crash_of(run_over, NULL, 0, line), SIGSEGV);
    expect_line(line, "plugin=deep version=3 app=app job=-7\n");
}

static void notes_nest(void **state)
{
    static const struct crash_note a = {.plugin = "a"}, b = {.plugin = "b"};

    (void)state;
    assert_null(crash_enter(&a));
    assert_ptr_equal(crash_enter(&b), &a);
    assert_ptr_equal(crash_enter(NULL), &b);
}

int main(int argc, char **argv)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(execute_is_attributed),
        T(our_own_crash_names_nobody),
        T(code_is_attributed),
        T(a_stack_overflow_is_told),
        T(notes_nest),
    };

    yard_probe(argc, argv);
    (void)log_set_levels("off", NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
