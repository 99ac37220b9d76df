/* SPDX-License-Identifier: Apache-2.0
 *
 * base/loglevel.c - which lines are wanted.  Reading is lock-free: names of
 * modules are only ever appended, levels are atomics.  Setting is under a
 * lock, any thread.
 */
#include "config.h"

#include "base/loglevel.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define LOG_NAME_MAX 48
#define LOG_AS_ALL (-1)

struct log_module {
    char name[LOG_NAME_MAX]; /* frozen before it is counted */
    atomic_int level;        /* or LOG_AS_ALL */
};

/* One word of a spec. */
struct log_rule {
    char name[LOG_NAME_MAX]; /* "" for all */
    int level;
};

static const char *const log_names[] = {
    [LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn",
    [LOG_ERROR] = "error", [LOG_OFF] = "off",
};

static pthread_mutex_t log_mtx = PTHREAD_MUTEX_INITIALIZER; /* writers */
static struct log_module log_modules[LOG_MODULES_MAX];
static atomic_uint log_used;
static atomic_int log_all = LOG_INFO;
static atomic_int log_lowest = LOG_INFO; /* of all: a quick no */

const char *log_level_name(enum log_level level)
{
    return level <= LOG_OFF ? log_names[level] : "?";
}

static struct log_module *log_find(const char *module)
{
    unsigned n = atomic_load_explicit(&log_used, memory_order_acquire);

    for (unsigned i = 0; i < n; i++)
        if (strcmp(log_modules[i].name, module) == 0)
            return &log_modules[i];
    return NULL;
}

bool log_wanted(enum log_level level, const char *module)
{
    struct log_module *m;
    int want = LOG_AS_ALL;

    if (level >= LOG_OFF || (int)level < atomic_load(&log_lowest))
        return false;
    m = log_find(module);
    if (m != NULL)
        want = atomic_load(&m->level);
    if (want == LOG_AS_ALL)
        want = atomic_load(&log_all);
    return (int)level >= want;
}

static int log_level_parse(const char *word, size_t len)
{
    for (int i = LOG_DEBUG; i <= LOG_OFF; i++)
        if (strlen(log_names[i]) == len && memcmp(log_names[i], word, len) == 0)
            return i;
    return -EINVAL;
}

static bool log_name_ok(const char *s, size_t len)
{
    static const char ok[] = "abcdefghijklmnopqrstuvwxyz"
                             "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:-";

    if (len == 0 || len >= LOG_NAME_MAX)
        return false;
    for (size_t i = 0; i < len; i++)
        if (memchr(ok, s[i], sizeof(ok) - 1) == NULL)
            return false;
    return true;
}

/* "debug" or "store=debug". */
static int log_rule_parse(const char *word, size_t len, struct log_rule *rule,
                          struct err *err)
{
    const char *eq = memchr(word, '=', len);
    const char *level = eq != NULL ? eq + 1 : word;
    size_t name_len = eq != NULL ? (size_t)(eq - word) : 0;

    *rule = (struct log_rule){0};
    if (eq != NULL && !log_name_ok(word, name_len))
        return err_set(err, -EINVAL, "\"%.*s\": not a name of a module",
                       (int)len, word);
    memcpy(rule->name, word, name_len);
    rule->level = log_level_parse(level, len - (size_t)(level - word));
    if (rule->level < 0)
        return err_set(err, -EINVAL,
                       "\"%.*s\": the level must be debug, info, warn, error "
                       "or off",
                       (int)len, word);
    return 0;
}

/* The next word: moves *at behind it and its comma.  False at the end. */
static bool log_next_word(const char **at, const char **word, size_t *len)
{
    const char *s = *at;

    if (s == NULL)
        return false;
    s += strspn(s, " ");
    *word = s;
    *len = strcspn(s, ",");
    *at = s[*len] == ',' ? s + *len + 1 : NULL;
    while (*len > 0 && s[*len - 1] == ' ')
        (*len)--;
    return true;
}

static struct log_module *log_add(const char *name)
{
    unsigned n = atomic_load(&log_used);

    if (n == LOG_MODULES_MAX)
        return NULL;
    memcpy(log_modules[n].name, name, LOG_NAME_MAX);
    atomic_store(&log_modules[n].level, LOG_AS_ALL);
    atomic_store_explicit(&log_used, n + 1, memory_order_release);
    return &log_modules[n];
}

/* Under the lock.  Names are taken up first: a name alone changes nothing. */
static int log_take_up(const char *spec, struct err *err)
{
    const char *word;
    size_t len;

    while (log_next_word(&spec, &word, &len)) {
        struct log_rule rule;
        int r = log_rule_parse(word, len, &rule, err);

        if (r < 0)
            return r;
        if (rule.name[0] != '\0' && log_find(rule.name) == NULL &&
            log_add(rule.name) == NULL)
            return err_set(err, -ENOSPC, "more than %d names of modules",
                           LOG_MODULES_MAX);
    }
    return 0;
}

/* Under the lock, with a spec that was taken up. */
static void log_apply(const char *spec)
{
    int levels[LOG_MODULES_MAX];
    unsigned n = atomic_load(&log_used);
    int all = LOG_INFO;
    int lowest;
    const char *word;
    size_t len;

    for (unsigned i = 0; i < n; i++)
        levels[i] = LOG_AS_ALL;
    while (log_next_word(&spec, &word, &len)) {
        struct log_rule rule;

        (void)log_rule_parse(word, len, &rule, NULL);
        if (rule.name[0] == '\0')
            all = rule.level;
        else
            levels[log_find(rule.name) - log_modules] = rule.level;
    }
    lowest = all;
    for (unsigned i = 0; i < n; i++) {
        atomic_store(&log_modules[i].level, levels[i]);
        if (levels[i] != LOG_AS_ALL && levels[i] < lowest)
            lowest = levels[i];
    }
    atomic_store(&log_all, all);
    atomic_store(&log_lowest, lowest);
}

int log_set_levels(const char *spec, struct err *err)
{
    int r;

    (void)pthread_mutex_lock(&log_mtx);
    r = log_take_up(spec, err);
    if (r == 0)
        log_apply(spec);
    (void)pthread_mutex_unlock(&log_mtx);
    return r;
}
