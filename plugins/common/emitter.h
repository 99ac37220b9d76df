/* SPDX-License-Identifier: Apache-2.0
 *
 * emitter.h - for plugins that check a job's data and send it to a topic: all of
 * such a plugin but its table of members.
 *
 * The record's value is {"<member>": ..., ...} with the members of the table in
 * its order, as they came (numbers to the last digit), then "scheduledTime",
 * "actualTime" (in the app's zone) and "jobId"; its key is the first member.
 */
#ifndef PLUGINS_COMMON_EMITTER_H
#define PLUGINS_COMMON_EMITTER_H

#include <ontime/plugin.h>

#define EMITTER_MEMBERS 8

enum member_kind {
    MEMBER_TEXT,  /* a text that is not empty, or a whole number */
    MEMBER_WHOLE, /* a whole number, not negative; a text of digits too */
    MEMBER_OWN    /* whatever check takes */
};

struct emitter_member {
    const char *name;
    enum member_kind kind;
    int required;
    const char *fallback; /* when it is absent, as JSON; NULL: left out */
};

struct emitter_table {
    struct emitter_member member[EMITTER_MEMBERS]; /* ended by name NULL */
    /* More to check, or NULL: 0, or -EINVAL with a text. */
    int (*check)(const char *payload, size_t len, char *why, size_t why_len);
};

struct emitter;

/* For init, with the setting below: NULL with a text when that is refused.
 * Then execute and close, for what it returned. */
struct emitter *emitter_open(const struct emitter_table *table,
                             const struct ontime_host *host,
                             struct ontime_instance *self,
                             const struct ontime_config *config, char *errbuf,
                             size_t errlen);
int emitter_execute(void *state, const struct ontime_job *job);
void emitter_close(void *state);

/* The one setting of such a plugin. */
#define EMITTER_TOPIC(fallback_topic)                                          \
    {                                                                          \
        .name = "topic", .type = ONTIME_STRING, .fallback = (fallback_topic),  \
        .text = "The topic that the jobs' data are sent to."                   \
    }

#endif
