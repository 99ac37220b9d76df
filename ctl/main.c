/* SPDX-License-Identifier: Apache-2.0
 *
 * ctl/main.c - ontimectl: asks and directs a running ontimed over HTTP, on its
 * unix socket or its port.  One thread.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "commands.h"
#include "print.h"

#define DEFAULT_SOCKET ONTIME_RUNSTATEDIR "/ontime.sock"

static const char *set(const char *text)
{
    return text != NULL && *text != '\0' ? text : NULL;
}

/* The command line, then the environment, then the default. */
static int choose(const struct args *a, struct client_settings *ret,
                  struct err *err)
{
    memset(ret, 0, sizeof(*ret));
    ret->socket = set(a->opt[OPT_SOCKET]);
    ret->url = set(a->opt[OPT_URL]);
    if (ret->socket == NULL && ret->url == NULL) {
        ret->socket = set(getenv("ONTIME_SOCKET"));
        if (ret->socket == NULL)
            ret->url = set(getenv("ONTIME_URL"));
        if (ret->socket == NULL && ret->url == NULL)
            ret->socket = DEFAULT_SOCKET;
    }
    if (ret->url != NULL && strncmp(ret->url, "http://", 7) != 0 &&
        strncmp(ret->url, "https://", 8) != 0)
        return err_set(err, -EINVAL,
                       "the address %.200s does not begin with http://",
                       ret->url);
    return 0;
}

static enum ctl_exit complain(const struct err *err)
{
    (void)fputs("ontimectl: ", stderr);
    print_text(stderr, err->text, strlen(err->text));
    (void)fputs("\nTry: ontimectl help\n", stderr);
    return CTL_USAGE;
}

/* help and version need no daemon.  False: it is another command. */
static bool answered_here(const struct args *a, enum ctl_exit *ret)
{
    const struct command *cmd = NULL;
    const char *about = a->command;
    struct err err;

    *ret = CTL_OK;
    if (a->opt[OPT_VERSION] != NULL ||
        (about != NULL && strcmp(about, "version") == 0)) {
        (void)puts("ontimectl " PACKAGE_VERSION);
        return true;
    }
    if (a->opt[OPT_HELP] == NULL &&
        (about == NULL || strcmp(about, "help") != 0))
        return false;
    if (about != NULL && strcmp(about, "help") == 0)
        about = a->operand[0];
    if (about != NULL)
        cmd = commands_find(about);
    if (about != NULL && cmd == NULL) {
        (void)err_set(&err, -EINVAL, "no command %s", about);
        *ret = complain(&err);
    } else {
        commands_help(cmd, stdout);
    }
    return true;
}

static enum ctl_exit run(const struct args *a)
{
    struct ctl c = {.args = a, .out = stdout, .err = stderr};
    struct client_settings where;
    const struct command *cmd;
    enum ctl_exit x;
    struct err err;

    if (answered_here(a, &x))
        return x;
    if (a->command == NULL) {
        commands_help(NULL, stderr);
        return CTL_USAGE;
    }
    cmd = commands_find(a->command);
    if (cmd == NULL) {
        (void)err_set(&err, -EINVAL, "no command %.64s", a->command);
        return complain(&err);
    }
    if (choose(a, &where, &err) < 0 || client_new(&where, &c.client, &err) < 0)
        return complain(&err);
    x = commands_run(cmd, &c);
    client_free(&c.client);
    return x;
}

int main(int argc, char **argv)
{
    struct args args;
    enum ctl_exit x;
    struct err err;

    if (args_parse(argc, argv, &args, &err) < 0)
        return complain(&err);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        (void)fputs("ontimectl: libcurl does not start\n", stderr);
        return CTL_UNREACHABLE;
    }
    x = run(&args);
    curl_global_cleanup();
    if (fflush(stdout) != 0 && x == CTL_OK) {
        perror("ontimectl: standard output");
        x = CTL_REFUSED;
    }
    return x;
}
