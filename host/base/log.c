/* SPDX-License-Identifier: Apache-2.0
 *
 * base/log.c - building and writing log lines; complaints.  Any thread: the
 * settings are atomics, a line is built on the caller's stack and leaves in
 * one write(2).  The levels are in loglevel.c.
 */
#include "config.h"

#include "base/log.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"

#define LOG_TAIL 32 /* kept for the mark of truncation and the newline */
#define LOG_FIRST_PATIENCE_MS 1000
#define LOG_LAST_PATIENCE_MS (5 * 60 * 1000)

/* Shared by all threads. */
static atomic_int log_fd = STDERR_FILENO;
static atomic_int log_format = LOG_KV;
static _Atomic uint64_t log_counts[LOG_OFF];

void log_set_format(enum log_format format)
{
    atomic_store(&log_format, (int)format);
}

void log_set_fd(int fd)
{
    atomic_store(&log_fd, fd);
}

uint64_t log_count(enum log_level level)
{
    return level < LOG_OFF ? atomic_load(&log_counts[level]) : 0;
}

static void log_add_time(struct buf *b, int64_t now_ms)
{
    time_t s = (time_t)(now_ms / 1000);
    struct tm tm;

    (void)gmtime_r(&s, &tm);
    (void)buf_addf(b, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900,
                   tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
                   (int)(now_ms % 1000));
}

/* What needs no quotes in key=value. */
static bool log_plain(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = s[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              (c >= '0' && c <= '9') || strchr("_.:/@%+,-", c) != NULL) ||
            c == '\0')
            return false;
    }
    return len > 0;
}

static void log_add_key(struct buf *b, const char *key, bool json)
{
    if (json)
        (void)buf_addc(b, ',');
    else
        (void)buf_addc(b, ' ');
    if (json)
        (void)buf_add_json(b, key, strlen(key));
    else
        for (; *key != '\0'; key++)
            (void)buf_addc(b, log_plain(key, 1) ? *key : '_');
    (void)buf_addc(b, json ? ':' : '=');
}

static void log_add_text(struct buf *b, const char *s, size_t len, bool json)
{
    if (!json && log_plain(s, len))
        (void)buf_add(b, s, len);
    else
        (void)buf_add_json(b, s, len);
}

/* The field, its text halved until it fits; true when nothing was cut. */
static bool log_add_field(struct buf *b, const struct log_field *f, bool json)
{
    size_t mark = b->len;
    size_t full = 0;
    size_t len;

    if (f->str != NULL)
        full = f->len == SIZE_MAX ? strlen(f->str) : f->len;
    if (full > LOG_LINE_MAX)
        len = LOG_LINE_MAX;
    else
        len = full;
    for (;;) {
        log_add_key(b, f->key, json);
        if (f->str == NULL)
            (void)buf_addi(b, f->num);
        else
            log_add_text(b, f->str, len, json);
        if (buf_ok(b) == 0)
            return len == full;
        buf_reset(b);
        b->len = mark;
        if (len == 0)
            return false;
        len /= 2;
        while (len > 0 && ((unsigned char)f->str[len] & 0xc0) == 0x80)
            len--; /* not within a character */
    }
}

static void log_add_head(struct buf *b, enum log_level level,
                         const char *module, bool json)
{
    struct log_field head[] = {LOG_STR("level", log_level_name(level)),
                               LOG_STR("module", module)};

    if (json)
        (void)buf_adds(b, "{\"time\":\"");
    log_add_time(b, clock_wall_ms());
    if (json)
        (void)buf_addc(b, '"');
    (void)log_add_field(b, &head[0], json);
    (void)log_add_field(b, &head[1], json);
}

static void log_send(const char *data, size_t len)
{
    int fd = atomic_load(&log_fd);

    while (len > 0) {
        ssize_t n = write(fd, data, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        data += n;
        len -= (size_t)n;
    }
}

void log_write(enum log_level level, const char *module,
               const struct log_field *fields, size_t n)
{
    char line[LOG_LINE_MAX];
    struct buf b = BUF_FIXED(line);
    bool json = atomic_load(&log_format) == LOG_JSON;
    bool whole = true;
    int errnum = errno; /* a log line in an error path must not change it */

    if (level >= LOG_OFF)
        return;
    b.max -= LOG_TAIL;
    log_add_head(&b, level, module, json);
    for (size_t i = 0; i < n; i++)
        whole = log_add_field(&b, &fields[i], json) && whole;
    b.max += LOG_TAIL;
    if (!whole)
        (void)buf_adds(&b, json ? ",\"truncated\":true" : " truncated=true");
    (void)buf_adds(&b, json ? "}\n" : "\n");
    log_send(b.data, b.len);
    (void)atomic_fetch_add(&log_counts[level], 1);
    errno = errnum;
}

bool log_complain(struct log_complaint *c, int64_t now_ms,
                  unsigned *ret_swallowed)
{
    if (c->patience_ms > 0 && now_ms < c->next_ms) {
        c->swallowed++;
        return false;
    }
    if (c->patience_ms == 0)
        c->patience_ms = LOG_FIRST_PATIENCE_MS;
    else if (c->patience_ms < LOG_LAST_PATIENCE_MS)
        c->patience_ms *= 2;
    if (c->patience_ms > LOG_LAST_PATIENCE_MS)
        c->patience_ms = LOG_LAST_PATIENCE_MS;
    c->next_ms = now_ms + c->patience_ms;
    if (ret_swallowed != NULL)
        *ret_swallowed = c->swallowed;
    c->swallowed = 0;
    return true;
}

bool log_calm(struct log_complaint *c)
{
    bool was = c->patience_ms > 0;

    *c = (struct log_complaint){0};
    return was;
}
