/* SPDX-License-Identifier: Apache-2.0
 *
 * conf/conf.c - snapshots: made once, then constant and counted.  conf_load on
 * the control thread (blocks for disk), the rest on any.
 */
#include "config.h"

#include "conf/conf.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf/build.h"
#include "conf/check.h"
#include "conf/dump.h"
#include "conf/file.h"
#include "conf/over.h"
#include "conf/reference.h"
#include "conf/secret.h"
#include "conf/setting.h"

static int read_layers(struct conf_build *b, const struct conf_input *in)
{
    int r = conf_build_init(b);

    if (r == 0 && in->file != NULL)
        r = conf_file_read_all(b, in->file);
    if (r < 0 || b->unread) /* more would be consequences */
        return r;
    if (in->environ != NULL)
        conf_over_environment(b, in->environ);
    conf_over_options(b, in->overrides, in->override_count);
    if (!b->no_memory)
        conf_check_derive(b);
    if (!b->no_memory)
        conf_check_all(b);
    return 0;
}

int conf_load(const struct conf_input *in, struct conf **ret, char **ret_report,
              struct err *err)
{
    struct conf_build b;
    char *report = NULL;
    int r = read_layers(&b, in);

    if (b.report.len > 0 && !b.no_memory) {
        report = buf_take(&b.report, NULL);
        if (report == NULL)
            b.no_memory = true;
    }
    if (r == -ENOMEM || b.no_memory)
        r = err_set(err, -ENOMEM, "no memory for the configuration");
    else if (b.errors > 0)
        r = err_set(err, r < 0 ? r : -EINVAL, "%s", b.first.text);
    if (r == 0) {
        *ret = b.c;
        b.c = NULL;
    }
    if (ret_report != NULL) {
        *ret_report = report;
        report = NULL;
    }
    free(report);
    conf_build_done(&b);
    return r;
}

struct conf *conf_ref(struct conf *c)
{
    (void)atomic_fetch_add_explicit(&c->priv->refs, 1, memory_order_relaxed);
    return c;
}

void conf_unref(struct conf **pc)
{
    struct conf *c = *pc;
    unsigned was;

    *pc = NULL;
    if (c == NULL)
        return;
    was = atomic_fetch_sub_explicit(&c->priv->refs, 1, memory_order_acq_rel);
    assert(was > 0);
    if (was == 1)
        conf_build_free_conf(&c);
}

const struct conf_app *conf_find_app(const struct conf *c, const char *name)
{
    for (size_t i = 0; i < c->app_count; i++) {
        if (strcmp(c->apps[i].name, name) == 0)
            return &c->apps[i];
    }
    return NULL;
}

const struct conf_source *conf_find_source(const struct conf *c,
                                           const char *name)
{
    for (size_t i = 0; i < c->source_count; i++) {
        if (strcmp(c->sources[i].name, name) == 0)
            return &c->sources[i];
    }
    return NULL;
}

static const struct conf_row *first_difference(enum conf_place in,
                                               const void *a, const void *b,
                                               bool start_only)
{
    for (size_t i = 0; i < conf_row_count; i++) {
        const struct conf_row *row = &conf_rows[i];

        if (row->in == in && !(start_only && row->on_reload) &&
            !conf_value_equal(row, a, b))
            return row;
    }
    return NULL;
}

bool conf_app_same(const struct conf_app *a, const struct conf_app *b)
{
    return first_difference(CONF_IN_APP, a, b, false) == NULL &&
           conf_setting_equal(a, b);
}

bool conf_source_same(const struct conf_source *a, const struct conf_source *b)
{
    return strcmp(a->name, b->name) == 0 &&
           first_difference(CONF_IN_SOURCE, a, b, false) == NULL;
}

const char *conf_needs_restart(const struct conf *running,
                               const struct conf *wanted)
{
    const struct conf_row *row =
        first_difference(CONF_IN_CONF, running, wanted, true);

    return row != NULL ? row->path : NULL;
}

int conf_dump(const struct conf *c, FILE *f)
{
    return conf_dump_print(c, f);
}

int conf_reference(FILE *f, bool markdown)
{
    return conf_reference_print(f, markdown);
}

int conf_secret(const char *value, char **ret, struct err *err)
{
    return conf_secret_resolve(value, ret, err);
}

int conf_secret_pair(const char *pair, char **ret, struct err *err)
{
    return conf_secret_resolve_pair(pair, ret, err);
}
