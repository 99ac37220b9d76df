/* SPDX-License-Identifier: Apache-2.0
 *
 * ctl/commands.h - ontimectl's commands: the table, and how one is run.
 */
#ifndef ONTIME_CTL_COMMANDS_H
#define ONTIME_CTL_COMMANDS_H

#include "args.h"
#include "client.h"

#include <stdbool.h>
#include <stdio.h>

/* The man page promises these.  REFUSED: the daemon said no, or there is no
 * such thing. */
enum ctl_exit {
    CTL_OK = 0,
    CTL_REFUSED = 1,
    CTL_USAGE = 2,
    CTL_UNREACHABLE = 3
};

struct ctl { /* what a command is run with */
    const struct args *args;
    struct client *client;
    FILE *out, *err;
};

struct command {
    const char *name;
    const char *operands; /* for the usage line */
    size_t min, max;      /* how many operands */
    uint64_t options;     /* OPT_BIT()s, beside the global ones */
    enum ctl_exit (*run)(struct ctl *c);
    const char *doc;
};

/* store.c: what needs no daemon, but a store. */
enum ctl_exit run_backup(struct ctl *c);
enum ctl_exit run_convert(struct ctl *c);
enum ctl_exit run_slots(struct ctl *c);

/* import.c: into the daemon. */
enum ctl_exit run_import(struct ctl *c);

extern const struct command commands_table[];
extern const size_t commands_count;

const struct command *commands_find(const char *name); /* NULL: none */
/* Checks operands and options, then runs it; all is said on out and err. */
enum ctl_exit commands_run(const struct command *cmd, struct ctl *c);

/* cmd NULL: of all. */
void commands_help(const struct command *cmd, FILE *f);

#endif
