/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/plug_yard.h - a directory of plugins of a test's own, and what it
 * takes to load one and run jobs in it.  The program's main must begin with
 * yard_probe(): it is also the program that probes.
 */
#ifndef ONTIME_TESTS_PLUG_YARD_H
#define ONTIME_TESTS_PLUG_YARD_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "plug/attempt.h"
#include "plug/instance.h"
#include "plug/object.h"
#include "plug/probe.h"

#define YARD_UNUSED __attribute__((unused))
#define YARD_PATIENCE_MS 20000

struct yard {
    char dir[200];     /* plugins.dir */
    char run[210];     /* plugins.run_dir */
    char release[230]; /* the file that fix_hang waits for */
    struct plugin_loader *loader;
};

/* In main: runs the probe when that is what this process is for. */
#define yard_probe(argc, argv)                                                 \
    do {                                                                       \
        if ((argc) == 3 && strcmp((argv)[1], "--probe") == 0)                  \
            return plugin_probe_main((argv)[2]);                               \
    } while (0)

YARD_UNUSED static void yard_step(void)
{
    const struct timespec step = {.tv_nsec = 1000000};

    (void)nanosleep(&step, NULL);
}

/* Polls until the condition holds; fails the test when it never does. */
#define yard_until(condition)                                                  \
    do {                                                                       \
        int64_t end = clock_boot_ms() + YARD_PATIENCE_MS;                      \
        while (!(condition)) {                                                 \
            if (clock_boot_ms() > end)                                         \
                fail_msg("never: %s", #condition);                             \
            yard_step();                                                       \
        }                                                                      \
    } while (0)

YARD_UNUSED static void yard_source(char *path, size_t cap, const char *fixture)
{
    const char *builddir = getenv("builddir");

    (void)snprintf(path, cap, "%s/tests/fixtures/.libs/%s.so",
                   builddir != NULL ? builddir : ".", fixture);
}

YARD_UNUSED static void yard_write(const char *path, const void *data,
                                   size_t len)
{
    char temp[300];
    FILE *f;

    (void)snprintf(temp, sizeof(temp), "%s.new", path);
    f = fopen(temp, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(rename(temp, path), 0);
}

YARD_UNUSED static char *yard_read(const char *path, size_t *len)
{
    FILE *f = fopen(path, "rb");
    char *data = malloc(8u << 20);

    if (f == NULL)
        fail_msg("%s is not there", path);
    assert_non_null(data);
    *len = fread(data, 1, 8u << 20, f);
    (void)fclose(f);
    return data;
}

/* Puts the fixture into plugins.dir under a name, as people do: by rename. */
YARD_UNUSED static void yard_put(const struct yard *y, const char *fixture,
                                 const char *as)
{
    char from[400], to[280];
    size_t len;
    char *data;

    yard_source(from, sizeof(from), fixture);
    (void)snprintf(to, sizeof(to), "%s/%s.so", y->dir, as);
    data = yard_read(from, &len);
    yard_write(to, data, len);
    free(data);
}

YARD_UNUSED static void yard_loader(struct yard *y, int64_t probe_ms)
{
    const struct plugin_loader_settings set = {
        .plugins_dir = y->dir, .run_dir = y->run, .probe_timeout_ms = probe_ms};
    struct err err = {0};

    if (plugin_loader_new(&set, &y->loader, &err) < 0)
        fail_msg("%s", err.text);
}

YARD_UNUSED static void yard_open(struct yard *y, int64_t probe_ms)
{
    const char *tmp = getenv("TMPDIR");

    memset(y, 0, sizeof(*y));
    (void)snprintf(y->dir, sizeof(y->dir), "%s/ontime-plug-XXXXXX",
                   tmp != NULL ? tmp : "/tmp");
    assert_non_null(mkdtemp(y->dir));
    (void)snprintf(y->run, sizeof(y->run), "%s/run", y->dir);
    (void)snprintf(y->release, sizeof(y->release), "%s/release", y->dir);
    yard_loader(y, probe_ms);
}

YARD_UNUSED static void yard_empty(const char *dir)
{
    DIR *d = opendir(dir);
    struct dirent *e;

    if (d == NULL)
        return;
    while ((e = readdir(d)) != NULL) {
        char path[520];

        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        (void)snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
        if (unlink(path) < 0)
            yard_empty(path);
    }
    (void)closedir(d);
    (void)rmdir(dir);
}

YARD_UNUSED static void yard_close(struct yard *y)
{
    plugin_loader_free(&y->loader);
    yard_empty(y->dir);
}

YARD_UNUSED static void yard_let_go(const struct yard *y)
{
    yard_write(y->release, "", 0);
}

YARD_UNUSED static struct plugin_object *yard_load(struct yard *y,
                                                   const char *name)
{
    struct plugin_object *o = NULL;
    struct err err = {0};

    if (plugin_object_load(y->loader, name, &o, &err) < 0)
        fail_msg("%s", err.text);
    return o;
}

/* A new instance of a fixture for app, not init'ed.  settings may be NULL. */
YARD_UNUSED static struct plugin_instance *yard_new(
    struct yard *y, const char *fixture, struct conf_plugin_setting *s,
    size_t count, struct attempt_table *t)
{
    char app[] = "app_1";
    struct conf_app conf = {.name = app,
                            .file = "test.cfg",
                            .line = 1,
                            .settings = s,
                            .setting_count = count};
    struct instance_settings set = {.app = app_name_s("app_1"), .attempts = t};
    struct plugin_instance *i = NULL;
    struct err err = {0};

    yard_put(y, fixture, fixture);
    set.object = yard_load(y, fixture);
    if (plugin_config_check(&conf, plugin_object_plugin(set.object)->settings,
                            &set.config, NULL, &err) < 0 ||
        instance_new(&set, &i, &err) < 0)
        fail_msg("%s", err.text);
    plugin_object_unref(&set.object);
    return i;
}

YARD_UNUSED static struct plugin_instance *yard_ready(struct yard *y,
                                                      const char *fixture,
                                                      struct attempt_table *t)
{
    char name[] = "release";
    struct conf_plugin_setting s = {
        .name = name, .value = y->release, .kind = 's', .file = "test.cfg"};
    struct plugin_instance *i =
        yard_new(y, fixture, &s, strcmp(fixture, "fix_hang") == 0, t);
    struct err err = {0};

    if (instance_init(i, YARD_PATIENCE_MS, &err) < 0)
        fail_msg("%s", err.text);
    return i;
}

YARD_UNUSED static void yard_done(struct plugin_instance **pi)
{
    struct err err = {0};

    instance_retire(*pi);
    yard_until(instance_idle(*pi));
    if (instance_close(*pi, YARD_PATIENCE_MS, &err) < 0)
        fail_msg("%s", err.text);
    instance_unref(pi);
}

YARD_UNUSED static struct job *yard_job(int64_t id, const char *payload)
{
    const struct job_text text = {
        .key = {"key", 3},
        .payload = {payload, payload != NULL ? strlen(payload) : 0}};
    struct job *j = job_new(app_name_s("app_1"), &text);

    assert_non_null(j);
    j->id = id;
    j->due_ms = j->scheduled_ms = 1763048400000; /* 2025-11-13 15:40:00 */
    return j;
}

#endif
