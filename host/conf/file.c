/* SPDX-License-Identifier: Apache-2.0
 *
 * conf/file.c - walking libconfig's trees.  One thread; blocks for disk.
 *
 * Files are read by us and given to libconfig as text: its scanner ends the
 * process when a read fails.  For the same reason @include is refused.
 */
#include "config.h"

#include "conf/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libconfig.h>

#include "conf/report.h"

struct walk {
    struct conf_build *b;
    const char *file; /* lives as long as the snapshot */
    bool apps_only;
};

static struct conf_origin origin_of(const struct walk *w,
                                    const config_setting_t *s)
{
    return (struct conf_origin){
        .layer = CONF_BY_FILE,
        .file = w->file,
        .line = config_setting_source_line(s),
    };
}

/* ---- values ------------------------------------------------------------ */

static void raw_scalar(const config_setting_t *s, struct conf_raw *raw)
{
    switch (config_setting_type(s)) {
    case CONFIG_TYPE_INT:
        raw->said = CONF_SAID_INT;
        raw->i = config_setting_get_int(s);
        break;
    case CONFIG_TYPE_INT64:
        raw->said = CONF_SAID_INT;
        raw->i = config_setting_get_int64(s);
        break;
    case CONFIG_TYPE_FLOAT:
        raw->said = CONF_SAID_FLOAT;
        raw->f = config_setting_get_float(s);
        break;
    case CONFIG_TYPE_BOOL:
        raw->said = CONF_SAID_BOOL;
        raw->b = config_setting_get_bool(s) != CONFIG_FALSE;
        break;
    case CONFIG_TYPE_STRING:
        raw->said = CONF_SAID_TEXT;
        raw->s = config_setting_get_string(s);
        if (raw->s == NULL)
            raw->s = "";
        break;
    default:
        raw->said = CONF_SAID_GROUP;
        break;
    }
}

/* raw->items is to be freed. */
static int raw_list(const config_setting_t *s, struct conf_raw *raw)
{
    size_t n = (size_t)config_setting_length(s);

    raw->said = CONF_SAID_LIST;
    raw->items = calloc(n + 1, sizeof(*raw->items));
    if (raw->items == NULL)
        return -ENOMEM;
    for (raw->count = 0; raw->count < n; raw->count++)
        raw_scalar(config_setting_get_elem(s, (unsigned)raw->count),
                   &raw->items[raw->count]);
    return 0;
}

static void take_value(const struct walk *w, const config_setting_t *s,
                       const char *path)
{
    struct conf_origin at = origin_of(w, s);
    struct conf_raw raw = {0};

    if (config_setting_is_list(s) || config_setting_is_array(s)) {
        if (raw_list(s, &raw) < 0) {
            w->b->no_memory = true;
            return;
        }
    } else {
        raw_scalar(s, &raw);
    }
    conf_build_set(w->b, path, &raw, &at);
    free(raw.items);
}

/* ---- groups ------------------------------------------------------------ */

static void walk_group(const struct walk *w, const config_setting_t *group,
                       const char *path);

/* The block begins here; false when it has begun elsewhere. */
static bool begin_block(const struct walk *w, const struct conf_where *where,
                        const char *path, const struct conf_origin *at)
{
    const struct conf_block *first =
        conf_build_find(w->b->c, where->in, where->key, NULL);

    if (first == NULL)
        return conf_build_block(w->b, where, at);
    conf_report_error(w->b, at, path, "defined twice: also at %s:%u",
                      first->at.file, first->at.line);
    return false;
}

/* Whether path is "apps.NAME" or "sources.NAME", and not below. */
static bool is_block(const struct conf_where *where)
{
    const char *star = strchr(where->pattern, '*');

    return star != NULL && star[1] == '\0';
}

static void take_group(const struct walk *w, const config_setting_t *s,
                       const char *path)
{
    struct conf_origin at = origin_of(w, s);
    struct conf_where where;

    if (!conf_where(path, &where)) {
        conf_report_unknown(w->b, &at, path, &where);
        return;
    }
    if (!where.group) {
        take_value(w, s, path);
        return;
    }
    if (is_block(&where) && !begin_block(w, &where, path, &at))
        return;
    walk_group(w, s, path);
}

static void take_child(const struct walk *w, const config_setting_t *s,
                       const char *path)
{
    struct conf_origin at = origin_of(w, s);
    struct conf_where where;

    if (config_setting_is_group(s)) {
        take_group(w, s, path);
        return;
    }
    if (conf_where(path, &where) && where.group) {
        conf_report_error(w->b, &at, path, "expected a group: %s: { ... }",
                          path);
        return;
    }
    take_value(w, s, path);
}

/* Paths end at CONF_PATH_MAX, and only known groups are entered, so this does
 * not go deep. */
static void walk_group(const struct walk *w, const config_setting_t *group,
                       const char *path)
{
    int n = config_setting_length(group);

    for (int i = 0; i < n && !w->b->no_memory; i++) {
        const config_setting_t *s = config_setting_get_elem(group, (unsigned)i);
        char child[2 * CONF_PATH_MAX];

        (void)snprintf(child, sizeof(child), "%s%s%.*s", path,
                       path[0] != '\0' ? "." : "", CONF_PATH_MAX,
                       config_setting_name(s));
        if (w->apps_only && path[0] == '\0' && strcmp(child, "apps") != 0 &&
            strcmp(child, "sources") != 0) {
            struct conf_origin at = origin_of(w, s);

            conf_report_error(w->b, &at, child,
                              "only apps and sources may stand in apps.d; this "
                              "belongs into the main file");
            continue;
        }
        take_child(w, s, child);
    }
}

/* ---- files ------------------------------------------------------------- */

/* The line of an @include that libconfig would follow, or 0. */
static unsigned include_line(const char *text)
{
    unsigned line = 1;

    for (const char *p = text; p != NULL; line++) {
        const char *q = p + strspn(p, " \t\r\f\v");

        if (strncmp(q, "@include", 8) == 0 && strchr(" \t\"", q[8]) != NULL &&
            q[8] != '\0')
            return line;
        p = strchr(p, '\n');
        p = p != NULL ? p + 1 : NULL;
    }
    return 0;
}

void conf_file_read_text(struct conf_build *b, const char *name,
                         const char *text, bool apps_only)
{
    struct walk w = {
        .b = b, .file = conf_build_name(b, name), .apps_only = apps_only};
    struct conf_origin at = {.layer = CONF_BY_FILE, .file = w.file};
    config_t cfg;

    at.line = include_line(text);
    if (at.line > 0) {
        b->unread = true;
        conf_report_error(b, &at, "",
                          "@include is not supported; apps and sources "
                          "may stand in apps.d/*.cfg");
        return;
    }
    config_init(&cfg);
    if (config_read_string(&cfg, text) == CONFIG_TRUE) {
        walk_group(&w, config_root_setting(&cfg), "");
    } else {
        b->unread = true;
        at.line = (unsigned)config_error_line(&cfg);
        conf_report_error(b, &at, "", "%s",
                          config_error_text(&cfg) != NULL
                              ? config_error_text(&cfg)
                              : "syntax error");
    }
    config_destroy(&cfg);
}

static int read_fd(int fd, struct buf *out)
{
    char chunk[8192];

    for (;;) {
        ssize_t n = read(fd, chunk, sizeof(chunk));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            return buf_cstr(out) != NULL ? 0 : buf_ok(out);
        if (buf_add(out, chunk, (size_t)n) < 0)
            return buf_ok(out) == -ENOMEM ? -ENOMEM : -EFBIG;
    }
}

static int read_file(const char *path, struct buf *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    int r;

    if (fd < 0)
        return -errno;
    r = read_fd(fd, out);
    (void)close(fd);
    if (r == 0 && memchr(out->data, '\0', out->len) != NULL)
        r = -EILSEQ;
    return r;
}

static int take_file(struct conf_build *b, const char *path, bool apps_only)
{
    struct conf_origin at = {.layer = CONF_BY_FILE,
                             .file = conf_build_name(b, path)};
    struct buf text = BUF_INIT(CONF_FILE_MAX);
    int r = read_file(path, &text);

    b->unread = b->unread || r < 0;
    if (r == 0)
        conf_file_read_text(b, path, buf_cstr(&text), apps_only);
    else if (r == -EFBIG)
        conf_report_error(b, &at, "", "larger than 1 MB");
    else if (r == -EILSEQ)
        conf_report_error(b, &at, "", "not a text: it has a NUL byte");
    else
        conf_report_error(b, &at, "", "%s", err_name(-r));
    buf_done(&text);
    return r == -ENOENT || r == -ENOMEM ? r : 0;
}

static int is_cfg(const struct dirent *e)
{
    size_t n = strlen(e->d_name);

    return e->d_name[0] != '.' && n > 4 &&
           strcmp(e->d_name + n - 4, ".cfg") == 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int take_dir(struct conf_build *b, const char *dir)
{
    struct dirent **entries = NULL;
    int n = scandir(dir, &entries, is_cfg, by_name);
    struct buf path = BUF_INIT(65536);
    int r = 0;

    if (n < 0 && errno != ENOENT) {
        struct conf_origin at = {.layer = CONF_BY_FILE,
                                 .file = conf_build_name(b, dir)};

        r = errno == ENOMEM ? -ENOMEM : 0;
        conf_report_error(b, &at, "", "%s", err_name(errno));
    }
    for (int i = 0; i < n; i++) {
        buf_reset(&path);
        buf_addf(&path, "%s/%s", dir, entries[i]->d_name);
        if (r == 0)
            r = buf_cstr(&path) != NULL ? take_file(b, buf_cstr(&path), true)
                                        : -ENOMEM;
        if (r == -ENOENT) /* gone since: reported */
            r = 0;
        free(entries[i]);
    }
    free(entries);
    buf_done(&path);
    return r;
}

int conf_file_read_all(struct conf_build *b, const char *path)
{
    const char *slash = strrchr(path, '/');
    struct buf dir = BUF_INIT(65536);
    int r;

    r = take_file(b, path, false);
    if (r < 0)
        return r;
    if (slash != NULL)
        buf_add(&dir, path, (size_t)(slash - path) + 1);
    buf_adds(&dir, "apps.d");
    r = buf_cstr(&dir) != NULL ? take_dir(b, buf_cstr(&dir)) : -ENOMEM;
    buf_done(&dir);
    return r;
}
