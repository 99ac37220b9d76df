/* SPDX-License-Identifier: Apache-2.0
 *
 * ctl/help.c - ontimectl's help, from the tables; see commands.h.
 */
#include "config.h"

#include "commands.h"

#include <string.h>

static void print_options(FILE *f, uint64_t bits)
{
    for (int o = 0; o < OPTS; o++) {
        const struct opt_row *row = &args_options[o];
        char name[40];

        if ((bits & OPT_BIT(o)) == 0)
            continue;
        (void)snprintf(name, sizeof(name), "--%s%s%s", row->name,
                       row->meta != NULL ? " " : "",
                       row->meta != NULL ? row->meta : "");
        if (row->letter != 0)
            (void)fprintf(f, "  -%c, %-24s %s\n", row->letter, name, row->doc);
        else
            (void)fprintf(f, "      %-24s %s\n", name, row->doc);
    }
}

static void print_all(FILE *f)
{
    (void)fputs("Usage: ontimectl [-s SOCKET | -u URL] [--json] COMMAND\n\n"
                "Asks and directs a running ontimed.\n\nCommands:\n",
                f);
    for (size_t i = 0; i < commands_count; i++) {
        const struct command *cmd = &commands_table[i];
        char name[32];

        (void)snprintf(name, sizeof(name), "%s %s", cmd->name, cmd->operands);
        (void)fprintf(f, "  %-14s %s\n", name, cmd->doc);
    }
    (void)fputs("  help [COMMAND] This text, or more about a command.\n"
                "  version        This program's version.\n\nOptions:\n",
                f);
    print_options(f, OPT_GLOBAL);
    (void)fputs(
        "\nWithout -s and -u the environment's ONTIME_SOCKET or ONTIME_URL "
        "counts, else\n" ONTIME_RUNSTATEDIR "/ontime.sock.\n"
        "Exit codes: 0 done, 1 refused or not found, 2 wrong usage, 3 no "
        "daemon.\n",
        f);
}

void commands_help(const struct command *cmd, FILE *f)
{
    if (cmd == NULL) {
        print_all(f);
        return;
    }
    (void)fprintf(f, "Usage: ontimectl %s%s%s%s\n\n%s\n", cmd->name,
                  cmd->operands[0] != '\0' ? " " : "", cmd->operands,
                  cmd->options != 0 ? " [OPTION...]" : "", cmd->doc);
    if (cmd->options != 0) {
        (void)fputs("\nOptions:\n", f);
        print_options(f, cmd->options);
    }
}
