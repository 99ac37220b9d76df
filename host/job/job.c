/* SPDX-License-Identifier: Apache-2.0
 *
 * job/job.c - making jobs, and the moves between their states.  Pure; any
 * thread, a job itself only by its owner.
 */
#include "config.h"

#include "job/job.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What malloc itself keeps of each block, roughly. */
#define MALLOC_OVERHEAD 16

#define TO(state) (1u << (state))

static const struct {
    const char *name;
    unsigned moves; /* bits of the states that may follow */
} states[JOB_STATES] = {
    [JOB_CREATED] = {"CREATED", TO(JOB_SCHEDULED) | TO(JOB_CANCELED)},
    [JOB_SCHEDULED] = {"SCHEDULED", TO(JOB_RUNNING) | TO(JOB_CANCELED)},
    [JOB_RUNNING] = {"RUNNING",
                     TO(JOB_SUCCESS) | TO(JOB_FAILED) | TO(JOB_SCHEDULED)},
    [JOB_SUCCESS] = {"SUCCESS", 0},
    [JOB_FAILED] = {"FAILED", TO(JOB_SCHEDULED) | TO(JOB_DEAD)},
    [JOB_CANCELED] = {"CANCELED", 0},
    [JOB_DEAD] = {"DEAD", 0},
};

static const char *const priorities[JOB_PRIORITIES] = {
    [JOB_HIGH] = "high",
    [JOB_NORMAL] = "normal",
    [JOB_LOW] = "low",
};

/* Copies s to *at, moves *at behind it and returns the copy; null stays null,
 * empty stays empty. */
static struct span put(char **at, struct span s)
{
    struct span copy = {NULL, 0};

    if (s.data == NULL)
        return copy;
    copy = (struct span){*at, s.len};
    if (s.len > 0)
        memcpy(*at, s.data, s.len);
    *at += s.len;
    return copy;
}

struct job *job_new(const struct app_name *app, const struct job_text *text)
{
    static const struct job_text none;
    struct job *j;
    size_t len;
    char *at;

    if (text == NULL)
        text = &none;
    if (__builtin_add_overflow(text->key.len, text->payload.len, &len) ||
        __builtin_add_overflow(len, text->headers.len, &len) ||
        __builtin_add_overflow(len, sizeof(*j), &len))
        return NULL;
    j = malloc(len);
    if (j == NULL)
        return NULL;
    memset(j, 0, sizeof(*j));
    list_init(&j->link);
    j->app = app;
    j->version = 1;
    j->priority = JOB_NORMAL;
    at = j->text;
    j->key = put(&at, text->key);
    j->payload = put(&at, text->payload);
    j->headers = put(&at, text->headers);
    return j;
}

void job_free(struct job **pj)
{
    if (pj == NULL)
        return;
    free(*pj);
    *pj = NULL;
}

size_t job_size(const struct job *j)
{
    return sizeof(*j) + j->key.len + j->payload.len + j->headers.len +
           MALLOC_OVERHEAD;
}

static bool known(enum job_state s)
{
    return (unsigned)s < JOB_STATES;
}

const char *job_state_name(enum job_state s)
{
    return known(s) ? states[s].name : "?";
}

int job_state_parse(const char *s, enum job_state *ret)
{
    for (unsigned i = 0; s != NULL && i < JOB_STATES; i++) {
        if (strcmp(s, states[i].name) == 0) {
            *ret = (enum job_state)i;
            return 0;
        }
    }
    return -EINVAL;
}

bool job_may_move(enum job_state from, enum job_state to)
{
    return known(from) && known(to) && (states[from].moves & TO(to)) != 0;
}

void job_move(struct job *j, enum job_state to)
{
    assert(job_may_move((enum job_state)j->state, to));
    j->state = (uint8_t)to;
}

const char *job_priority_name(enum job_priority p)
{
    return (unsigned)p < JOB_PRIORITIES ? priorities[p] : "?";
}

int job_priority_parse(const char *s, enum job_priority *ret)
{
    for (unsigned i = 0; s != NULL && i < JOB_PRIORITIES; i++) {
        if (strcasecmp(s, priorities[i]) == 0) {
            *ret = (enum job_priority)i;
            return 0;
        }
    }
    return -EINVAL;
}
