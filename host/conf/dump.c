/* SPDX-License-Identifier: Apache-2.0
 *
 * conf/dump.c - writing a snapshot down.  Any thread; blocks for the stream.
 */
#include "config.h"

#include "conf/dump.h"

#include <errno.h>
#include <string.h>

#include "conf/build.h"
#include "conf/report.h"
#include "conf/show.h"

#define DUMP_MAX (64u << 20)

struct dump {
    const struct conf *c;
    struct buf out;
    int depth;
    char
        group[CONF_PATH_MAX]; /* the one that is open in this struct; "" none */
};

static void indent(struct dump *d)
{
    for (int i = 0; i < d->depth; i++)
        buf_adds(&d->out, "    ");
}

static void open_group(struct dump *d, const char *name, size_t len)
{
    indent(d);
    buf_add(&d->out, name, len);
    buf_adds(&d->out, ": {\n");
    d->depth++;
}

static void close_group(struct dump *d)
{
    d->depth--;
    indent(d);
    buf_adds(&d->out, "};\n");
}

/* Ends the line with the place in a comment, whatever its name contains. */
static void end_line(struct dump *d, const struct conf_origin *at)
{
    struct buf place = BUF_INIT(65536);

    conf_report_place(at, &place);
    buf_adds(&d->out, "; # ");
    for (size_t i = 0; i < place.len; i++) {
        unsigned char c = (unsigned char)place.data[i];

        buf_addc(&d->out, c < 0x20 || c == 0x7f ? '?' : place.data[i]);
    }
    buf_addc(&d->out, '\n');
    if (buf_ok(&place) < 0)
        d->out.failed = buf_ok(&place);
    buf_done(&place);
}

/* Closes and opens groups so that the next line is in the one of rel. */
static void enter(struct dump *d, const char *rel)
{
    const char *dot = strrchr(rel, '.');
    size_t n = dot != NULL ? (size_t)(dot - rel) : 0;

    if (strlen(d->group) == n && memcmp(d->group, rel, n) == 0)
        return;
    if (d->group[0] != '\0')
        close_group(d);
    memcpy(d->group, rel, n);
    d->group[n] = '\0';
    if (n > 0)
        open_group(d, rel, n);
}

static void leave(struct dump *d)
{
    if (d->group[0] != '\0')
        close_group(d);
    d->group[0] = '\0';
}

static void dump_settings(struct dump *d, const struct conf_app *a)
{
    if (a->setting_count == 0)
        return;
    open_group(d, "settings", strlen("settings"));
    for (size_t i = 0; i < a->setting_count; i++) {
        const struct conf_plugin_setting *s = &a->settings[i];
        struct conf_origin at = {
            .layer = CONF_BY_FILE, .file = s->file, .line = s->line};

        indent(d);
        buf_addf(&d->out, "%s = ", s->name);
        conf_show_setting(s, &d->out);
        end_line(d, &at);
    }
    close_group(d);
}

static const char *relative(const struct conf_row *row)
{
    const char *star = strchr(row->path, '*');

    return star != NULL ? star + 2 : row->path;
}

static void dump_rows(struct dump *d, enum conf_place in, size_t index)
{
    const void *base = conf_build_base(d->c, in, index);
    const struct conf_origin *origin = conf_build_origins(d->c, in, index);

    for (size_t i = 0; i < conf_row_count; i++) {
        const struct conf_row *row = &conf_rows[i];
        const char *rel = relative(row);
        const char *dot = strrchr(rel, '.');

        if (row->in != in)
            continue;
        enter(d, rel);
        if (row->type == CONF_FREE) {
            dump_settings(d, base);
            continue;
        }
        indent(d);
        buf_addf(&d->out, "%s = ", dot != NULL ? dot + 1 : rel);
        conf_show_value(row, base, &d->out);
        end_line(d, &origin[i]);
    }
    leave(d);
}

static void dump_blocks(struct dump *d, enum conf_place in, const char *name)
{
    size_t n = conf_build_count(d->c, in);

    if (n == 0)
        return;
    open_group(d, name, strlen(name));
    for (size_t i = 0; i < n; i++) {
        const struct conf_block *block =
            in == CONF_IN_APP ? &d->c->priv->apps[i] : &d->c->priv->sources[i];

        open_group(d, block->key, strlen(block->key));
        dump_rows(d, in, i);
        close_group(d);
    }
    close_group(d);
}

int conf_dump_print(const struct conf *c, FILE *f)
{
    struct dump d = {.c = c, .out = BUF_INIT(DUMP_MAX)};
    int r;

    dump_rows(&d, CONF_IN_CONF, 0);
    dump_blocks(&d, CONF_IN_SOURCE, "sources");
    dump_blocks(&d, CONF_IN_APP, "apps");
    r = buf_ok(&d.out);
    if (r == 0 &&
        (fwrite(d.out.data, 1, d.out.len, f) != d.out.len || fflush(f) != 0))
        r = -EIO;
    buf_done(&d.out);
    return r;
}
