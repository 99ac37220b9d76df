/* SPDX-License-Identifier: Apache-2.0
 *
 * plug/object.c - loaded plugins, shared by content; see object.h.
 *
 * Everything is under the loader's lock, which is held through probes and
 * dlopen: loads are serialized.  Nothing here is on the way of a job.
 */
#include "config.h"

#include "plug/object.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/list.h"
#include "plug/crash.h"
#include "plug/descriptor.h"
#include "plug/nearest.h"
#include "plug/open.h"
#include "plug/probe.h"
#include "plug/rundir.h"

#define PROBE_TIMEOUT_MS 5000
#define COPIES_MAX 8

struct plugin_loader {
    /* shared: any thread, under mtx */
    pthread_mutex_t mtx;
    struct list objects;
    struct rundir run;

    /* frozen at creation */
    char *dir, *program;
    int64_t probe_timeout_ms;
};

struct plugin_object {
    /* shared: under the loader's mtx */
    struct list link;
    unsigned refs;
    bool pinned;

    /* frozen at load */
    struct plugin_loader *loader;
    struct open_code code;
    char *name;
    char *path; /* the original file */
    char *copy;
    char hash[33];
};

/* ---- the loader ---------------------------------------------------------- */

int plugin_loader_new(const struct plugin_loader_settings *set,
                      struct plugin_loader **ret, struct err *err)
{
    const char *program = set->probe_program;
    struct plugin_loader *l = calloc(1, sizeof(*l));
    int r = -ENOMEM;

    if (l == NULL)
        return err_set(err, -ENOMEM, "out of memory");
    l->run.lock = -1;
    list_init(&l->objects);
    (void)pthread_mutex_init(&l->mtx, NULL);
    l->dir = strdup(set->plugins_dir);
    l->program = strdup(program != NULL ? program : "/proc/self/exe");
    l->probe_timeout_ms =
        set->probe_timeout_ms > 0 ? set->probe_timeout_ms : PROBE_TIMEOUT_MS;
    if (l->dir == NULL || l->program == NULL) {
        (void)err_set(err, -ENOMEM, "out of memory");
        goto out;
    }
    r = rundir_open(&l->run, set->run_dir, err);
    if (r < 0)
        goto out;
    *ret = l;
    l = NULL;
out:
    plugin_loader_free(&l);
    return r;
}

static void object_free(struct plugin_object *o)
{
    free(o->name);
    free(o->path);
    free(o->copy);
    free(o);
}

void plugin_loader_free(struct plugin_loader **pl)
{
    struct plugin_loader *l = *pl;
    struct list *e;

    *pl = NULL;
    if (l == NULL)
        return;
    while ((e = list_pop(&l->objects)) != NULL) {
        struct plugin_object *o = list_of(e, struct plugin_object, link);

        assert(o->refs == 0);
        object_free(o); /* the code stays mapped */
    }
    rundir_close(&l->run);
    (void)pthread_mutex_destroy(&l->mtx);
    free(l->dir);
    free(l->program);
    free(l);
}

const char *plugin_loader_dir(const struct plugin_loader *l)
{
    return l->dir;
}

unsigned plugin_loader_kept(struct plugin_loader *l)
{
    unsigned n = 0;

    (void)pthread_mutex_lock(&l->mtx);
    for (struct list *e = l->objects.next; e != &l->objects; e = e->next)
        n += list_of(e, struct plugin_object, link)->refs == 0;
    (void)pthread_mutex_unlock(&l->mtx);
    return n;
}

/* ---- loading ------------------------------------------------------------- */

/* -ENOENT that names the plugin in the directory that was perhaps meant. */
static int not_there(const struct plugin_loader *l, const char *name,
                     const char *path, struct err *err)
{
    struct nearest near;
    char best[256] = "";
    struct dirent *e;
    DIR *d = opendir(l->dir);

    if (d == NULL)
        return err_sys(err, errno, "%s: plugins.dir %s", path, l->dir);
    nearest_begin(&near, name);
    while ((e = readdir(d)) != NULL) {
        size_t len = strlen(e->d_name);

        if (len <= 3 || strcmp(e->d_name + len - 3, ".so") != 0)
            continue;
        e->d_name[len - 3] = '\0';
        if (nearest_offer(&near, e->d_name))
            (void)snprintf(best, sizeof(best), "%s", e->d_name);
    }
    (void)closedir(d);
    return err_set(err, -ENOENT, "%s: no such file%s%s%s", path,
                   best[0] != '\0' ? "; did you mean " : "", best,
                   best[0] != '\0' ? "?" : "");
}

static struct plugin_object *find(struct plugin_loader *l, const char *name,
                                  const char *hash)
{
    for (struct list *e = l->objects.next; e != &l->objects; e = e->next) {
        struct plugin_object *o = list_of(e, struct plugin_object, link);

        if (strcmp(o->name, name) == 0 && strcmp(o->hash, hash) == 0)
            return o;
    }
    return NULL;
}

struct file { /* a plugin's file in memory */
    const char *name;
    char *path;
    void *data;
    size_t len;
    char hash[33];
};

static int file_read(const struct plugin_loader *l, const char *name,
                     struct file *ret, struct err *err)
{
    int r = descriptor_name_check(name, err);

    if (r < 0)
        return r;
    ret->name = name;
    if (asprintf(&ret->path, "%s/%s.so", l->dir, name) < 0) {
        ret->path = NULL;
        return err_set(err, -ENOMEM, "out of memory");
    }
    r = rundir_read(ret->path, &ret->data, &ret->len, err);
    if (r == -ENOENT)
        return not_there(l, name, ret->path, err);
    if (r < 0)
        return r;
    rundir_hash(ret->data, ret->len, ret->hash);
    return 0;
}

static void file_done(struct file *f)
{
    free(f->path);
    free(f->data);
}

/* Copies, probes and opens.  When the linker takes the copy for an older file
 * (its inode was used before), another copy gets another inode and path. */
static int open_copy(struct plugin_loader *l, const struct file *f,
                     struct plugin_object *o, struct err *err)
{
    char *copies[COPIES_MAX] = {NULL};
    char hash[33];
    const struct rundir_file copy = {
        .name = f->name, .hash = hash, .data = f->data, .len = f->len};
    int r = -EEXIST;

    memcpy(hash, f->hash, sizeof(hash));
    for (int i = 0; r == -EEXIST && i < COPIES_MAX; i++) {
        if (i > 0)
            hash[0] = hash[0] == '0' + (char)i ? 'f' : (char)('0' + i);
        r = rundir_write(&l->run, &copy, &copies[i], err);
        if (r == 0 && i == 0)
            r = plugin_probe(l->program, copies[i], l->probe_timeout_ms, err);
        if (r == 0)
            r = open_code(copies[i], f->name, &o->code, err);
        if (r == 0) {
            o->copy = copies[i];
            copies[i] = NULL;
        }
    }
    for (int i = 0; i < COPIES_MAX; i++) {
        if (copies[i] != NULL)
            (void)unlink(copies[i]);
        free(copies[i]);
    }
    return r;
}

static int load_new(struct plugin_loader *l, struct file *f,
                    struct plugin_object **ret, struct err *err)
{
    struct plugin_object *o = calloc(1, sizeof(*o));
    int r = -ENOMEM;

    if (o != NULL)
        o->name = strdup(f->name);
    if (o == NULL || o->name == NULL) {
        (void)err_set(err, -ENOMEM, "out of memory");
        goto out;
    }
    r = open_copy(l, f, o, err);
    if (r < 0) {
        (void)err_wrap(err, "%s", f->path);
        goto out;
    }
    o->loader = l;
    o->path = f->path;
    f->path = NULL;
    memcpy(o->hash, f->hash, sizeof(o->hash));
    list_push(&l->objects, &o->link);
    if (o->code.lo != NULL)
        crash_add_code(o->code.lo, o->code.hi, o->code.plugin.name,
                       o->code.plugin.version);
    *ret = o;
    o = NULL;
out:
    if (o != NULL)
        object_free(o);
    return r;
}

int plugin_object_load(struct plugin_loader *l, const char *name,
                       struct plugin_object **ret, struct err *err)
{
    struct file f = {0};
    struct plugin_object *o;
    int r;

    (void)pthread_mutex_lock(&l->mtx);
    r = file_read(l, name, &f, err);
    if (r < 0)
        goto out;
    o = find(l, name, f.hash);
    if (o == NULL) {
        r = load_new(l, &f, &o, err);
        if (r < 0)
            goto out;
    }
    o->refs++;
    *ret = o;
out:
    (void)pthread_mutex_unlock(&l->mtx);
    file_done(&f);
    return r;
}

bool plugin_object_current(const struct plugin_object *o)
{
    struct file f = {0};
    bool same = file_read(o->loader, o->name, &f, NULL) == 0 &&
                strcmp(f.hash, o->hash) == 0;

    file_done(&f);
    return same;
}

/* ---- references ---------------------------------------------------------- */

struct plugin_object *plugin_object_ref(struct plugin_object *o)
{
    (void)pthread_mutex_lock(&o->loader->mtx);
    o->refs++;
    (void)pthread_mutex_unlock(&o->loader->mtx);
    return o;
}

static bool may_unload(const struct plugin_object *o)
{
#ifdef KEEP_PLUGINS_MAPPED
    (void)o;
    return false;
#else
    uint32_t flags = o->code.plugin.flags;

    return !o->pinned && (flags & ONTIME_UNLOADABLE) != 0 &&
           (flags & ONTIME_RESIDENT) == 0;
#endif
}

void plugin_object_unref(struct plugin_object **po)
{
    struct plugin_object *o = *po;
    struct plugin_loader *l;

    *po = NULL;
    if (o == NULL)
        return;
    l = o->loader;
    (void)pthread_mutex_lock(&l->mtx);
    assert(o->refs > 0);
    if (--o->refs == 0 && may_unload(o)) {
        list_remove(&o->link);
        if (o->code.lo != NULL)
            crash_remove_code(o->code.lo);
        open_close(&o->code);
        (void)unlink(o->copy);
        object_free(o);
    }
    (void)pthread_mutex_unlock(&l->mtx);
}

void plugin_object_pin(struct plugin_object *o)
{
    (void)pthread_mutex_lock(&o->loader->mtx);
    o->pinned = true;
    (void)pthread_mutex_unlock(&o->loader->mtx);
}

const struct ontime_plugin *plugin_object_plugin(const struct plugin_object *o)
{
    return &o->code.plugin;
}

const char *plugin_object_name(const struct plugin_object *o)
{
    return o->name;
}

const char *plugin_object_version(const struct plugin_object *o)
{
    return o->code.plugin.version;
}

const char *plugin_object_path(const struct plugin_object *o)
{
    return o->path;
}

const char *plugin_object_hash(const struct plugin_object *o)
{
    return o->hash;
}
