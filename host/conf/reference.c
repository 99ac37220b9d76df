/* SPDX-License-Identifier: Apache-2.0
 *
 * conf/reference.c - the reference of settings as text or Markdown.
 */
#include "config.h"

#include "conf/reference.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "conf/forms.h"
#include "conf/show.h"
#include "conf/table.h"
#include "conf/text.h"

static const char intro[] =
    "# Settings\n"
    "\n"
    "<!-- Made from the rows of host/conf/table.c by `ontimed "
    "--help-config=markdown`. Do not edit. -->\n"
    "\n"
    "Settings are read in this order; later ones win:\n"
    "\n"
    "1. the defaults below;\n"
    "2. the main file (`ontimed -c FILE`), in libconfig syntax;\n"
    "3. the files of `apps.d/*.cfg` beside it, by name, which may hold `apps` "
    "and `sources` only; an app or source is defined in one file;\n"
    "4. the environment: `ONTIME_`, then the path in upper case with two "
    "underscores for each dot (`ONTIME_KAFKA__BOOTSTRAP_SERVERS`); names that "
    "are not known are reported and ignored; apps and sources with a dash in "
    "their names cannot be reached so;\n"
    "5. `-o path=value` (`-o apps.sms_retry.settings.topic=SMS_Send`), which "
    "may also make an app or source; list items are separated by commas, a "
    "comma in an item is written `\\,`.\n"
    "\n"
    "In paths, `*` stands for the name of an app or source: a letter, then up "
    "to 63 letters, digits, `_` or `-`. Times are texts such as `\"250ms\"`, "
    "`\"5s\"`, `\"15min\"`, `\"2h\"`, `\"30d\"`, or a number of milliseconds. "
    "`@include` is not supported. Values of secrets may be `file:/path` or "
    "`env:NAME`; secrets are never shown (`--dump-config` has `***`).\n"
    "\n"
    "What changes **on reload** takes effect with SIGHUP or `ontimectl "
    "reload`; the rest needs a restart.\n";

static const char plain_intro[] =
    "Settings, by path; `*` is the name of an app or source.  Each can be given "
    "in the\nfile, as ONTIME_<PATH> (upper case, dots as two underscores) or "
    "as -o path=value.\n";

struct section {
    const char *group; /* before the last dot of the first row */
    size_t len;
};

static struct section section_of(const struct conf_row *row)
{
    const char *star = strchr(row->path, '*');
    const char *dot = strchr(row->path, '.');

    if (star != NULL)
        return (struct section){row->path, (size_t)(star - row->path) + 1};
    return (struct section){row->path,
                            dot != NULL ? (size_t)(dot - row->path) : 0};
}

static bool same_section(struct section a, struct section b)
{
    return a.len == b.len && memcmp(a.group, b.group, a.len) == 0;
}

static void add_default(const struct conf_row *row, bool markdown,
                        struct buf *out)
{
    const char *s = row->fallback;

    if (row->type == CONF_FREE)
        buf_adds(out, "none");
    else if (s == NULL)
        buf_adds(out, "none: must be set");
    else if (row->shown != NULL && (markdown || s[0] == '\0' || s[0] == '0' ||
                                    row->type != CONF_TEXT))
        buf_adds(out, row->shown);
    else if (row->type == CONF_TEXTS || row->type == CONF_DURATIONS)
        buf_adds(out, "[]");
    else if (row->type == CONF_TEXT || row->type == CONF_CHOICE ||
             row->type == CONF_SIZE ||
             (row->type == CONF_DURATION &&
              strspn(s, "0123456789") != strlen(s)))
        buf_addf(out, "\"%s\"", s);
    else
        buf_adds(out, s);
}

static const char *type_name(const struct conf_row *row)
{
    static const char *const names[] = {
        [CONF_TEXT] = "text",    [CONF_CHOICE] = "one of",
        [CONF_INT] = "integer",  [CONF_FLOAT] = "number",
        [CONF_BOOL] = "boolean", [CONF_DURATION] = "time",
        [CONF_SIZE] = "size",    [CONF_TEXTS] = "list of texts",
        [CONF_FREE] = "group",   [CONF_DURATIONS] = "list of times",
    };

    return names[row->type];
}

static void add_range(const struct conf_row *row, struct buf *out)
{
    switch (row->type) {
    case CONF_CHOICE:
        buf_addc(out, ' ');
        conf_show_expected(row, out);
        break;
    case CONF_INT:
    case CONF_FLOAT:
        buf_addf(out, ", %.15g to %.15g", row->min, row->max);
        if (row->unit != NULL)
            buf_addf(out, " %s", row->unit);
        break;
    case CONF_DURATION:
    case CONF_DURATIONS:
        buf_adds(out, ", ");
        conf_text_add_duration(out, row->min);
        buf_adds(out, " to ");
        conf_text_add_duration(out, row->max);
        break;
    case CONF_SIZE:
        buf_adds(out, ", ");
        conf_text_add_size(out, row->min);
        buf_adds(out, " to ");
        conf_text_add_size(out, row->max);
        break;
    case CONF_TEXT:
    case CONF_BOOL:
    case CONF_TEXTS:
    case CONF_FREE:
        break;
    }
}

static void add_row(const struct conf_row *row, bool markdown, struct buf *out)
{
    const char *when = row->on_reload ? "on reload" : "at start";

    if (markdown) {
        buf_addf(out, "| `%s` | %s", row->path, type_name(row));
        add_range(row, out);
        buf_adds(out, " | ");
        add_default(row, markdown, out);
        buf_addf(out, " | %s | %s |\n", when, row->text);
        return;
    }
    buf_addf(out, "\n%s\n    %s", row->path, type_name(row));
    add_range(row, out);
    buf_adds(out, "; default ");
    add_default(row, markdown, out);
    buf_addf(out, "; %s\n    %s\n", when, row->text);
}

static void add_heading(struct section s, struct buf *out)
{
    if (s.len == 0)
        s = (struct section){"general", strlen("general")};
    buf_addf(out, "\n## %.*s\n\n", (int)s.len, s.group);
    buf_adds(out, "| setting | type | default | takes effect | |\n"
                  "|---|---|---|---|---|\n");
}

static void add_owned(bool markdown, struct buf *out)
{
    const char *name, *instead;

    buf_adds(out, markdown ? "\n## librdkafka settings that are refused\n\n"
                           : "\nlibrdkafka settings that are refused:\n");
    for (size_t i = 0; (name = conf_form_owned(i, &instead)) != NULL; i++)
        buf_addf(out, markdown ? "- `%s`: %s\n" : "    %s: %s\n", name,
                 instead);
}

int conf_reference_print(FILE *f, bool markdown)
{
    struct section now = {"?", 1};
    struct buf out = BUF_INIT(1 << 20);
    int r;

    buf_adds(&out, markdown ? intro : plain_intro);
    for (size_t i = 0; i < conf_row_count; i++) {
        struct section s = section_of(&conf_rows[i]);

        if (markdown && !same_section(s, now))
            add_heading(s, &out);
        now = s;
        add_row(&conf_rows[i], markdown, &out);
    }
    add_owned(markdown, &out);
    r = buf_ok(&out);
    if (r == 0 &&
        (fwrite(out.data, 1, out.len, f) != out.len || fflush(f) != 0))
        r = -EIO;
    buf_done(&out);
    return r;
}
