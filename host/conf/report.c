/* SPDX-License-Identifier: Apache-2.0
 *
 * conf/report.c - what is wrong, one line each, with the place it stands.
 * One thread.
 */
#include "config.h"

#include "conf/report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LINE_MAX_BYTES 1024

void conf_report_place(const struct conf_origin *at, struct buf *out)
{
    switch (at->layer) {
    case CONF_BY_FILE:
        buf_adds(out, at->file);
        if (at->line > 0)
            buf_addf(out, ":%u", at->line);
        break;
    case CONF_BY_ENVIRONMENT:
        buf_addf(out, "environment %s", at->file);
        break;
    case CONF_BY_OVERRIDE:
        buf_adds(out, "-o");
        break;
    case CONF_BY_DEFAULT:
        buf_adds(out, "default");
        break;
    case CONF_BY_RULE:
        buf_adds(out, "derived");
        break;
    }
}

/* One line stays one line, whatever is quoted in it. */
static void flatten(char *s)
{
    for (; *s != '\0'; s++) {
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            *s = ' ';
    }
}

static void add_line(struct conf_build *b, const char *line)
{
    if (b->full)
        return;
    if (b->report.len + strlen(line) + LINE_MAX_BYTES > b->report.max) {
        b->full = true;
        line = "more is wrong, but not listed";
    }
    buf_adds(&b->report, line);
    buf_addc(&b->report, '\n');
    if (buf_ok(&b->report) < 0)
        b->no_memory = true;
}

static void __attribute__((format(printf, 5, 0)))
say(struct conf_build *b, const struct conf_origin *at, bool warning,
    const char *path, const char *fmt, va_list ap)
{
    char line[LINE_MAX_BYTES];
    struct buf out = BUF_FIXED(line);
    char text[LINE_MAX_BYTES / 2];

    if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
        text[0] = '\0';
    line[0] = '\0';
    if (at != NULL && at->layer != CONF_BY_DEFAULT &&
        at->layer != CONF_BY_RULE) {
        conf_report_place(at, &out);
        buf_adds(&out, ": ");
    }
    if (warning)
        buf_adds(&out, "warning: ");
    if (path != NULL && path[0] != '\0')
        buf_addf(&out, "%.*s: ", CONF_PATH_MAX, path);
    buf_adds(&out, text);
    if (buf_cstr(&out) == NULL) /* a file's name that long */
        (void)snprintf(line, sizeof(line), "%s", text);
    flatten(line);
    add_line(b, line);
    if (!warning && b->errors++ == 0)
        err_set(&b->first, -EINVAL, "%s", line);
}

void conf_report_error(struct conf_build *b, const struct conf_origin *at,
                       const char *path, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say(b, at, false, path, fmt, ap);
    va_end(ap);
}

void conf_report_warning(struct conf_build *b, const struct conf_origin *at,
                         const char *path, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say(b, at, true, path, fmt, ap);
    va_end(ap);
}

void conf_report_unknown(struct conf_build *b, const struct conf_origin *at,
                         const char *path, const struct conf_where *w)
{
    char near[CONF_PATH_MAX];

    conf_nearest(w, near, sizeof(near));
    if (near[0] != '\0')
        conf_report_error(b, at, path, "no such setting; did you mean %s?",
                          near);
    else
        conf_report_error(b, at, path, "no such setting");
}
