/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_plug_object.c - loading plugins: every refusal, and which
 * code one gets when files are replaced.
 */
#include "config.h"

#include "plug_yard.h"

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

/* Loading must be refused with that code and text. */
static void refused(const char *name, int code, const char *needle)
{
    struct plugin_object *o = NULL;
    struct err err = {0};
    int r = plugin_object_load(yard.loader, name, &o, &err);

    assert_null(o);
    if (strstr(err.text, needle) == NULL)
        fail_msg("\"%s\" is not in: %s", needle, err.text);
    assert_int_equal(r, code);
    assert_int_equal(err.code, code);
    assert_null(strchr(err.text, '\n'));
}

static void every_rule_has_its_message(void **state)
{
    static const struct {
        const char *fixture, *needle;
    } rules[] = {
        {"fix_nosymbol", "exports no \"ontime_plugin\""},
        {"fix_newer", "made for the newer ABI 1.1"},
        {"fix_major", "made for ABI 2.0, this host has 1.0"},
        {"fix_small", "its descriptor says size"},
        {"fix_flag", "flags that ABI 1.0 does not know: 0x40000000"},
        {"fix_nofunc", "no close function"},
        {"fix_lying", "it calls itself \"sms_retry\" but its file is fix_ly"},
        {"fix_version", "its version must be"},
        {"fix_rows", "size: its default \"11\": must be between 1 and 10"},
        {"fix_ctor_crash", "crashed with SIGSEGV when it was loaded"},
        {"fix_ctor_exit", "ended the trial process"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        yard_put(&yard, rules[i].fixture, rules[i].fixture);
        refused(rules[i].fixture, -ENOEXEC, rules[i].needle);
        refused(rules[i].fixture, -ENOEXEC, rules[i].fixture); /* the path */
    }
}

static void a_constructor_that_hangs_is_a_timeout(void **state)
{
    (void)state;
    plugin_loader_free(&yard.loader);
    yard_loader(&yard, 300);
    yard_put(&yard, "fix_ctor_hang", "fix_ctor_hang");
    refused("fix_ctor_hang", -ETIMEDOUT, "did not come back within 300 ms");
}

static void files_that_are_no_files(void **state)
{
    char path[260], from[400];
    size_t len;
    char *data;

    (void)state;
    yard_put(&yard, "fix_good", "fix_good");
    refused("fix_god", -ENOENT, "did you mean fix_good?");
    refused("entirely_different", -ENOENT, "no such file");
    refused("../fix_good", -EINVAL, "only A-Z, a-z, 0-9, _ and -");
    refused("", -EINVAL, "1 to 64 characters");

    (void)snprintf(path, sizeof(path), "%s/dir.so", yard.dir);
    assert_int_equal(mkdir(path, 0700), 0);
    refused("dir", -EINVAL, "not a regular file");
    (void)snprintf(path, sizeof(path), "%s/pipe.so", yard.dir);
    assert_int_equal(mkfifo(path, 0600), 0);
    refused("pipe", -EINVAL, "not a regular file");
    (void)snprintf(path, sizeof(path), "%s/empty.so", yard.dir);
    yard_write(path, "", 0);
    refused("empty", -ENOEXEC, "is empty");
    (void)snprintf(path, sizeof(path), "%s/text.so", yard.dir);
    yard_write(path, "#!/bin/sh\n", 10);
    refused("text", -ENOEXEC, "cannot be loaded:");

    yard_source(from, sizeof(from), "fix_good");
    data = yard_read(from, &len);
    (void)snprintf(path, sizeof(path), "%s/half.so", yard.dir);
    yard_write(path, data, len / 4);
    free(data);
    refused("half", -ENOEXEC, "half");
    if (geteuid() != 0) {
        assert_int_equal(chmod(path, 0), 0);
        refused("half", -EACCES, "Permission denied");
    }
}

static void equal_content_is_shared(void **state)
{
    struct plugin_object *a, *b;

    (void)state;
    yard_put(&yard, "fix_good", "fix_good");
    a = yard_load(&yard, "fix_good");
    yard_put(&yard, "fix_good", "fix_good"); /* another inode */
    assert_true(plugin_object_current(a));
    b = yard_load(&yard, "fix_good");
    assert_ptr_equal(a, b);
    assert_string_equal(plugin_object_name(a), "fix_good");
    assert_string_equal(plugin_object_version(a), "1.0");
    assert_int_equal(strlen(plugin_object_hash(a)), 32);
    assert_non_null(strstr(plugin_object_path(a), "/fix_good.so"));
    plugin_object_unref(&a);
    assert_null(a);
    assert_string_equal(plugin_object_plugin(b)->name, "fix_good");
    plugin_object_unref(&b);
}

static void a_replaced_file_is_other_code(void **state)
{
    struct plugin_object *one, *two, *again;

    (void)state;
    yard_put(&yard, "fix_good", "fix_good");
    one = yard_load(&yard, "fix_good");
    yard_put(&yard, "fix_good2", "fix_good");
    assert_false(plugin_object_current(one));
    two = yard_load(&yard, "fix_good");
    assert_ptr_not_equal(one, two);
    assert_string_equal(plugin_object_version(one), "1.0");
    assert_string_equal(plugin_object_version(two), "2.0");
    assert_ptr_not_equal(plugin_object_plugin(one)->execute,
                         plugin_object_plugin(two)->execute);
    yard_put(&yard, "fix_good", "fix_good");
    again = yard_load(&yard, "fix_good");
    assert_ptr_equal(again, one);
    plugin_object_unref(&again);
    plugin_object_unref(&two);
    plugin_object_unref(&one);
}

static size_t copies(void)
{
    char dir[520] = "";
    size_t n = 0;
    struct dirent *e;
    DIR *d = opendir(yard.run);

    assert_non_null(d);
    while ((e = readdir(d)) != NULL)
        if (strncmp(e->d_name, "run-", 4) == 0)
            (void)snprintf(dir, sizeof(dir), "%s/%s", yard.run, e->d_name);
    (void)closedir(d);
    d = opendir(dir);
    assert_non_null(d);
    while ((e = readdir(d)) != NULL)
        n += strstr(e->d_name, ".so") != NULL;
    (void)closedir(d);
    return n;
}

static void what_may_be_unloaded_is(void **state)
{
    struct plugin_object *o;

    (void)state;
    yard_put(&yard, "fix_good", "fix_good");
    yard_put(&yard, "fix_serial", "fix_serial");
    yard_put(&yard, "fix_code", "fix_code");
    o = yard_load(&yard, "fix_good"); /* UNLOADABLE */
    assert_int_equal(copies(), 1);
    plugin_object_unref(&o);
#ifdef KEEP_PLUGINS_MAPPED
    assert_int_equal(plugin_loader_kept(yard.loader), 1);
    return;
#endif
    assert_int_equal(copies(), 0);
    assert_int_equal(plugin_loader_kept(yard.loader), 0);

    o = yard_load(&yard, "fix_serial"); /* not UNLOADABLE */
    plugin_object_unref(&o);
    assert_int_equal(plugin_loader_kept(yard.loader), 1);
    assert_int_equal(copies(), 1);

    o = yard_load(&yard, "fix_code"); /* UNLOADABLE, but pinned */
    plugin_object_pin(o);
    plugin_object_unref(&o);
    assert_int_equal(plugin_loader_kept(yard.loader), 2);
}

/* Loads that fail leave no copy behind. */
static void refusals_leave_nothing(void **state)
{
    (void)state;
    yard_put(&yard, "fix_flag", "fix_flag");
    refused("fix_flag", -ENOEXEC, "flags");
    assert_int_equal(copies(), 0);
}

static void the_dead_are_buried(void **state)
{
    struct plugin_loader *living = yard.loader;
    char dead[300], file[340], lock[340];

    (void)state;
    (void)snprintf(dead, sizeof(dead), "%s/run-1-abcdef", yard.run);
    (void)snprintf(file, sizeof(file), "%s/fix-1.so", dead);
    (void)snprintf(lock, sizeof(lock), "%s/lock", dead);
    assert_int_equal(mkdir(dead, 0700), 0);
    yard_write(file, "x", 1);
    yard_write(lock, "", 0);
    yard_loader(&yard, 0);
    assert_int_equal(access(dead, F_OK), -1);
    plugin_loader_free(&yard.loader);
    yard.loader = living; /* its directory is locked, and still there */
    yard_put(&yard, "fix_good", "fix_good");
    {
        struct plugin_object *o = yard_load(&yard, "fix_good");

        plugin_object_unref(&o);
    }
}

static void a_directory_of_others_is_refused(void **state)
{
    struct plugin_loader_settings set = {.plugins_dir = yard.dir};
    struct plugin_loader *l = NULL;
    struct err err = {0};
    char path[260];

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/open", yard.dir);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(chmod(path, 0777), 0);
    set.run_dir = path;
    assert_int_equal(plugin_loader_new(&set, &l, &err), -EPERM);
    assert_non_null(strstr(err.text, "others may write to it"));
    assert_null(l);
    set.run_dir = "/nowhere/at/all";
    assert_int_equal(plugin_loader_new(&set, &l, &err), -ENOENT);
}

/* No program to probe with: an error, not a plugin that was never tried. */
static void no_probe_no_plugin(void **state)
{
    const struct plugin_loader_settings set = {.plugins_dir = yard.dir,
                                               .run_dir = yard.run,
                                               .probe_program = "/no/program"};
    struct plugin_object *o = NULL;
    struct err err = {0};

    (void)state;
    plugin_loader_free(&yard.loader);
    assert_int_equal(plugin_loader_new(&set, &yard.loader, &err), 0);
    yard_put(&yard, "fix_good", "fix_good");
    assert_int_equal(plugin_object_load(yard.loader, "fix_good", &o, &err),
                     -ENOENT);
    assert_non_null(strstr(err.text, "start /no/program"));
}

int main(int argc, char **argv)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(every_rule_has_its_message),
        T(a_constructor_that_hangs_is_a_timeout),
        T(files_that_are_no_files),
        T(equal_content_is_shared),
        T(a_replaced_file_is_other_code),
        T(what_may_be_unloaded_is),
        T(refusals_leave_nothing),
        T(the_dead_are_buried),
        T(a_directory_of_others_is_refused),
        T(no_probe_no_plugin),
    };

    yard_probe(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
