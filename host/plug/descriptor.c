/* SPDX-License-Identifier: Apache-2.0
 *
 * plug/descriptor.c - the checks of a descriptor; see descriptor.h.  Pure.
 */
#include "config.h"

#include "plug/descriptor.h"

#include <string.h>

#include "plug/settings.h"

/* The struct as it was in minor 0: never changes. */
#define SIZE_OF_MINOR_0                                                        \
    (offsetof(struct ontime_plugin, close) + sizeof(void (*)(void *)))
#define KNOWN_FLAGS                                                            \
    ((uint32_t)(ONTIME_CONCURRENT | ONTIME_ONLY_EMITS | ONTIME_RESIDENT |      \
                ONTIME_UNLOADABLE))
#define NAME_LEN_MAX 64
#define VERSION_LEN_MAX 64

int descriptor_name_check(const char *name, struct err *err)
{
    size_t len = strnlen(name, NAME_LEN_MAX + 1);

    if (len == 0 || len > NAME_LEN_MAX)
        return err_set(err, -EINVAL,
                       "plugin name \"%.*s\": must have 1 to %d characters",
                       NAME_LEN_MAX, name, NAME_LEN_MAX);
    for (size_t i = 0; i < len; i++) {
        char c = name[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              (c >= '0' && c <= '9') || c == '_' || c == '-'))
            return err_set(err, -EINVAL,
                           "plugin name \"%s\": only A-Z, a-z, 0-9, _ and - "
                           "are allowed",
                           name);
    }
    return 0;
}

static int check_abi(const struct ontime_plugin *p, struct err *err)
{
    unsigned major = p->abi >> 16, minor = p->abi & 0xffffu;

    if (major != ONTIME_ABI_MAJOR)
        return err_set(err, -ENOEXEC,
                       "made for ABI %u.%u, this host has %u.%u: the major "
                       "numbers must be equal; build it against this host's "
                       "ontime/plugin.h",
                       major, minor, ONTIME_ABI_MAJOR, ONTIME_ABI_MINOR);
    if (minor > ONTIME_ABI_MINOR)
        return err_set(err, -ENOEXEC,
                       "made for the newer ABI %u.%u, this host has %u.%u: "
                       "update the host or build it against this host's "
                       "ontime/plugin.h",
                       major, minor, ONTIME_ABI_MAJOR, ONTIME_ABI_MINOR);
    if (p->size < SIZE_OF_MINOR_0)
        return err_set(err, -ENOEXEC,
                       "its descriptor says size %u, less than the %zu of "
                       "ABI %u.0: set .size = sizeof(struct ontime_plugin)",
                       p->size, SIZE_OF_MINOR_0, ONTIME_ABI_MAJOR);
    return 0;
}

static int check_functions(const struct ontime_plugin *p, struct err *err)
{
    const char *missing = p->init == NULL      ? "init"
                          : p->execute == NULL ? "execute"
                          : p->close == NULL   ? "close"
                                               : NULL;

    if (missing == NULL)
        return 0;
    return err_set(err, -ENOEXEC, "its descriptor has no %s function", missing);
}

static bool printable(const char *s, size_t max)
{
    size_t len = strnlen(s, max + 1);

    if (len == 0 || len > max)
        return false;
    for (size_t i = 0; i < len; i++)
        if (s[i] <= ' ' || s[i] > '~' || s[i] == '"' || s[i] == '\\')
            return false;
    return true;
}

static int check_texts(const struct ontime_plugin *p, const char *name,
                       struct err *err)
{
    if (p->name == NULL || strcmp(p->name, name) != 0)
        return err_set(err, -ENOEXEC,
                       "it calls itself \"%.64s\" but its file is %s.so: the "
                       "two must be equal",
                       p->name != NULL ? p->name : "", name);
    if (p->version == NULL || !printable(p->version, VERSION_LEN_MAX))
        return err_set(err, -ENOEXEC,
                       "its version must be 1 to %d printable ASCII characters "
                       "without blanks, quotes and backslashes",
                       VERSION_LEN_MAX);
    return 0;
}

int descriptor_check(const void *symbol, const char *name,
                     struct ontime_plugin *ret, struct err *err)
{
    struct ontime_plugin p = {0};
    const uint32_t *head = symbol; /* abi and size: in every version */
    int r;

    p.abi = head[0];
    p.size = head[1];
    r = check_abi(&p, err);
    if (r < 0)
        return r;
    memcpy(&p, symbol, p.size < sizeof(p) ? p.size : sizeof(p));
    if ((p.flags & ~KNOWN_FLAGS) != 0 || p.reserved != 0)
        return err_set(err, -ENOEXEC,
                       "its descriptor has flags that ABI %u.%u does not "
                       "know: 0x%x, reserved 0x%x",
                       ONTIME_ABI_MAJOR, ONTIME_ABI_MINOR,
                       p.flags & ~KNOWN_FLAGS, p.reserved);
    r = check_functions(&p, err);
    if (r < 0)
        return r;
    r = check_texts(&p, name, err);
    if (r < 0)
        return r;
    r = plugin_rows_check(p.settings, err);
    if (r == -EINVAL && err != NULL) {
        (void)err_wrap(err, "its settings");
        err->code = -ENOEXEC;
    }
    if (r < 0)
        return r == -EINVAL ? -ENOEXEC : r;
    *ret = p;
    return 0;
}
