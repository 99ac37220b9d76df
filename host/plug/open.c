/* SPDX-License-Identifier: Apache-2.0
 *
 * plug/open.c - dlopen and the checks behind it; see open.h.  Also what the
 * probe's child runs, a process of one thread.
 */
#include "config.h"

#include "plug/open.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "plug/descriptor.h"
#include "plug/probe.h"

#define SYMBOL "ontime_plugin"

/* dlerror's text without the path that it begins with: people do not know the
 * copy's name. */
static int loader_error(const char *path, struct err *err)
{
    const char *text = dlerror();
    const char *cure = "";

    if (text == NULL)
        text = "the dynamic linker says no";
    if (strncmp(text, path, strlen(path)) == 0 &&
        strncmp(text + strlen(path), ": ", 2) == 0)
        text += strlen(path) + 2;
    if (strstr(text, "Operation not permitted") != NULL)
        cure = " (is plugins.run_dir on a file system mounted noexec?)";
    return err_set(err, -ENOEXEC, "cannot be loaded: %s%s", text, cure);
}

/* Whether the handle is of that path, and not of an older file that the linker
 * takes for the same. */
static bool is_of(void *handle, const char *path)
{
    struct link_map *map = NULL;

    if (dlinfo(handle, RTLD_DI_LINKMAP, &map) < 0 || map == NULL)
        return false;
    return strcmp(map->l_name, path) == 0;
}

struct find_code {
    const char *path;
    struct open_code *code;
};

static int find_one(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct find_code *f = arg;

    (void)size;
    if (strcmp(info->dlpi_name, f->path) != 0)
        return 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];

        if (p->p_type != PT_LOAD || (p->p_flags & PF_X) == 0)
            continue;
        /* An address as a number is all that the linker gives. */
        f->code->lo = (const void *)(info->dlpi_addr + p->p_vaddr);
        f->code->hi = (const char *)f->code->lo + p->p_memsz;
    }
    return 1;
}

int open_code(const char *path, const char *name, struct open_code *ret,
              struct err *err)
{
    struct open_code c = {0};
    struct find_code find = {.path = path, .code = &c};
    const void *symbol;
    int r;

    (void)dlerror();
    c.handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (c.handle == NULL)
        return loader_error(path, err);
    if (!is_of(c.handle, path)) {
        r = err_set(err, -EEXIST, "the dynamic linker gave another file");
        goto out;
    }
    symbol = dlsym(c.handle, SYMBOL);
    if (symbol == NULL) {
        r = err_set(err, -ENOEXEC,
                    "exports no \"" SYMBOL "\": is it a plugin? The "
                    "descriptor must be marked ONTIME_PLUGIN_EXPORT");
        goto out;
    }
    r = descriptor_check(symbol, name, &c.plugin, err);
    if (r < 0)
        goto out;
    (void)dl_iterate_phdr(find_one, &find);
    *ret = c;
    c.handle = NULL;
out:
    if (c.handle != NULL)
        (void)dlclose(c.handle);
    return r;
}

void open_close(struct open_code *c)
{
    if (c->handle != NULL)
        (void)dlclose(c->handle);
    *c = (struct open_code){0};
}

/* ---- the probe's child --------------------------------------------------- */

/* The plugin's name from "/dir/name-<32 hex>.so" or "/dir/name.so". */
static void name_of(const char *path, char *ret, size_t cap)
{
    const char *base = strrchr(path, '/');
    size_t len;

    (void)snprintf(ret, cap, "%s", base != NULL ? base + 1 : path);
    len = strlen(ret);
    if (len > 3 && strcmp(ret + len - 3, ".so") == 0)
        ret[len -= 3] = '\0';
    if (len > 33 && ret[len - 33] == '-' &&
        strspn(ret + len - 32, "0123456789abcdef") == 32)
        ret[len - 33] = '\0';
}

int plugin_probe_main(const char *path)
{
    const struct rlimit none = {0};
    struct open_code c;
    struct err err;
    char name[256];

    /* A crash here is expected; no core file, and not longer than the host. */
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    name_of(path, name, sizeof(name));
    if (open_code(path, name, &c, &err) < 0) {
        (void)printf("%s\n", err.text);
        return fflush(stdout) == 0 ? 1 : 2;
    }
    (void)printf("%s %s abi=%u.%u\n", c.plugin.name, c.plugin.version,
                 c.plugin.abi >> 16, c.plugin.abi & 0xffffu);
    if ((c.plugin.flags & ONTIME_UNLOADABLE) != 0 &&
        (c.plugin.flags & ONTIME_RESIDENT) == 0)
        open_close(&c); /* a destructor that crashes is told too */
    return fflush(stdout) == 0 ? 0 : 2;
}
