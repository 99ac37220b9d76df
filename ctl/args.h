/* SPDX-License-Identifier: Apache-2.0
 *
 * ctl/args.h - ontimectl's command line, taken apart.  Pure.
 */
#ifndef ONTIME_CTL_ARGS_H
#define ONTIME_CTL_ARGS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum opt {
    /* of every command */
    OPT_SOCKET,
    OPT_URL,
    OPT_JSON,
    OPT_HELP,
    OPT_VERSION,
    /* of some */
    OPT_APP,
    OPT_KEY,
    OPT_STATE,
    OPT_DUE_FROM,
    OPT_DUE_TO,
    OPT_LIMIT,
    OPT_ALL,
    OPT_WATCH,
    OPT_AT,
    OPT_IN,
    OPT_PRIORITY,
    OPT_IDEMPOTENCY,
    OPT_DATA,
    OPT_KAFKA,
    OPT_KAFKA_CONFIG,
    OPT_MATCH,
    OPT_HEADER,
    OPT_SINCE,
    OPT_UNTIL,
    OPT_MEMORY,
    OPT_IGNORE_UNKNOWN,
    OPT_STORE,
    OPT_VERIFY,
    OPT_RATE,
    OPT_DRY_RUN,
    OPT_TIMEZONE,
    OPTS
};

#define OPT_BIT(o) (UINT64_C(1) << (o))
#define OPT_GLOBAL                                                             \
    (OPT_BIT(OPT_SOCKET) | OPT_BIT(OPT_URL) | OPT_BIT(OPT_JSON) |              \
     OPT_BIT(OPT_HELP) | OPT_BIT(OPT_VERSION))

struct opt_row {
    const char *name; /* without the dashes */
    char letter;      /* 0: none */
    const char *meta; /* what its value is called; NULL: it has none */
    const char *doc;
};
extern const struct opt_row args_options[OPTS];

#define ARGS_OPERANDS 3

struct args {
    const char *opt[OPTS]; /* the value; "" for a flag; NULL: not given */
    const char *command;   /* NULL: none */
    const char *operand[ARGS_OPERANDS];
    size_t operands;
};

/* argv[0] is skipped; texts are borrowed.  Options may stand anywhere; after
 * "--" there are none.  -EINVAL with what is wrong. */
int args_parse(int argc, char *const *argv, struct args *ret, struct err *err);

/* Which of the options given is not one of allowed (bits)?  OPTS: none. */
enum opt args_foreign(const struct args *a, uint64_t allowed);

#endif
