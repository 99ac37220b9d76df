/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_plug_torture.c - every allocation of loading, instances and
 * attempts fails once: an answer, nothing lost, nothing half made.
 */
#include "config.h"

#include "plug_box.h"
#include "torture.h"

#include "base/log.h"
#include "plug/host.h"

static struct yard yard;

static int setup(void **state)
{
    (void)state;
    yard_open(&yard, YARD_PATIENCE_MS);
    yard_put(&yard, "fix_good", "fix_good");
    yard_put(&yard, "fix_settings", "fix_settings");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    yard_close(&yard);
    return 0;
}

static void loading(void **state)
{
    const struct plugin_loader_settings set = {.plugins_dir = yard.dir,
                                               .run_dir = yard.run};

    (void)state;
    TORTURE({
        struct plugin_loader *l = NULL;
        struct plugin_object *o = NULL;
        struct err err = {0};
        int r = plugin_loader_new(&set, &l, &err);

        if (r == 0)
            r = plugin_object_load(l, "fix_good", &o, &err);
        assert_true(r == 0 || r == -ENOMEM);
        assert_int_equal(r == 0, o != NULL);
        plugin_object_unref(&o);
        plugin_loader_free(&l);
    });
}

static void settings(void **state)
{
    struct plugin_object *o = yard_load(&yard, "fix_settings");
    char n1[] = "text", v1[] = "x", n2[] = "secret", v2[] = "y", app[] = "a";
    struct conf_plugin_setting s[] = {
        {.name = n1, .value = v1, .kind = 's', .file = "f"},
        {.name = n2, .value = v2, .kind = 's', .file = "f"}};
    const struct conf_app conf = {
        .name = app, .file = "f", .settings = s, .setting_count = 2};

    (void)state;
    TORTURE({
        struct plugin_config *c = NULL;
        struct plugin_instance *i = NULL;
        struct err err = {0};
        struct instance_settings set = {.app = app_name_s("a"), .object = o};
        int r = plugin_config_check(&conf, plugin_object_plugin(o)->settings,
                                    &c, NULL, &err);

        assert_int_equal(r == 0, c != NULL);
        set.config = c;
        if (r == 0)
            r = instance_new(&set, &i, &err);
        assert_true(r == 0 || r == -ENOMEM);
        assert_int_equal(r == 0, i != NULL);
        plugin_config_free(&set.config); /* still ours when it failed */
        instance_unref(&i);
    });
    plugin_object_unref(&o);
}

static void nobody(void *arg, struct attempt *a)
{
    *(struct attempt **)arg = a;
}

/* One attempt with records, a chunk of its own, a follow-up and a message. */
static int one_attempt(struct attempt_table *t, struct plugin_instance *i,
                       struct job **j, struct attempt *const *ended)
{
    static const char big[5000];
    const struct ontime_record small = {
        .topic = "out", .value = {"v", 1}, .partition = -1};
    const struct ontime_record large = {
        .topic = "out", .value = {big, sizeof(big)}, .partition = -1};
    const struct ontime_followup next = {.payload = {big, sizeof(big)}};
    const struct ontime_result done = {
        .size = sizeof(done), .outcome = ONTIME_DONE, .message = big + 1};
    struct ontime_instance *self = instance_handle(i);
    struct attempt *a;
    int r =
        attempt_open(t, i, &(struct attempt_start){.job = *j, .now_ms = 1}, &a);
    uint64_t token;

    if (r < 0)
        return r;
    *j = NULL; /* taken over */
    token = a->token;
    r = plugin_host.emit(self, token, &small);
    if (r == 0)
        r = plugin_host.emit(self, token, &large);
    if (r == 0)
        r = plugin_host.schedule(self, token, &next);
    assert_true(r == 0 || r == -ENOMEM);
    assert_int_equal(plugin_host.complete(self, token, &done), 0);
    /* a record that was lost for want of memory: again later, not DONE */
    assert_int_equal((*ended)->outcome, r == 0 ? ONTIME_DONE : ONTIME_RETRY);
    a = *ended;
    assert_int_equal(attempt_run(a), 0); /* runs nothing: lets go of it */
    *j = attempt_take_job(a);
    attempt_free(&a);
    return r;
}

static void attempts(void **state)
{
    struct attempt *ended = NULL;
    const struct attempt_table_settings set = {
        .capacity = 1, .ended = nobody, .arg = &ended};
    struct attempt_table *t = NULL;
    struct plugin_instance *i;
    struct job *j = yard_job(1, "x");

    (void)state;
    TORTURE({
        struct attempt_table *one = NULL;
        int r = attempt_table_new(&set, &one, NULL);

        assert_true(r == 0 || r == -ENOMEM);
        attempt_table_free(&one);
    });
    assert_int_equal(attempt_table_new(&set, &t, NULL), 0);
    i = yard_ready(&yard, "fix_good", t);
    TORTURE({
        int r = one_attempt(t, i, &j, &ended);

        assert_true(r == 0 || r == -ENOMEM);
        assert_non_null(j);
        assert_int_equal(attempt_table_used(t), 0);
        assert_int_equal(instance_open_attempts(i), 0);
    });
    job_free(&j);
    yard_done(&i);
    attempt_table_free(&t);
}

int main(int argc, char **argv)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {T(loading), T(settings), T(attempts)};

    yard_probe(argc, argv);
    (void)log_set_levels("off", NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
