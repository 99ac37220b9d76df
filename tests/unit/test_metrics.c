/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_metrics.c - the metrics module.  Series live as long as the
 * process, so each test has label values of its own.
 */
#include "config.h"

#include "metrics/metrics.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "metrics/series.h"
#include "torture.h"

/* The page; free() it. */
static char *page(void)
{
    struct buf b = BUF_INIT(1 << 20);
    char *text;

    assert_int_equal(metrics_render(&b), 0);
    text = buf_take(&b, NULL);
    assert_non_null(text);
    return text;
}

static void expect_on_page(const char *want, bool there)
{
    char *text = page();

    if ((strstr(text, want) != NULL) != there)
        fail_msg("%s: %s", there ? "missing" : "unexpected", want);
    free(text);
}

static void counters_and_gauges(void **state)
{
    struct metric *c = metric_series("messages_received_total", "cg");
    struct metric *g = metric_series("ingest_lag", "cg");

    (void)state;
    assert_non_null(c);
    metric_add(c, 1);
    metric_add(c, 41);
    metric_set(g, 7);
    metric_add(g, -9);
    assert_int_equal(metric_get(c), 42);
    assert_int_equal(metric_get(g), -2);
    expect_on_page("\n# TYPE ontime_messages_received_total counter\n"
                   "ontime_messages_received_total{source=\"cg\"} 42\n",
                   true);
    expect_on_page("\n# TYPE ontime_ingest_lag gauge\n"
                   "ontime_ingest_lag{source=\"cg\"} -2\n",
                   true);
}

static void the_same_labels_are_the_same_series(void **state)
{
    struct metric *a = metric_series2("executions_total", "same", "done");

    (void)state;
    assert_ptr_equal(metric_series2("executions_total", "same", "done"), a);
    assert_ptr_equal(metric_series2("ontime_executions_total", "same", "done"),
                     a);
    assert_ptr_not_equal(metric_series2("executions_total", "same", "x"), a);
    assert_ptr_not_equal(metric_series2("executions_total", "done", "same"), a);
    assert_ptr_equal(metric_series("window_jobs", NULL),
                     metric_series("window_jobs", ""));
    assert_ptr_equal(metric_series("lateness_ms", "same"),
                     metric_series("lateness_seconds", "same"));
}

/* Runs in a child, which must be stopped by an assert. */
static void expect_abort(const char *family, const char *label)
{
    int status = 0;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        (void)signal(SIGABRT, SIG_DFL);
        (void)close(2);
        (void)metric_series(family, label);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void unknown_families_stop_us(void **state)
{
    (void)state;
    expect_abort("no_such_metric", NULL);
    expect_abort("window_jobs", "a label that it does not have");
}

static void histograms(void **state)
{
    struct metric *m = metric_series("lateness_ms", "h");

    (void)state;
    assert_int_equal(metric_quantile_ms(m, 0.5), -1);
    metric_observe_ms(m, 0);
    metric_observe_ms(m, 1);
    metric_observe_ms(m, -5); /* early counts as 0 */
    metric_observe_ms(m, 2);
    metric_observe_ms(m, 3);
    metric_observe_ms(m, 600000);
    metric_observe_ms(m, 600001);
    assert_int_equal(metric_get(m), 7);
    expect_on_page("\n# TYPE ontime_lateness_seconds histogram\n", true);
    expect_on_page("ontime_lateness_seconds_bucket{app=\"h\",le=\"0.001\"} 3\n"
                   "ontime_lateness_seconds_bucket{app=\"h\",le=\"0.002\"} 4\n"
                   "ontime_lateness_seconds_bucket{app=\"h\",le=\"0.005\"} 5\n"
                   "ontime_lateness_seconds_bucket{app=\"h\",le=\"0.01\"} 5\n",
                   true);
    expect_on_page("ontime_lateness_seconds_bucket{app=\"h\",le=\"1\"} 5\n",
                   true);
    expect_on_page("ontime_lateness_seconds_bucket{app=\"h\",le=\"60\"} 5\n"
                   "ontime_lateness_seconds_bucket{app=\"h\",le=\"600\"} 6\n"
                   "ontime_lateness_seconds_bucket{app=\"h\",le=\"+Inf\"} 7\n"
                   "ontime_lateness_seconds_sum{app=\"h\"} 1200.007\n"
                   "ontime_lateness_seconds_count{app=\"h\"} 7\n",
                   true);
}

static void quantiles(void **state)
{
    struct metric *m = metric_series("execute_ms", "q");

    (void)state;
    for (int i = 1; i <= 100; i++)
        metric_observe_ms(m, i);
    assert_int_equal(metric_quantile_ms(m, 0), 1);
    assert_int_equal(metric_quantile_ms(m, 0.01), 1);
    assert_int_equal(metric_quantile_ms(m, 0.5), 50);
    assert_int_equal(metric_quantile_ms(m, 0.51), 100);
    assert_int_equal(metric_quantile_ms(m, 1), 100);
    metric_observe_ms(m, INT32_MAX);
    assert_int_equal(metric_quantile_ms(m, 1), INT64_MAX);
}

static void milliseconds_become_seconds(void **state)
{
    struct metric *m = metric_series("store_busy_ms_total", "put");

    (void)state;
    metric_add(m, 61250);
    expect_on_page("# TYPE ontime_store_busy_seconds_total counter\n"
                   "ontime_store_busy_seconds_total{op=\"put\"} 61.25\n",
                   true);
    expect_on_page("busy_ms", false);
    metric_set(m, -1);
    expect_on_page("seconds_total{op=\"put\"} -0.001\n", true);
    metric_set(m, 3000);
    expect_on_page("seconds_total{op=\"put\"} 3\n", true);
}

static void label_values_are_escaped(void **state)
{
    (void)state;
    metric_add(metric_series("dead_letters_total", "a\"b\\c\nd\xff\xc3\xa4"),
               1);
    expect_on_page("ontime_dead_letters_total{app="
                   "\"a\\\"b\\\\c\\nd\xef\xbf\xbd\xc3\xa4\"} 1\n",
                   true);
    metric_add(metric_series2("http_requests_total", "/a", "200"), 3);
    metric_add(metric_series2("http_requests_total", NULL, "404"), 4);
    expect_on_page("ontime_http_requests_total{route=\"/a\",code=\"200\"} 3\n"
                   "ontime_http_requests_total{code=\"404\"} 4\n",
                   true);
}

static void families_without_labels_are_always_there(void **state)
{
    (void)state;
    expect_on_page("\nontime_clock_steps_total 0\n", true);
    metric_add(metric_series("clock_steps_total", NULL), 2);
    expect_on_page("\nontime_clock_steps_total 2\n", true);
    expect_on_page("ontime_emitted_total", false);
}

static void null_is_ignored(void **state)
{
    (void)state;
    metric_add(NULL, 1);
    metric_set(NULL, 1);
    metric_observe_ms(NULL, 1);
    assert_int_equal(metric_get(NULL), 0);
    assert_int_equal(metric_quantile_ms(NULL, 0.5), -1);
}

static void log_lines_are_counted(void **state)
{
    char want[100];

    (void)state;
    log_set_fd(-1);
    log_error("x", LOG_EVENT("y"));
    log_set_fd(2);
    (void)snprintf(want, sizeof(want),
                   "\nontime_log_lines_total{level=\"error\"} %llu\n",
                   (unsigned long long)log_count(LOG_ERROR));
    assert_true(log_count(LOG_ERROR) > 0);
    expect_on_page(want, true);
}

/* Every line of the page is of one of three forms, and each family is one
 * block: name, help, type, series. */
static void the_page_is_well_formed(void **state)
{
    char *text = page();
    char *save = NULL;
    char family[100] = "";

    (void)state;
    for (char *l = strtok_r(text, "\n", &save); l != NULL;
         l = strtok_r(NULL, "\n", &save)) {
        char name[100];
        char type[20];

        if (sscanf(l, "# HELP %99s", name) == 1) {
            assert_string_not_equal(name, family);
            (void)snprintf(family, sizeof(family), "%s", name);
        } else if (sscanf(l, "# TYPE %99s %19s", name, type) == 2) {
            assert_string_equal(name, family);
        } else {
            assert_int_equal(strncmp(l, family, strlen(family)), 0);
            assert_non_null(strrchr(l, ' '));
        }
    }
    free(text);
}

static void a_full_buffer_is_an_error(void **state)
{
    struct buf b = BUF_INIT(100);

    (void)state;
    assert_int_equal(metrics_render(&b), -EMSGSIZE);
    buf_done(&b);
    assert_int_equal(metrics_doc(&b), -EMSGSIZE);
    buf_done(&b);
}

static void the_table_is_sound(void **state)
{
    (void)state;
    for (size_t i = 0; i < metric_table_rows; i++) {
        const struct metric_family *f = &metric_table[i];
        const char *shown = f->seconds_name ? f->seconds_name : f->name;
        size_t len = strlen(shown);
        bool total = len > 6 && strcmp(shown + len - 6, "_total") == 0;

        assert_int_equal(total, f->type == METRIC_COUNTER);
        assert_int_equal(f->bounds > 0, f->type == METRIC_HISTOGRAM);
        assert_true(f->labels[0] != NULL || f->labels[1] == NULL);
        assert_true(f->help[0] != '\0' && strpbrk(f->help, "\\\n|") == NULL);
        assert_ptr_equal(series_family(f->name), f); /* names are unique */
        assert_ptr_equal(series_family(shown), f);
        for (size_t k = 1; k < f->bounds; k++)
            assert_true(f->bounds_ms[k - 1] < f->bounds_ms[k]);
    }
}

static void the_doc_has_every_row(void **state)
{
    struct buf b = BUF_INIT(1 << 20);
    const char *text;
    size_t lines = 0;

    (void)state;
    assert_int_equal(metrics_doc(&b), 0);
    text = buf_cstr(&b);
    for (const char *p = text; *p != '\0'; p++)
        lines += *p == '\n';
    assert_int_equal(lines, metric_table_rows + 2);
    assert_non_null(strstr(text, "\n| `ontime_executions_total` | counter | "
                                 "`app`, `outcome` | Attempts, by outcome |"));
    buf_done(&b);
}

static void plugins_make_families(void **state)
{
    struct metric *m = metric_plugin("sms_parts", "p1");

    (void)state;
    metric_set(m, 5);
    metric_add(metric_plugin("sent_total", "p1"), 2);
    assert_ptr_equal(metric_plugin("sms_parts", "p1"), m);
    assert_ptr_not_equal(metric_plugin("sms_parts", "p2"), m);
    expect_on_page("# TYPE ontime_plugin_sms_parts gauge\n"
                   "ontime_plugin_sms_parts{app=\"p1\"} 5\n"
                   "ontime_plugin_sms_parts{app=\"p2\"} 0\n",
                   true);
    expect_on_page("# TYPE ontime_plugin_sent_total counter\n"
                   "ontime_plugin_sent_total{app=\"p1\"} 2\n",
                   true);
    assert_null(metric_plugin("", "p1"));
    assert_null(metric_plugin("Upper", "p1"));
    assert_null(metric_plugin("a b", "p1"));
    assert_null(metric_plugin("a{x=\"y\"} 1\n", "p1"));
    assert_null(metric_plugin("a-b", "p1"));
    assert_null(metric_plugin("a0123456789012345678901234567890123456789012345"
                              "678901234567890123456789",
                              "p1"));
}

static void without_memory(void **state)
{
    char label[32];
    int n = 0;

    (void)state;
    TORTURE({
        struct metric *m;

        (void)snprintf(label, sizeof(label), "torture %d", n++);
        m = metric_series("retries_total", label);
        assert_int_equal(m == NULL, torture_fired);
        metric_add(m, 1);
    });
    n = 0;
    TORTURE({
        struct metric *m;

        (void)snprintf(label, sizeof(label), "torture_%d", n++);
        m = metric_plugin(label, "x");
        assert_int_equal(m == NULL, torture_fired);
        metric_add(m, 1);
    });
    the_page_is_well_formed(state);
}

static void *work(void *arg)
{
    (void)arg;
    for (int i = 0; i < 5000; i++) {
        char app[16];

        (void)snprintf(app, sizeof(app), "t%d", i % 10);
        metric_add(metric_series("attempts_open", app), 1);
        metric_observe_ms(metric_series("execute_ms", app), i);
        metric_add(metric_plugin("raced_total", app), 1);
        if (i % 1000 == 0)
            free(page());
    }
    return NULL;
}

static void nothing_is_lost_between_threads(void **state)
{
    pthread_t t[4];

    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&t[i], NULL, work, NULL), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_join(t[i], NULL), 0);
    for (int i = 0; i < 10; i++) {
        char app[16];

        (void)snprintf(app, sizeof(app), "t%d", i);
        assert_int_equal(metric_get(metric_series("attempts_open", app)), 2000);
        assert_int_equal(metric_get(metric_series("execute_ms", app)), 2000);
        assert_int_equal(metric_get(metric_plugin("raced_total", app)), 2000);
    }
}

/* The last one: it uses up what there is. */
static void plugins_cannot_make_too_many(void **state)
{
    struct metric *m = metric_plugin("first", "x");
    char app[32];
    int made = 0;

    (void)state;
    assert_non_null(m);
    for (int i = 0; i < 2 * METRIC_PLUGIN_MAX; i++) {
        (void)snprintf(app, sizeof(app), "many %d", i);
        made += metric_plugin("many", app) != NULL;
    }
    assert_true(made < METRIC_PLUGIN_MAX && made > METRIC_PLUGIN_MAX / 2);
    assert_null(metric_plugin("another", "x"));
    assert_ptr_equal(metric_plugin("first", "x"), m); /* still there */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_and_gauges),
        cmocka_unit_test(the_same_labels_are_the_same_series),
        cmocka_unit_test(unknown_families_stop_us),
        cmocka_unit_test(histograms),
        cmocka_unit_test(quantiles),
        cmocka_unit_test(milliseconds_become_seconds),
        cmocka_unit_test(label_values_are_escaped),
        cmocka_unit_test(families_without_labels_are_always_there),
        cmocka_unit_test(null_is_ignored),
        cmocka_unit_test(log_lines_are_counted),
        cmocka_unit_test(the_page_is_well_formed),
        cmocka_unit_test(a_full_buffer_is_an_error),
        cmocka_unit_test(the_table_is_sound),
        cmocka_unit_test(the_doc_has_every_row),
        cmocka_unit_test(plugins_make_families),
        cmocka_unit_test(without_memory),
        cmocka_unit_test(nothing_is_lost_between_threads),
        cmocka_unit_test(plugins_cannot_make_too_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
