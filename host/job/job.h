/* SPDX-License-Identifier: Apache-2.0
 *
 * job/job.h - the record that everything is about, and its states.
 *
 * A job is one allocation: the struct and, behind it, key, payload and
 * headers.  It has one owner at a time and is handed on, never shared; the
 * fields above `text` may be changed by the owner, the bytes never.
 */
#ifndef ONTIME_JOB_JOB_H
#define ONTIME_JOB_JOB_H

#include "base/buf.h"
#include "base/list.h"

#include <stdbool.h>
#include <stdint.h>

/* Numbers are stored: append only. */
enum job_state {
    JOB_CREATED = 0,
    JOB_SCHEDULED = 1,
    JOB_RUNNING = 2,
    JOB_SUCCESS = 3,
    JOB_FAILED = 4,
    JOB_CANCELED = 5,
    JOB_DEAD = 6,
    JOB_STATES
};

/* Stored: append only. */
enum job_priority { JOB_HIGH = 0, JOB_NORMAL = 1, JOB_LOW = 2, JOB_PRIORITIES };

/* An app's name, interned: equal names are equal pointers, for ever. */
struct app_name {
    const char *text;
    uint32_t index; /* 0, 1, 2, ... in order of first use in this process */
};
/* NULL without memory, when name is not [A-Za-z0-9_.-]{1,64}, or when 65,536
 * names exist.  Any thread. */
const struct app_name *app_name(const char *name, size_t len);
const struct app_name *app_name_s(const char *name);

/*
 * A job's place in the order of firing, as the store gives it: jobs are read
 * in ascending pos, and pos >> 20 is the millisecond at which it may fire (its
 * due time, or a little later where more than 2^20 jobs share one).
 */
typedef int64_t job_pos;
#define JOB_POS_SHIFT 20
#define JOB_POS_MAX INT64_MAX
static inline job_pos job_pos_at(int64_t ms) /* the first pos of that ms */
{
    if (ms <= 0)
        return 0;
    if (ms >= (INT64_C(1) << 43) - 1)
        return JOB_POS_MAX;
    return ms << JOB_POS_SHIFT;
}
static inline int64_t job_pos_ms(job_pos pos)
{
    return pos >> JOB_POS_SHIFT;
}

struct job {
    struct list link; /* for whichever queue its owner has it in */
    int64_t id;       /* given by the store at put, unique; 0: not yet stored */
    job_pos pos;      /* given by the store */
    int64_t due_ms;   /* fires at or after this (wall clock, UTC ms) */
    int64_t scheduled_ms; /* what was asked for first; retries leave it alone */
    int64_t created_ms;   /* when it was accepted */
    const struct app_name *app;
    uint32_t shard;   /* given by the store: whose firing is one owner's */
    uint32_t tenure;  /* of the seat (store/writer.h) when it was handed out */
    uint32_t version; /* 1, +1 with each replace or reschedule */
    uint32_t attempt; /* attempts already ended; 0 for a fresh job */
    uint8_t state;    /* enum job_state */
    uint8_t priority; /* enum job_priority */
    bool redelivered; /* an earlier attempt may have had its effects */
    bool overdue;     /* sched's lane: true = the overdue lane */
    struct span key;  /* identity within the app; len 0: none */
    struct span payload; /* data NULL: no payload (null) */
    struct span headers; /* encoded, see job/headers.h; len 0: none */
    char text[];
};

struct job_text { /* what job_new copies into the allocation */
    struct span key, payload, headers;
};

/* NULL without memory.  Everything but the text and app is zero, priority
 * normal, version 1. */
struct job *job_new(const struct app_name *app, const struct job_text *text);
void job_free(struct job **pj);
size_t job_size(const struct job *j); /* bytes of memory, for bounds */

const char *job_state_name(enum job_state s);            /* "CREATED", ... */
int job_state_parse(const char *s, enum job_state *ret); /* -EINVAL */
bool job_may_move(enum job_state from, enum job_state to);
/* For the host's own code: asserts that the move is allowed. */
void job_move(struct job *j, enum job_state to);

const char *job_priority_name(enum job_priority p); /* "high", ... */
/* Any case; -EINVAL. */
int job_priority_parse(const char *s, enum job_priority *ret);

#endif
