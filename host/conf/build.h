/* SPDX-License-Identifier: Apache-2.0
 *
 * conf/build.h - a snapshot while it is being made: values are put in by path,
 * each with the place it came from; what is wrong goes to the report.
 *
 * One thread, until the snapshot is handed out; then it is constant.
 */
#ifndef ONTIME_CONF_BUILD_H
#define ONTIME_CONF_BUILD_H

#include "base/buf.h"
#include "conf/conf.h"
#include "conf/table.h"
#include "conf/value.h"
#include "conf/where.h"

#include <stdatomic.h>

enum conf_layer { /* later ones win */
                  CONF_BY_DEFAULT,
                  CONF_BY_FILE,
                  CONF_BY_ENVIRONMENT,
                  CONF_BY_OVERRIDE,
                  CONF_BY_RULE /* made from other settings */
};

struct conf_origin {
    enum conf_layer layer;
    const char *file; /* FILE: its path; ENVIRONMENT: the variable's name */
    unsigned line;
};

struct conf_block { /* beside each of conf->apps and conf->sources */
    char *key;
    struct conf_origin at;      /* where it begins */
    struct conf_origin *origin; /* of each row */
};

struct conf_private {
    atomic_uint refs;
    struct conf_origin *origin; /* of each row */
    struct conf_block *apps, *sources;
    char **names; /* texts that origins point to */
    size_t name_count;
};

struct conf_build {
    struct conf *c;
    struct buf report;
    unsigned errors;
    bool full;   /* the report: nothing more is added */
    bool unread; /* a file's content is not known */
    bool no_memory;
    struct err first;
};

/* An empty snapshot with defaults.  -ENOMEM. */
int conf_build_init(struct conf_build *b);
/* Frees what conf_build_init made, and c when it is still there. */
void conf_build_done(struct conf_build *b);
void conf_build_free_conf(struct conf **pc);

/* A copy of s that lives as long as the snapshot; "" without memory. */
const char *conf_build_name(struct conf_build *b, const char *s);

/* Makes the block that w names if there is none yet.  False when it cannot be
 * (reported). */
bool conf_build_block(struct conf_build *b, const struct conf_where *w,
                      const struct conf_origin *at);
/* The block of that key, or NULL; ret_index may be NULL. */
struct conf_block *conf_build_find(const struct conf *c, enum conf_place in,
                                   const char *key, size_t *ret_index);
/* Puts a value in; problems are reported. */
void conf_build_set(struct conf_build *b, const char *path,
                    const struct conf_raw *raw, const struct conf_origin *at);

/* The struct and the origins that rows of this place are kept in. */
void *conf_build_base(const struct conf *c, enum conf_place in, size_t index);
struct conf_origin *conf_build_origins(const struct conf *c, enum conf_place in,
                                       size_t index);
size_t conf_build_count(const struct conf *c, enum conf_place in);

#endif
