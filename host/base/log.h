/* SPDX-License-Identifier: Apache-2.0
 *
 * base/log.h - structured log lines, key=value or JSON, levels per module.
 *
 *     log_warn("store", LOG_EVENT("write_failed"), LOG_INT("jobs", n),
 *              LOG_ERR(&err));
 *
 * writes  2026-01-31T10:00:00.123Z level=warn module=store event=write_failed
 * jobs=12 error="disk is full"  as one write(2) to stderr.  Values are quoted
 * and escaped; control characters never reach the terminal.  Any thread.
 */
#ifndef ONTIME_BASE_LOG_H
#define ONTIME_BASE_LOG_H

#include "base/err.h"
#include "base/loglevel.h"

#include <stddef.h>
#include <stdint.h>

enum log_format { LOG_KV, LOG_JSON };

struct log_field {
    const char *key;
    const char *str; /* when not NULL: the value, at most len bytes */
    int64_t num;     /* else the value */
    size_t len;      /* SIZE_MAX: str ends in NUL */
};

static inline const char *log_text(const char *s)
{
    return s != NULL ? s : "";
}

#define LOG_STR(k, v) ((struct log_field){(k), log_text(v), 0, SIZE_MAX})
#define LOG_SPAN(k, p, n) ((struct log_field){(k), log_text(p), 0, (n)})
#define LOG_INT(k, v) ((struct log_field){(k), NULL, (int64_t)(v), 0})
#define LOG_EVENT(v) LOG_STR("event", v)
#define LOG_ERR(e) LOG_STR("error", (e)->text)

#define log_at(level, module, ...)                                             \
    do {                                                                       \
        if (log_wanted((level), (module)))                                     \
            log_write((level), (module),                                       \
                      (const struct log_field[]){__VA_ARGS__},                 \
                      sizeof((const struct log_field[]){__VA_ARGS__}) /        \
                          sizeof(struct log_field));                           \
    } while (0)
#define log_debug(module, ...) log_at(LOG_DEBUG, module, __VA_ARGS__)
#define log_info(module, ...) log_at(LOG_INFO, module, __VA_ARGS__)
#define log_warn(module, ...) log_at(LOG_WARN, module, __VA_ARGS__)
#define log_error(module, ...) log_at(LOG_ERROR, module, __VA_ARGS__)

/*
 * Writes one line of at most LOG_LINE_MAX bytes, so that lines of several
 * threads or processes never mix in a pipe.  What is too long is cut, and the
 * line then says truncated=true.  A line that the descriptor does not take
 * (EAGAIN, EPIPE) is lost: logging never waits and never fails.
 */
#define LOG_LINE_MAX 4096
void log_write(enum log_level level, const char *module,
               const struct log_field *fields, size_t n);
/* Lines written at this level since the start, for the metrics. */
uint64_t log_count(enum log_level level);

/* Settings; any thread, effective at once.  Levels: loglevel.h. */
void log_set_format(enum log_format format);
void log_set_fd(int fd); /* default 2; for tests */

/*
 * Against floods: one complaint per story.  log_complain() says whether now
 * is the time to speak, doubling its patience from 1 s to 5 min while the
 * trouble lasts, and hands out how many were swallowed since it last spoke.
 * log_calm() ends the story; true when there was something to end.
 * Zero-initialised; one thread.
 */
struct log_complaint {
    int64_t next_ms;
    int64_t patience_ms;
    unsigned swallowed;
};
bool log_complain(struct log_complaint *c, int64_t now_ms,
                  unsigned *ret_swallowed);
bool log_calm(struct log_complaint *c);

#endif
