/* SPDX-License-Identifier: Apache-2.0
 *
 * ontime/plugin.h - the plugin interface of the ontime job-scheduler host,
 * ABI 1.
 *
 * A plugin is a shared object that exports one constant, `ontime_plugin`, of
 * type struct ontime_plugin.  Nothing else may be exported: build with
 * -fvisibility=hidden and mark the descriptor with ONTIME_PLUGIN_EXPORT.
 *
 * Rules
 *  - Memory: whoever allocates frees; nothing changes hands.  Pointers that the
 *    host gives are borrowed for the length of the call; what the plugin gives
 *    is copied before the call returns.
 *  - Threads: init and close run on one of the host's threads, never at the
 *    same time as execute of that instance.  execute is serial per instance
 *    unless ONTIME_CONCURRENT is set; then any number of the host's threads
 *    may be inside at once.  Every host function may be called from any thread.
 *  - Attempts are named by tokens, not pointers.  After an attempt has ended
 *    (by its outcome, complete(), the timeout, or a reload's deadline) every
 *    use of its token answers -ESTALE, for ever.  What execute was given stays
 *    readable until that call returns, also when its time is over.
 *  - Growth: structs grow at the end.  A struct from the host starts with its
 *    size: a field is there when ONTIME_HAS(ptr, field).  The major number
 *    changes only when something breaks, the minor with each addition.
 */
#ifndef ONTIME_PLUGIN_H
#define ONTIME_PLUGIN_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ONTIME_ABI_MAJOR 1u
#define ONTIME_ABI_MINOR 0u
#define ONTIME_ABI ((ONTIME_ABI_MAJOR << 16) | ONTIME_ABI_MINOR)

#define ONTIME_PLUGIN_EXPORT __attribute__((visibility("default")))

/* Whether the struct that p points to (from the host) is new enough for f. */
#define ONTIME_HAS(p, f)                                                       \
    ((p)->size >= offsetof(__typeof__(*(p)), f) + sizeof((p)->f))

/* ---- what the host gives ------------------------------------------------ */

struct ontime_bytes {
    const void *data; /* NULL: null, which is not the same as empty */
    size_t len;
};

struct ontime_header {
    const char *name;
    struct ontime_bytes value;
};

/* An open attempt: a number without meaning to the plugin, never 0. */
typedef uint64_t ontime_token;

/* One attempt at a job.  Borrowed for the length of execute. */
struct ontime_job {
    size_t size;
    ontime_token token;
    int64_t id;
    const char *app;
    struct ontime_bytes key;
    struct ontime_bytes payload; /* format `ingest`: the bytes of jobData */
    const struct ontime_header *headers;
    size_t header_count;
    int64_t due_ms;       /* when this attempt was due, ms since 1970 UTC */
    int64_t scheduled_ms; /* when the first attempt was due */
    int64_t now_ms;       /* the host's clock as execute is called */
    uint32_t version;
    uint32_t attempt;    /* 1 for the first */
    int32_t redelivered; /* 1: an earlier attempt may have had its effects */
    int32_t priority;    /* 0 high, 1 normal, 2 low */
    const char *idempotency_key; /* "<store id>-<job id>-<version>": the same
                                    for every attempt of this version of the
                                    job; for effects outside Kafka */
};

/* A record for Kafka. */
struct ontime_record {
    const char *topic;
    struct ontime_bytes key;   /* data NULL: no key */
    struct ontime_bytes value; /* data NULL: a tombstone */
    const struct ontime_header *headers;
    size_t header_count;
    int32_t partition; /* -1: by the key */
};

/* A follow-up job, stored together with the outcome of the attempt. */
struct ontime_followup {
    const char *app;         /* NULL: this one */
    struct ontime_bytes key; /* data NULL: none */
    struct ontime_bytes payload;
    const struct ontime_header *headers;
    size_t header_count;
    int64_t due_ms;
    int32_t priority; /* 0 high, 1 normal, 2 low */
};

enum ontime_level { ONTIME_DEBUG, ONTIME_INFO, ONTIME_WARN, ONTIME_ERROR };

/* What execute returns, and what complete() is given. */
enum ontime_outcome {
    ONTIME_DONE = 0,   /* finished; what was emitted goes out */
    ONTIME_RETRY = 1,  /* try again later; what was emitted is dropped */
    ONTIME_FAIL = 2,   /* will never work: dead letter; emits are dropped */
    ONTIME_PENDING = 3 /* only from execute: complete() will be called */
};

struct ontime_result {
    size_t size;         /* sizeof(struct ontime_result) */
    int32_t outcome;     /* DONE, RETRY or FAIL */
    int64_t retry_ms;    /* RETRY: not before this many ms from now; 0: as the
                            app's retry policy has it */
    const char *message; /* kept in the job's history; may be NULL */
};

struct ontime_instance; /* one app's use of the plugin: the host's, opaque */
struct ontime_config;   /* the app's settings: the host's, opaque */

/*
 * The host's services.  The table lives as long as the plugin is loaded.
 * `self` is what init was given.  Integer results are 0 or a negative errno:
 * -ESTALE the attempt has ended, -EMSGSIZE too large, -EINVAL a bad argument,
 * -ENOMEM.
 */
struct ontime_host {
    size_t size;
    uint32_t abi;

    void (*log)(struct ontime_instance *self, int level, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));
    /* The host's wall clock, ms since 1970 UTC. */
    int64_t (*now)(void);

    /* Keeps a record with the attempt; it is sent when the outcome is DONE.
     * -EINVAL, -EMSGSIZE (one record above 1,000,000 bytes, or an attempt above
     * 1 MiB in all) and -ENOMEM refuse it; such an attempt cannot end DONE any
     * more, or the record would be lost: DONE then counts as FAIL (RETRY after
     * -ENOMEM). */
    int (*emit)(struct ontime_instance *self, ontime_token token,
                const struct ontime_record *record);
    /* Keeps a follow-up job with the attempt; it is stored when the outcome is
     * DONE.  Refused as emit refuses. */
    int (*schedule)(struct ontime_instance *self, ontime_token token,
                    const struct ontime_followup *job);
    /* Ends the attempt; from inside execute (which then returns PENDING) or
     * later from any thread.  -ESTALE for all but the first caller. */
    int (*complete)(struct ontime_instance *self, ontime_token token,
                    const struct ontime_result *result);
    /* 1 when nobody waits for this attempt any more, else 0. */
    int (*cancelled)(struct ontime_instance *self, ontime_token token);

    /* The settings, by the names in the descriptor; only during init.  Defaults
     * are applied and ranges checked already.  An absent optional setting
     * without default: NULL, 0. Strings live until close has returned. */
    const char *(*get_string)(const struct ontime_config *config,
                              const char *name);
    int64_t (*get_int)(const struct ontime_config *config, const char *name);
    double (*get_float)(const struct ontime_config *config, const char *name);
    int (*get_bool)(const struct ontime_config *config, const char *name);

    /* Adds to a counter `ontime_plugin_<name>{app=...}`; name [a-z0-9_]+. */
    void (*metric)(struct ontime_instance *self, const char *name, int64_t add);

    /* A time as "YYYY-MM-DD HH:MM:SS" in the app's time zone; out holds 20
     * bytes. */
    void (*format_time)(struct ontime_instance *self, int64_t ms, char out[20]);
};

/* ---- what the plugin gives ---------------------------------------------- */

/* The type of a setting.  DURATION is "5s" or "15min" in the file, and get_int
 * gives ms.  SECRET is a string that is never shown; the host reads those that
 * are written as "file:/path" or "env:NAME". */
enum ontime_type {
    ONTIME_STRING = 0,
    ONTIME_INT = 1,
    ONTIME_FLOAT = 2,
    ONTIME_BOOL = 3,
    ONTIME_DURATION = 4,
    ONTIME_SECRET = 5
};

/* One setting.  The host checks it before init and shows it to people. */
struct ontime_setting {
    const char *name;     /* [a-z][a-z0-9_]{0,63}; NULL ends the array */
    int32_t type;         /* enum ontime_type */
    int32_t required;     /* 1: an app without it is refused */
    const char *fallback; /* the default, as in a file; NULL: none.  Not with
                             required, not for a SECRET */
    double min, max;      /* INT, FLOAT, DURATION (ms); both 0: no limit */
    const char *text;     /* one sentence for people */
};

enum ontime_flag {
    ONTIME_CONCURRENT = 1u << 0, /* execute may run in many threads at once */
    ONTIME_ONLY_EMITS = 1u << 1, /* all effects are emitted records: can be
                                      exactly once */
    ONTIME_RESIDENT = 1u << 2,   /* never dlclose: thread keys, global state
                                      of libraries (OpenSSL, libcurl) */
    ONTIME_UNLOADABLE = 1u << 3  /* dlclose after close is safe */
};

struct ontime_plugin {
    uint32_t abi;        /* ONTIME_ABI */
    uint32_t size;       /* sizeof(struct ontime_plugin) */
    uint32_t flags;      /* enum ontime_flag */
    uint32_t reserved;   /* 0 */
    const char *name;    /* the file's name without .so: [A-Za-z0-9_-]{1,64} */
    const char *version; /* the plugin's own, for people: 1 to 64 printable
                            ASCII characters, no blanks, quotes, backslashes */
    const char *text;    /* one line: what it does */
    const struct ontime_setting *settings; /* NULL: takes none */

    /*
     * Makes one instance for one app.  0 with *state set (NULL is allowed), or
     * a negative errno with a text in errbuf (at most errlen bytes, NUL
     * included) for the person who wrote the settings.  Must come back within
     * the host's deadline (default 10 s).
     */
    int (*init)(const struct ontime_host *host, struct ontime_instance *self,
                const struct ontime_config *config, void **state, char *errbuf,
                size_t errlen);
    /* Runs one attempt: DONE, RETRY, FAIL, or PENDING. */
    int (*execute)(void *state, const struct ontime_job *job);
    /* Ends the instance.  No attempt is open; the plugin's own threads must be
     * joined before it returns. */
    void (*close)(void *state);
};

#ifdef __cplusplus
}
#endif

#endif
