/* SPDX-License-Identifier: Apache-2.0
 *
 * app/main.c - ontimed: options to commands.
 */
#include "config.h"

#include "app/house.h"

#include "base/log.h"
#include "metrics/metrics.h"
#include "plug/crash.h"
#include "plug/probe.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

static void print_report(char *report)
{
    if (report != NULL && report[0] != '\0')
        fprintf(stderr, "%s%s", report,
                report[strlen(report) - 1] == '\n' ? "" : "\n");
    free(report);
}

static int load(const struct options *o, struct conf **ret)
{
    struct conf_input in = {
        .file = o->file,
        .overrides = (const char *const *)o->overrides,
        .override_count = o->override_count,
        .environ = environ,
    };
    char *report = NULL;
    struct err err;
    int r = conf_load(&in, ret, &report, &err);

    if (r < 0 && report == NULL)
        fprintf(stderr, "ontimed: %s\n", err.text);
    print_report(report);
    if (r == 0 && house_check(*ret, &err) < 0) {
        fprintf(stderr, "ontimed: %s\n", err.text);
        conf_unref(ret);
        r = err.code;
    }
    return r;
}

/* ---- commands ----------------------------------------------------------------------- */

static int check(const struct options *o)
{
    struct plugin_loader_settings set = {0};
    struct plugin_loader *loader;
    struct conf *conf;
    char *report = NULL;
    struct err err;
    int r;

    if (load(o, &conf) < 0)
        return EXIT_FAILURE;
    set.plugins_dir = conf->plugins_dir;
    set.run_dir = conf->plugins_run_dir;
    r = plugin_loader_new(&set, &loader, &err);
    if (r == 0) {
        r = registry_check(conf, loader, &report, &err);
        plugin_loader_free(&loader);
    }
    if (r < 0 && report == NULL)
        fprintf(stderr, "ontimed: %s\n", err.text);
    print_report(report);
    if (r == 0)
        printf("%s: ok, %zu apps, %zu sources\n",
               o->file == NULL ? "defaults" : o->file, conf->app_count,
               conf->source_count);
    conf_unref(&conf);
    return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int dump(const struct options *o)
{
    struct conf *conf;
    int r;

    if (load(o, &conf) < 0)
        return EXIT_FAILURE;
    r = conf_dump(conf, stdout);
    conf_unref(&conf);
    return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int help_metrics(void)
{
    struct buf b = BUF_INIT(1u << 20);

    if (metrics_doc(&b) < 0)
        return EXIT_FAILURE;
    (void)fwrite(b.data, 1, b.len, stdout);
    buf_done(&b);
    return EXIT_SUCCESS;
}

static int run(const struct options *o)
{
    struct house *h;
    struct conf *conf;
    struct err err;
    bool json;
    int r;

    if (load(o, &conf) < 0)
        return EXIT_FAILURE;
    json = strcmp(conf->log_format, "json") == 0;
    log_set_format(json ? LOG_JSON : LOG_KV);
    if (log_set_levels(conf->log_level, &err) < 0 ||
        crash_install(2, json, &err) < 0) {
        fprintf(stderr, "ontimed: %s\n", err.text);
        conf_unref(&conf);
        return EXIT_FAILURE;
    }
    r = house_start(o, conf, &h, &err);
    conf_unref(&conf);
    if (r < 0) {
        log_error("app", LOG_EVENT("start_failed"), LOG_ERR(&err));
        return EXIT_FAILURE;
    }
    notify_ready();
    control_run(h);
    if (house_stop(&h) != 0)
        _exit(
            EXIT_SUCCESS); /* a thread hangs in a plugin: no orderly exit with it */
    return EXIT_SUCCESS;
}

static int version(void)
{
    printf("ontimed %s (plugin ABI %u.%u)\n", PACKAGE_VERSION, ONTIME_ABI_MAJOR,
           ONTIME_ABI_MINOR);
    return EXIT_SUCCESS;
}

static int help(void)
{
    options_help(stdout);
    return EXIT_SUCCESS;
}

static int execute(const struct options *o)
{
    switch (o->command) {
    case COMMAND_RUN:
        return run(o);
    case COMMAND_CHECK:
        return check(o);
    case COMMAND_DUMP:
        return dump(o);
    case COMMAND_HELP:
        return help();
    case COMMAND_HELP_CONFIG:
        return conf_reference(stdout, false) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    case COMMAND_HELP_CONFIG_MARKDOWN:
        return conf_reference(stdout, true) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    case COMMAND_HELP_METRICS:
        return help_metrics();
    case COMMAND_VERSION:
        return version();
    case COMMAND_PROBE:
        return plugin_probe_main(o->probe);
    }
    return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    struct options o;
    struct err err;
    int r;

    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(
        SIGXFSZ,
        SIG_IGN);     /* a write beyond a limit is an error like any other */
    (void)umask(027); /* jobs are nobody else's business */
    (void)mallopt(M_ARENA_MAX, 2); /* many threads, little memory */
    if (options_parse(argc, argv, &o, &err) < 0) {
        fprintf(stderr, "ontimed: %s\n", err.text);
        return 2;
    }
    r = execute(&o);
    options_done(&o);
    return r;
}
