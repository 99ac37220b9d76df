/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/support/fakehost.h - a host for one plugin, without the house: it
 * checks what it is given and remembers it.
 *
 * Any thread; a lock guards everything.
 */
#ifndef ONTIME_TESTS_FAKEHOST_H
#define ONTIME_TESTS_FAKEHOST_H

#include <ontime/plugin.h>
#include <pthread.h>
#include <stdbool.h>

#define FAKE_RECORDS 256
#define FAKE_SETTINGS 32

struct fake_record {
    char topic[250];
    char *key, *value; /* NUL behind; NULL: null */
    size_t key_len, value_len;
};

struct fake_setting {
    const char *name, *value; /* as in a file; durations in ms */
};

struct fake_host {
    struct ontime_host host;

    pthread_mutex_t mtx;
    ontime_token open; /* the attempt that is open; 0: none */
    bool ended;        /* complete() was called for it */
    int outcome;
    int64_t retry_ms;
    char message[512];
    struct fake_record records[FAKE_RECORDS];
    unsigned record_count;
    unsigned followup_count;
    unsigned stale;    /* calls with a token that is not open */
    const char *wrong; /* the first breach of the contract; NULL: none */
    char last_log[512];
    unsigned log_lines;

    struct fake_setting settings[FAKE_SETTINGS]; /* ended by name NULL */
    const struct ontime_setting *rows;
    void *state; /* the plugin's */
    const struct ontime_plugin *plugin;
};

/* settings: pairs that override the rows' defaults; may be NULL. */
void fake_open(struct fake_host *f, const struct ontime_plugin *plugin,
               const struct fake_setting *settings);
void fake_done(struct fake_host *f);

/* Runs init: its result; errbuf is checked to end. */
int fake_init(struct fake_host *f, char *errbuf, size_t errlen);
/* Runs one attempt and waits up to 10 s for its answer: the outcome, or -1 when
 * none came.  Records of former attempts are forgotten. */
int fake_run(struct fake_host *f, const char *payload);
int fake_run_job(struct fake_host *f, const struct ontime_job *job);
void fake_close(struct fake_host *f);

#endif
