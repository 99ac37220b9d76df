/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_plug_registry.c - reload as all or nothing: what is carried
 * over, what is made anew, and that an error changes nothing.
 */
#include "config.h"

#include "plug_box.h"

#include "base/log.h"
#include "plug/registry.h"

static struct yard yard;
static struct box box;

static int setup(void **state)
{
    (void)state;
    yard_open(&yard, YARD_PATIENCE_MS);
    box_open(&box, 64, 1u << 16);
    yard_put(&yard, "fix_good", "fix_good");
    yard_put(&yard, "fix_serial", "fix_serial");
    yard_put(&yard, "fix_settings", "fix_settings");
    yard_put(&yard, "fix_init_fail", "fix_init_fail");
    yard_put(&yard, "fix_hang", "fix_hang");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    box_close(&box);
    yard_close(&yard);
    return 0;
}

static struct conf *conf_of(const char *text)
{
    char path[300];
    struct conf_input in = {.file = path};
    struct conf *c = NULL;
    struct err err = {0};

    (void)snprintf(path, sizeof(path), "%s/scheduler.cfg", yard.dir);
    yard_write(path, text, strlen(text));
    if (conf_load(&in, &c, NULL, &err) < 0)
        fail_msg("%s", err.text);
    return c;
}

static int build_of(const char *text, struct registry *old,
                    struct registry **ret, char **report, struct err *err)
{
    const struct registry_settings set = {
        .loader = yard.loader, .attempts = box.table, .init_timeout_ms = 5000};
    struct conf *c = conf_of(text);
    int r = registry_build(c, old, &set, ret, report, err);

    conf_unref(&c);
    return r;
}

static struct registry *build(const char *text, struct registry *old)
{
    struct registry *r = NULL;
    struct err err = {0};

    if (build_of(text, old, &r, NULL, &err) < 0)
        fail_msg("%s", err.text);
    return r;
}

/* Swaps as the app module does: returns how many instances were replaced. */
static size_t swap(struct registry **old, struct registry *fresh)
{
    struct plugin_instance *i;
    size_t n = 0;

    while ((i = registry_replaced(*old, fresh, n)) != NULL) {
        yard_done(&i);
        n++;
    }
    registry_unref(old);
    *old = fresh;
    return n;
}

static const struct registry_app *app(const struct registry *r, const char *n)
{
    return registry_find(r, app_name_s(n));
}

#define BASE                                                                   \
    "apps: { one: { plugin = \"fix_good\"; };"                                 \
    " two: { plugin = \"fix_serial\"; };"                                      \
    " off: { plugin = \"not_there\"; enabled = false; }; };"

static void apps_are_found(void **state)
{
    struct registry *r = build(BASE, NULL);

    (void)state;
    assert_int_equal(registry_count(r), 3);
    assert_ptr_equal(registry_at(r, 0), app(r, "one"));
    assert_null(registry_at(r, 3));
    assert_null(app(r, "three"));
    assert_null(registry_find(r, NULL));
    assert_null(app(r, "off")->instance); /* parked: its plugin may be away */
    assert_string_equal(app(r, "off")->conf->name, "off");
    assert_string_equal(instance_state_name(app(r, "one")->instance), "ready");
    assert_ptr_equal(registry_conf(r)->apps, app(r, "one")->conf);
    assert_int_equal(swap(&r, NULL), 2);
}

static void the_unchanged_are_carried_over(void **state)
{
    struct registry *r = build(BASE, NULL), *fresh;
    struct plugin_instance *one = app(r, "one")->instance;

    (void)state;
    fresh = build(BASE, r);
    assert_ptr_equal(app(fresh, "one")->instance, one);
    assert_int_equal(swap(&r, fresh), 0);
    /* what is not the plugin's business does not disturb it */
    fresh = build("apps: { one: { plugin = \"fix_good\"; "
                  "retry: { max_attempts = 9; }; }; "
                  "two: { plugin = \"fix_serial\"; }; };",
                  r);
    assert_ptr_equal(app(fresh, "one")->instance, one);
    assert_int_equal(app(fresh, "one")->conf->max_attempts, 9);
    assert_int_equal(swap(&r, fresh), 0);
    assert_int_equal(swap(&r, NULL), 2);
}

static void the_changed_are_made_anew(void **state)
{
    struct registry *r = build(BASE, NULL), *fresh;
    struct plugin_instance *one = app(r, "one")->instance;
    struct plugin_instance *two = app(r, "two")->instance;
    struct attempt *a;

    (void)state;
    yard_put(&yard, "fix_good2", "fix_good"); /* another file */
    fresh = build(BASE, r);
    assert_ptr_not_equal(app(fresh, "one")->instance, one);
    assert_ptr_equal(app(fresh, "two")->instance, two);
    a = box_result(&box, one, 1, NULL); /* the old serves until the swap */
    assert_true(span_eqs(a->records->value, "version 1.0"));
    attempt_free(&a);
    assert_int_equal(swap(&r, fresh), 1);
    one = app(r, "one")->instance;
    a = box_result(&box, one, 1, NULL);
    assert_true(span_eqs(a->records->value, "version 2.0"));
    attempt_free(&a);

    fresh = build("apps: { one: { plugin = \"fix_good\"; settings: { "
                  "greeting = \"hi\"; }; }; two: { plugin = \"fix_serial\"; "
                  "timezone = \"Europe/Paris\"; }; };",
                  r);
    assert_ptr_not_equal(app(fresh, "one")->instance, one);
    assert_ptr_not_equal(app(fresh, "two")->instance, two);
    assert_string_equal(instance_timezone(app(fresh, "two")->instance),
                        "Europe/Paris");
    assert_int_equal(swap(&r, fresh), 2);
    fresh = build("apps: { two: { plugin = \"fix_serial\"; timezone = "
                  "\"Europe/Paris\"; }; };",
                  r);
    assert_null(app(fresh, "one"));
    assert_int_equal(swap(&r, fresh), 1); /* removed */
    assert_int_equal(swap(&r, NULL), 1);
}

/* Fails to build and leaves everything as it was. */
static void fails(struct registry *r, const char *text, const char *needle)
{
    struct plugin_instance *one = app(r, "one")->instance;
    struct registry *fresh = NULL;
    struct attempt *a;
    char *report = NULL;
    struct err err = {0};

    assert_true(build_of(text, r, &fresh, &report, &err) < 0);
    assert_null(fresh);
    assert_non_null(report);
    if (strstr(err.text, needle) == NULL || strstr(report, needle) == NULL)
        fail_msg("\"%s\" is not in \"%s\" and \"%s\"", needle, err.text,
                 report);
    assert_non_null(strstr(err.text, "scheduler.cfg:"));
    free(report);
    assert_ptr_equal(app(r, "one")->instance, one);
    a = box_result(&box, one, 1, NULL);
    assert_int_equal(a->outcome, ONTIME_DONE);
    attempt_free(&a);
}

static void an_error_changes_nothing(void **state)
{
    struct registry *r = build(BASE, NULL);

    (void)state;
    fails(r, "apps: { x: { plugin = \"fix_god\"; }; };",
          "app x: plugin fix_god: ");
    fails(r, "apps: { x: { plugin = \"fix_god\"; }; };",
          "did you mean fix_good?");
    fails(r,
          "apps: { one: { plugin = \"fix_good\"; };\n"
          " x: { plugin = \"fix_settings\"; }; };",
          "scheduler.cfg:2: app x: text: is missing");
    /* one is new (a changed setting) and is init'ed before x refuses */
    fails(r,
          "apps: { one: { plugin = \"fix_good\"; settings: { greeting = "
          "\"hi\"; }; };\n x: { plugin = \"fix_init_fail\"; }; };",
          "app x: plugin fix_init_fail: the moon is not in the right phase");
    yard_put(&yard, "fix_ctor_crash", "fix_ctor_crash");
    fails(r, "apps: { x: { plugin = \"fix_ctor_crash\"; }; };",
          "crashed with SIGSEGV");
    assert_int_equal(swap(&r, NULL), 2);
}

static void all_errors_are_in_the_report(void **state)
{
    struct registry *r = NULL;
    char *report = NULL;
    struct err err = {0};

    (void)state;
    assert_true(build_of("apps: { a: { plugin = \"fix_settings\"; settings: { "
                         "number = 99; }; }; b: { plugin = \"none\"; }; c: { "
                         "plugin = \"fix_init_fail\"; }; };",
                         NULL, &r, &report, &err) < 0);
    assert_non_null(strstr(report, "app a: number: must be between 1 and 10"));
    assert_non_null(strstr(report, "app a: text: is missing"));
    assert_non_null(strstr(report, "app b: plugin none: "));
    assert_null(strstr(report, "moon")); /* no init after the first half */
    free(report);
}

static void an_init_that_hangs_is_refused(void **state)
{
    struct registry_settings set = {
        .loader = yard.loader, .attempts = box.table, .init_timeout_ms = 50};
    struct registry *r = NULL;
    struct err err = {0};
    char text[600];
    struct conf *c;

    (void)state;
    (void)snprintf(text, sizeof(text),
                   "apps: { a: { plugin = \"fix_hang\"; settings: { where = "
                   "\"init\"; release = \"%s\"; }; }; };",
                   yard.release);
    c = conf_of(text);
    assert_int_equal(registry_build(c, NULL, &set, &r, NULL, &err), -ETIMEDOUT);
    assert_non_null(strstr(err.text, "init did not come back within 50 ms"));
    assert_int_equal(instance_zombies(), 1);
    conf_unref(&c);
    yard_let_go(&yard);
    yard_until(instance_zombies() == 0);
    yard_until(plugin_loader_kept(yard.loader) == 1);
}

static void check_runs_no_init(void **state)
{
    struct conf *c = conf_of("apps: { a: { plugin = \"fix_init_fail\"; }; };");
    char *report = NULL;
    struct err err = {0};

    (void)state;
    assert_int_equal(registry_check(c, yard.loader, &report, &err), 0);
    assert_null(report);
    conf_unref(&c);
    c = conf_of("apps: { a: { plugin = \"fix_settings\"; }; };");
    assert_int_equal(registry_check(c, yard.loader, &report, &err), -EINVAL);
    assert_non_null(strstr(report, "text: is missing"));
    free(report);
    conf_unref(&c);
}

int main(int argc, char **argv)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(apps_are_found),
        T(the_unchanged_are_carried_over),
        T(the_changed_are_made_anew),
        T(an_error_changes_nothing),
        T(all_errors_are_in_the_report),
        T(an_init_that_hangs_is_refused),
        T(check_runs_no_init),
    };

    yard_probe(argc, argv);
    (void)log_set_levels("off", NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
