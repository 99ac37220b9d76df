/* SPDX-License-Identifier: Apache-2.0
 *
 * metrics/render.c - the page in Prometheus text format 0.0.4, and the table
 * as Markdown.  Any thread.
 */
#include "config.h"

#include "metrics/metrics.h"

#include <string.h>

#include "base/log.h"
#include "metrics/series.h"

static const char *family_page_name(const struct metric_family *f)
{
    return f->seconds_name != NULL ? f->seconds_name : f->name;
}

/* Milliseconds as seconds, without trailing zeros. */
static void render_seconds(struct buf *out, int64_t ms)
{
    uint64_t u = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;
    unsigned fraction = (unsigned)(u % 1000);
    int digits = 3;

    if (ms < 0)
        (void)buf_addc(out, '-');
    (void)buf_addi(out, (int64_t)(u / 1000));
    if (fraction == 0)
        return;
    while (fraction % 10 == 0) {
        fraction /= 10;
        digits--;
    }
    (void)buf_addf(out, ".%0*u", digits, fraction);
}

static void render_value(struct buf *out, const struct metric_family *f,
                         int64_t v)
{
    (void)buf_addc(out, ' ');
    if (f->seconds_name != NULL)
        render_seconds(out, v);
    else
        (void)buf_addi(out, v);
    (void)buf_addc(out, '\n');
}

/* One byte that is not UTF-8 would cost the whole page: U+FFFD instead. */
static void render_label_text(struct buf *out, const char *s)
{
    size_t len = strlen(s);

    while (len > 0) {
        size_t n = utf8_step(s, len);

        if (n == 0) {
            (void)buf_adds(out, "\xef\xbf\xbd");
            n = 1;
        } else if (*s == '\\' || *s == '"') {
            (void)buf_addc(out, '\\');
            (void)buf_addc(out, *s);
        } else if (*s == '\n') {
            (void)buf_adds(out, "\\n");
        } else {
            (void)buf_add(out, s, n);
        }
        s += n;
        len -= n;
    }
}

/* ontime_<name><suffix>{labels, and le when bound >= 0, +Inf for INT64_MAX} */
static void render_name(struct buf *out, const struct metric *m,
                        const char *suffix, int64_t bound)
{
    char before = '{';

    (void)buf_addf(out, METRIC_PREFIX "%s%s", family_page_name(m->family),
                   suffix);
    for (size_t i = 0; i < METRIC_LABELS; i++) {
        if (m->family->labels[i] == NULL || m->values[i][0] == '\0')
            continue;
        (void)buf_addf(out, "%c%s=\"", before, m->family->labels[i]);
        render_label_text(out, m->values[i]);
        (void)buf_addc(out, '"');
        before = ',';
    }
    if (bound >= 0) {
        (void)buf_addf(out, "%cle=\"", before);
        if (bound == INT64_MAX)
            (void)buf_adds(out, "+Inf");
        else
            render_seconds(out, bound);
        (void)buf_addc(out, '"');
        before = ',';
    }
    if (before == ',')
        (void)buf_addc(out, '}');
}

/* The count is the sum of what was read, so that it equals +Inf's. */
static void render_histogram(struct buf *out, const struct metric *m)
{
    const struct metric_family *f = m->family;
    int64_t seen = 0;

    for (size_t i = 0; i <= f->bounds; i++) {
        seen += atomic_load_explicit(&m->counts[i], memory_order_relaxed);
        render_name(out, m, "_bucket",
                    i < f->bounds ? f->bounds_ms[i] : INT64_MAX);
        (void)buf_addc(out, ' ');
        (void)buf_addi(out, seen);
        (void)buf_addc(out, '\n');
    }
    render_name(out, m, "_sum", -1);
    render_value(out, f, atomic_load_explicit(&m->value, memory_order_relaxed));
    render_name(out, m, "_count", -1);
    (void)buf_addc(out, ' ');
    (void)buf_addi(out, seen);
    (void)buf_addc(out, '\n');
}

/* Families with labels appear with their first series, others always. */
static void render_family(void *ctx, const struct metric_family *f,
                          const struct metric *first)
{
    struct buf *out = ctx;
    const char *name = family_page_name(f);

    if (first == NULL && (f->labels[0] != NULL || f->type == METRIC_HISTOGRAM))
        return;
    (void)buf_addf(out, "# HELP " METRIC_PREFIX "%s %s\n", name, f->help);
    (void)buf_addf(out, "# TYPE " METRIC_PREFIX "%s %s\n", name,
                   metric_type_name(f->type));
    if (first == NULL) {
        (void)buf_addf(out, METRIC_PREFIX "%s 0\n", name);
        return;
    }
    for (const struct metric *m = first; m != NULL; m = m->next) {
        if (f->type == METRIC_HISTOGRAM) {
            render_histogram(out, m);
        } else {
            render_name(out, m, "", -1);
            render_value(out, f, metric_get(m));
        }
    }
}

/* The log counts for itself, being below us. */
static void render_take_log_counts(void)
{
    for (int i = LOG_DEBUG; i < LOG_OFF; i++) {
        enum log_level level = (enum log_level)i;

        metric_set(metric_series("log_lines_total", log_level_name(level)),
                   (int64_t)log_count(level));
    }
}

int metrics_render(struct buf *out)
{
    render_take_log_counts();
    series_each_family(render_family, out);
    return buf_ok(out);
}

int metrics_doc(struct buf *out)
{
    (void)buf_adds(out, "| name | type | labels | meaning |\n"
                        "|---|---|---|---|\n");
    for (size_t i = 0; i < metric_table_rows; i++) {
        const struct metric_family *f = &metric_table[i];

        (void)buf_addf(out, "| `" METRIC_PREFIX "%s` | %s | ",
                       family_page_name(f), metric_type_name(f->type));
        if (f->labels[0] != NULL)
            (void)buf_addf(out, "`%s`", f->labels[0]);
        if (f->labels[1] != NULL)
            (void)buf_addf(out, ", `%s`", f->labels[1]);
        (void)buf_addf(out, " | %s |\n", f->help);
    }
    return buf_ok(out);
}
