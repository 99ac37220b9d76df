/* SPDX-License-Identifier: Apache-2.0
 *
 * app/options.c - ontimed's command line; see options.h.  Main thread.
 */
#include "config.h"

#include "app/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#ifndef ONTIME_SYSCONFDIR
#define ONTIME_SYSCONFDIR "/etc/ontime"
#endif

#define EMBEDDED_MOST 3 /* overrides that --embedded itself makes */

static const struct option longs[] = {
    {"config", required_argument, NULL, 'c'},
    {"option", required_argument, NULL, 'o'},
    {"embedded", no_argument, NULL, 'e'},
    {"check-config", no_argument, NULL, 'k'},
    {"dump-config", no_argument, NULL, 'd'},
    {"help", no_argument, NULL, 'h'},
    {"help-config", optional_argument, NULL, 'r'},
    {"help-metrics", no_argument, NULL, 'm'},
    {"version", no_argument, NULL, 'V'},
    {"probe", required_argument, NULL, 'p'},
    {NULL, 0, NULL, 0},
};

void options_help(FILE *f)
{
    fputs(
        "Usage: ontimed [-c FILE] [-o PATH=VALUE]... [COMMAND]\n"
        "Runs the job-scheduler host in the foreground.\n"
        "\n"
        "  -c, --config=FILE        configuration (default " ONTIME_SYSCONFDIR
        "/scheduler.cfg)\n"
        "  -o, --option=PATH=VALUE  override a setting, e.g. store.url=sqlite:/tmp/x.db\n"
        "      --embedded           with an in-process Kafka broker: needs no services\n"
        "\n"
        "Commands; without one it runs:\n"
        "      --check-config       read and check everything, say what is wrong, exit\n"
        "      --dump-config        print the configuration as it is in force, exit\n"
        "      --help-config[=markdown]  every setting with its meaning\n"
        "      --help-metrics       every metric, as Markdown\n"
        "  -h, --help               this text\n"
        "  -V, --version            version of program and plugin ABI\n"
        "\n"
        "SIGHUP reads the configuration again; SIGTERM and SIGINT drain and stop.\n"
        "Any setting can also come from the environment: ONTIME_STORE__URL=...\n"
        "Exit status: 0 done, 1 failed, 2 wrong usage.\n",
        f);
}

static int add_override(struct options *o, const char *text, struct err *err)
{
    if (strchr(text, '=') == NULL)
        return err_set(err, -EINVAL,
                       "-o %s: wants PATH=VALUE, e.g. -o log.level=debug",
                       text);
    o->overrides[o->override_count++] = text;
    return 0;
}

static int take_option(struct options *o, int c, struct err *err)
{
    switch (c) {
    case 'c':
        o->file = optarg;
        return 0;
    case 'o':
        return add_override(o, optarg, err);
    case 'e':
        o->embedded = true;
        return 0;
    case 'k':
        o->command = COMMAND_CHECK;
        return 0;
    case 'd':
        o->command = COMMAND_DUMP;
        return 0;
    case 'h':
        o->command = COMMAND_HELP;
        return 0;
    case 'r':
        o->command = COMMAND_HELP_CONFIG;
        if (optarg != NULL && strcmp(optarg, "markdown") == 0)
            o->command = COMMAND_HELP_CONFIG_MARKDOWN;
        return 0;
    case 'm':
        o->command = COMMAND_HELP_METRICS;
        return 0;
    case 'V':
        o->command = COMMAND_VERSION;
        return 0;
    case 'p':
        o->command = COMMAND_PROBE;
        o->probe = optarg;
        return 0;
    default:
        return err_set(err, -EINVAL, "unknown option or missing argument: %s",
                       optopt != 0 ? (char[]){'-', (char)optopt, 0}
                                   : "see --help");
    }
}

int options_parse(int argc, char **argv, struct options *ret, struct err *err)
{
    struct options o = {.file = NULL};
    int c, r = 0;

    o.overrides = calloc((size_t)argc + EMBEDDED_MOST, sizeof(*o.overrides));
    if (o.overrides == NULL)
        return err_set(err, -ENOMEM, "read the command line: no memory");
    optind = 1;
    opterr = 0;
    while (r == 0 && (c = getopt_long(argc, argv, "c:o:hV", longs, NULL)) != -1)
        r = take_option(&o, c, err);
    if (r == 0 && optind < argc)
        r = err_set(err, -EINVAL, "%s: no such argument; see --help",
                    argv[optind]);
    if (r == 0 && o.embedded)
        o.overrides[o.override_count++] = "kafka.embedded=true";
    if (r == 0 && o.file == NULL && !o.embedded)
        o.file = ONTIME_SYSCONFDIR "/scheduler.cfg";
    if (r < 0) {
        options_done(&o);
        return r;
    }
    *ret = o;
    return 0;
}

void options_done(struct options *o)
{
    free(o->overrides);
    o->overrides = NULL;
    o->override_count = 0;
}
