/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_plug_instance.c - init and close with a deadline, draining,
 * zombies, and the services that need no attempt.
 */
#include "config.h"

#include "plug_box.h"

#include "base/log.h"
#include "metrics/metrics.h"
#include "plug/host.h"

static struct yard yard;
static struct box box;

static int setup(void **state)
{
    (void)state;
    yard_open(&yard, YARD_PATIENCE_MS);
    box_open(&box, 8, 1u << 16);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    box_close(&box);
    yard_close(&yard);
    return 0;
}

/* An instance of fix_hang that hangs there. */
static struct plugin_instance *hanging(const char *where)
{
    char n1[] = "release", n2[] = "where", value[16];
    struct conf_plugin_setting s[] = {
        {.name = n1, .value = yard.release, .kind = 's'},
        {.name = n2, .value = value, .kind = 's'},
    };

    (void)snprintf(value, sizeof(value), "%s", where);
    return yard_new(&yard, "fix_hang", s, 2, box.table);
}

static void life_from_new_to_closed(void **state)
{
    struct plugin_instance *i = yard_new(&yard, "fix_good", NULL, 0, box.table);
    struct err err = {0};

    (void)state;
    assert_string_equal(instance_state_name(i), "new");
    assert_string_equal(instance_timezone(i), "UTC");
    assert_ptr_equal(instance_app(i), app_name_s("app_1"));
    assert_true(instance_concurrent(i));
    assert_true(instance_only_emits(i));
    assert_int_equal(instance_init(i, YARD_PATIENCE_MS, &err), 0);
    assert_string_equal(instance_state_name(i), "ready");
    assert_int_equal(instance_close(i, 1000, &err), -EBUSY); /* not retired */
    instance_retire(i);
    assert_string_equal(instance_state_name(i), "draining");
    assert_int_equal(instance_close(i, YARD_PATIENCE_MS, &err), 0);
    assert_int_equal(instance_close(i, YARD_PATIENCE_MS, &err), 0);
    assert_string_equal(instance_state_name(i), "closed");
    instance_unref(&i);
    assert_null(i);
}

static void init_refuses_with_its_text(void **state)
{
    struct plugin_instance *i = yard_new(&yard, "fix_init_fail", NULL, 0, NULL);
    struct err err = {0};

    (void)state;
    assert_int_equal(instance_init(i, YARD_PATIENCE_MS, &err), -EADDRINUSE);
    assert_string_equal(err.text, "the moon is not in the right phase");
    instance_unref(&i);
    i = yard_new(&yard, "fix_init_odd", NULL, 0, NULL);
    assert_int_equal(instance_init(i, YARD_PATIENCE_MS, &err), -EINVAL);
    assert_non_null(strstr(err.text, "its init returned 42"));
    instance_unref(&i);
}

static int zombie_metric(void)
{
    return (int)metric_get(metric_series("plugin_zombies", NULL));
}

static void init_that_hangs_is_left_behind(void **state)
{
    struct plugin_instance *i = hanging("init");
    struct err err = {0};

    (void)state;
    assert_int_equal(instance_init(i, 30, &err), -ETIMEDOUT);
    assert_non_null(strstr(err.text, "init did not come back within 30 ms"));
    assert_true(instance_zombie(i));
    assert_string_equal(instance_state_name(i), "zombie");
    assert_int_equal(instance_zombies(), 1);
    assert_int_equal(zombie_metric(), 1);
    instance_unref(&i);
    assert_int_equal(instance_zombies(), 1);
    yard_let_go(&yard); /* it comes back after all: closed and freed there */
    yard_until(instance_zombies() == 0);
    yard_until(plugin_loader_kept(yard.loader) == 1); /* pinned */
    assert_int_equal(zombie_metric(), 0);
}

static void close_that_hangs_is_left_behind(void **state)
{
    struct plugin_instance *i = hanging("close");
    struct err err = {0};

    (void)state;
    assert_int_equal(instance_init(i, YARD_PATIENCE_MS, &err), 0);
    instance_retire(i);
    assert_int_equal(instance_close(i, 30, &err), -ETIMEDOUT);
    assert_non_null(strstr(err.text, "close did not come back"));
    assert_int_equal(instance_close(i, 30, &err), -EBUSY);
    assert_int_equal(instance_zombies(), 1);
    instance_unref(&i);
    yard_let_go(&yard);
    yard_until(instance_zombies() == 0);
    yard_until(plugin_loader_kept(yard.loader) == 1);
}

static void *run_one(void *arg)
{
    return attempt_run(arg) == 0 ? NULL : arg;
}

/* The whole of a reload's end: drain time over, tokens ended, the call hangs
 * on, the instance is abandoned; at last the call comes back. */
static void a_call_that_hangs_makes_a_zombie(void **state)
{
    struct plugin_instance *i = hanging("execute");
    struct attempt *a;
    struct err err = {0};
    pthread_t t;

    (void)state;
    assert_int_equal(instance_init(i, YARD_PATIENCE_MS, &err), 0);
    a = box_begin(&box, i, 1, yard.release, 0);
    assert_int_equal(pthread_create(&t, NULL, run_one, a), 0);
    yard_until(instance_inside(i) == 1);
    instance_retire(i);
    assert_int_equal(instance_close(i, 10, &err), -EBUSY);
    assert_non_null(strstr(err.text, "1 attempts open, 1 calls inside"));
    assert_int_equal(attempt_expire_instance(box.table, i, ATTEMPT_RELOAD, 2),
                     1);
    assert_int_equal(instance_close(i, 10, &err), -EBUSY);
    instance_abandon(i);
    instance_abandon(i);
    assert_int_equal(instance_zombies(), 1);
    instance_unref(&i);
    a = box_next(&box);
    attempt_free(&a);
    yard_let_go(&yard);
    assert_int_equal(pthread_join(t, NULL), 0);
    assert_int_equal(instance_zombies(), 0);
    assert_int_equal(plugin_loader_kept(yard.loader), 1);
}

static void zones_must_exist(void **state)
{
    struct instance_settings set = {.app = app_name_s("a"),
                                    .timezone = "Middle/Earth"};
    struct plugin_instance *i = NULL;
    struct err err = {0};

    (void)state;
    yard_put(&yard, "fix_good", "fix_good");
    set.object = yard_load(&yard, "fix_good");
    assert_int_equal(instance_new(&set, &i, &err), -ENOENT);
    assert_null(i);
    plugin_object_unref(&set.object);
}

/* ---- services ------------------------------------------------------------ */

static void settings_reach_the_plugin(void **state)
{
    char n1[] = "text", v1[] = "a text", n2[] = "number", v2[] = "0x9";
    char n3[] = "wait", v3[] = "30s", n4[] = "secret", v4[] = "s3cret";
    char n5[] = "yes", v5[] = "false";
    struct conf_plugin_setting s[] = {
        {.name = n1, .value = v1, .kind = 's'},
        {.name = n2, .value = v2, .kind = 'i'},
        {.name = n4, .value = v4, .kind = 's'},
        {.name = n5, .value = v5, .kind = 'b'},
        {.name = n3, .value = v3, .kind = 's'},
    };
    struct plugin_instance *i;
    struct attempt *a;
    struct err err = {0};

    (void)state;
    i = yard_new(&yard, "fix_settings", s, 5, box.table);
    assert_int_equal(instance_init(i, YARD_PATIENCE_MS, &err), 0);
    a = box_result(&box, i, 1, NULL);
    assert_true(
        span_eqs(a->records->value, "a text 9 2.50 0 30000 s3cret - 0"));
    attempt_free(&a);
    yard_done(&i);
}

static void log_lines_and_metrics(void **state)
{
    struct plugin_instance *i = yard_ready(&yard, "fix_log", box.table);
    struct attempt *a;
    char path[300], *text;
    size_t len;
    int fd;

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/log", yard.dir);
    fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    log_set_fd(fd);
    assert_int_equal(log_set_levels("debug", NULL), 0);
    a = box_result(&box, i, 42, NULL);
    log_set_fd(2);
    (void)log_set_levels("off", NULL);
    (void)close(fd);
    assert_int_equal(a->outcome, ONTIME_DONE);
    text = yard_read(path, &len);
    text[len] = '\0';
    assert_non_null(strstr(text, "level=warn module=plugin app=app_1 "
                                 "plugin=fix_log text=\"job 42 at 20"));
    assert_non_null(strstr(text, "level=error module=plugin app=app_1 "
                                 "plugin=fix_log text=\"level 99 is an"));
    assert_non_null(strstr(text, "level=debug module=plugin"));
    free(text);
    assert_int_equal(metric_get(metric_plugin("jobs_seen", "app_1")), 1);
    attempt_free(&a);
    yard_done(&i);
}

/* Without a table of attempts no token is good. */
static void without_attempts_all_is_stale(void **state)
{
    struct plugin_instance *i = yard_ready(&yard, "fix_good", NULL);
    struct ontime_instance *self = instance_handle(i);
    struct ontime_record rec = {.topic = "t"};
    struct ontime_followup next = {.due_ms = 1};
    struct ontime_result r = {.size = sizeof(r)};

    (void)state;
    assert_int_equal(plugin_host.emit(self, 1, &rec), -ESTALE);
    assert_int_equal(plugin_host.schedule(self, 1, &next), -ESTALE);
    assert_int_equal(plugin_host.complete(self, 1, &r), -ESTALE);
    assert_int_equal(plugin_host.cancelled(self, 1), 1);
    yard_done(&i);
}

int main(int argc, char **argv)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(life_from_new_to_closed),          T(init_refuses_with_its_text),
        T(init_that_hangs_is_left_behind),   T(close_that_hangs_is_left_behind),
        T(a_call_that_hangs_makes_a_zombie), T(zones_must_exist),
        T(settings_reach_the_plugin),        T(log_lines_and_metrics),
        T(without_attempts_all_is_stale),
    };

    yard_probe(argc, argv);
    (void)log_set_levels("off", NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
