/* SPDX-License-Identifier: Apache-2.0
 *
 * conf/build.c - making a snapshot, value by value.  One thread.
 */
#include "config.h"

#include "conf/build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf/forms.h"
#include "conf/report.h"
#include "conf/setting.h"

void *conf_build_base(const struct conf *c, enum conf_place in, size_t index)
{
    if (in == CONF_IN_APP)
        return &c->apps[index];
    if (in == CONF_IN_SOURCE)
        return &c->sources[index];
    return (void *)(uintptr_t)c;
}

struct conf_origin *conf_build_origins(const struct conf *c, enum conf_place in,
                                       size_t index)
{
    if (in == CONF_IN_APP)
        return c->priv->apps[index].origin;
    if (in == CONF_IN_SOURCE)
        return c->priv->sources[index].origin;
    return c->priv->origin;
}

size_t conf_build_count(const struct conf *c, enum conf_place in)
{
    if (in == CONF_IN_APP)
        return c->app_count;
    return in == CONF_IN_SOURCE ? c->source_count : 1;
}

/* ---- memory ------------------------------------------------------------ */

static void free_rows(enum conf_place in, void *base)
{
    for (size_t i = 0; i < conf_row_count; i++) {
        if (conf_rows[i].in == in)
            conf_value_free(&conf_rows[i], base);
    }
}

static void free_block(struct conf_block *block)
{
    free(block->key);
    free(block->origin);
}

static void free_private(struct conf *c)
{
    struct conf_private *p = c->priv;

    if (p == NULL)
        return;
    for (size_t i = 0; i < c->app_count; i++)
        free_block(&p->apps[i]);
    for (size_t i = 0; i < c->source_count; i++)
        free_block(&p->sources[i]);
    for (size_t i = 0; i < p->name_count; i++)
        free(p->names[i]);
    free(p->names);
    free(p->apps);
    free(p->sources);
    free(p->origin);
    free(p);
}

void conf_build_free_conf(struct conf **pc)
{
    struct conf *c = *pc;

    *pc = NULL;
    if (c == NULL)
        return;
    free_private(c);
    for (size_t i = 0; i < c->app_count; i++) {
        free_rows(CONF_IN_APP, &c->apps[i]);
        conf_setting_free_all(&c->apps[i]);
    }
    for (size_t i = 0; i < c->source_count; i++) {
        free_rows(CONF_IN_SOURCE, &c->sources[i]);
        free(c->sources[i].name);
    }
    free_rows(CONF_IN_CONF, c);
    free(c->apps);
    free(c->sources);
    free(c);
}

static int set_defaults(enum conf_place in, void *base)
{
    for (size_t i = 0; i < conf_row_count; i++) {
        int r;

        if (conf_rows[i].in != in)
            continue;
        r = conf_value_default(&conf_rows[i], base);
        if (r < 0)
            return r;
    }
    return 0;
}

int conf_build_init(struct conf_build *b)
{
    struct conf *c = calloc(1, sizeof(*c));

    *b = (struct conf_build){.c = c, .report = BUF_INIT(65536)};
    if (c == NULL)
        return -ENOMEM;
    c->priv = calloc(1, sizeof(*c->priv));
    if (c->priv == NULL)
        return -ENOMEM;
    atomic_init(&c->priv->refs, 1);
    c->priv->origin = calloc(conf_row_count, sizeof(*c->priv->origin));
    if (c->priv->origin == NULL)
        return -ENOMEM;
    return set_defaults(CONF_IN_CONF, c);
}

void conf_build_done(struct conf_build *b)
{
    buf_done(&b->report);
    conf_build_free_conf(&b->c);
}

const char *conf_build_name(struct conf_build *b, const char *s)
{
    struct conf_private *p = b->c->priv;
    char **grown;
    char *copy;

    for (size_t i = 0; i < p->name_count; i++) {
        if (strcmp(p->names[i], s) == 0)
            return p->names[i];
    }
    grown = realloc(p->names, (p->name_count + 1) * sizeof(*grown));
    if (grown != NULL)
        p->names = grown;
    copy = strdup(s);
    if (grown == NULL || copy == NULL) {
        free(copy);
        b->no_memory = true;
        return "";
    }
    p->names[p->name_count++] = copy;
    return copy;
}

/* ---- blocks ------------------------------------------------------------ */

static struct conf_block *blocks_of(const struct conf *c, enum conf_place in)
{
    return in == CONF_IN_APP ? c->priv->apps : c->priv->sources;
}

struct conf_block *conf_build_find(const struct conf *c, enum conf_place in,
                                   const char *key, size_t *ret_index)
{
    struct conf_block *blocks = blocks_of(c, in);

    for (size_t i = 0; i < conf_build_count(c, in); i++) {
        if (strcmp(blocks[i].key, key) == 0) {
            if (ret_index != NULL)
                *ret_index = i;
            return &blocks[i];
        }
    }
    return NULL;
}

/* Makes *items one longer, the new one zero; NULL without memory. */
static void *grow(void *items, size_t count, size_t size)
{
    char *grown = realloc(items, (count + 1) * size);

    if (grown != NULL)
        memset(grown + count * size, 0, size);
    return grown;
}

static int add_source(struct conf *c, const char *key)
{
    struct conf_source *grown =
        grow(c->sources, c->source_count, sizeof(*grown));
    struct conf_block *blocks;

    if (grown == NULL)
        return -ENOMEM;
    c->sources = grown;
    blocks = grow(c->priv->sources, c->source_count, sizeof(*blocks));
    if (blocks == NULL)
        return -ENOMEM;
    c->priv->sources = blocks;
    c->source_count++;
    grown[c->source_count - 1].name = strdup(key);
    return grown[c->source_count - 1].name != NULL ? 0 : -ENOMEM;
}

static int add_app(struct conf *c)
{
    struct conf_app *grown = grow(c->apps, c->app_count, sizeof(*grown));
    struct conf_block *blocks;

    if (grown == NULL)
        return -ENOMEM;
    c->apps = grown;
    blocks = grow(c->priv->apps, c->app_count, sizeof(*blocks));
    if (blocks == NULL)
        return -ENOMEM;
    c->priv->apps = blocks;
    c->app_count++;
    return 0;
}

static int add_block(struct conf *c, enum conf_place in, const char *key,
                     const struct conf_origin *at)
{
    int r = in == CONF_IN_APP ? add_app(c) : add_source(c, key);
    struct conf_block *block;
    size_t i;

    if (r < 0)
        return r;
    i = conf_build_count(c, in) - 1;
    block = &blocks_of(c, in)[i];
    block->at = *at;
    block->key = strdup(key);
    block->origin = calloc(conf_row_count, sizeof(*block->origin));
    if (block->key == NULL || block->origin == NULL)
        return -ENOMEM;
    if (in == CONF_IN_APP) {
        c->apps[i].file = at->file;
        c->apps[i].line = at->line;
    }
    return set_defaults(in, conf_build_base(c, in, i));
}

bool conf_build_block(struct conf_build *b, const struct conf_where *w,
                      const struct conf_origin *at)
{
    const char *bad;

    if (b->no_memory)
        return false;
    if (conf_build_find(b->c, w->in, w->key, NULL) != NULL)
        return true;
    bad = conf_form_key(w->key);
    if (bad != NULL) {
        conf_report_error(b, at, "", "\"%.80s\": %s", w->key, bad);
        return false;
    }
    b->no_memory = add_block(b->c, w->in, w->key, at) < 0;
    return !b->no_memory;
}

/* ---- values ------------------------------------------------------------ */

static void set_row(struct conf_build *b, const char *path,
                    const struct conf_where *w, const struct conf_raw *raw,
                    const struct conf_origin *at)
{
    struct buf why = BUF_INIT(2048);
    size_t index = 0;
    void *base;
    int r;

    if (w->in != CONF_IN_CONF)
        (void)conf_build_find(b->c, w->in, w->key, &index);
    base = conf_build_base(b->c, w->in, index);
    if (w->row->type == CONF_FREE)
        r = conf_setting_set(base, w->name, raw, at, &why);
    else
        r = conf_value_set(w->row, base, raw, &why);
    if (r == -ENOMEM)
        b->no_memory = true;
    else if (r < 0)
        conf_report_error(b, at, path, "%s",
                          buf_cstr(&why) != NULL ? buf_cstr(&why)
                                                 : "not valid");
    else
        conf_build_origins(b->c, w->in, index)[conf_row_index(w->row)] = *at;
    buf_done(&why);
}

void conf_build_set(struct conf_build *b, const char *path,
                    const struct conf_raw *raw, const struct conf_origin *at)
{
    struct conf_where w;

    if (!conf_where(path, &w)) {
        conf_report_unknown(b, at, path, &w);
        return;
    }
    if (w.group) {
        conf_report_error(b, at, path, "is a group of settings, not one");
        return;
    }
    if (w.in != CONF_IN_CONF && !conf_build_block(b, &w, at))
        return;
    if (!b->no_memory)
        set_row(b, path, &w, raw, at);
}
