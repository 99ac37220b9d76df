/* SPDX-License-Identifier: Apache-2.0
 *
 * ctl/args.c - ontimectl's command line, taken apart; see args.h.
 */
#include "config.h"

#include "args.h"

#include <errno.h>
#include <string.h>

const struct opt_row args_options[OPTS] = {
    [OPT_SOCKET] = {"socket", 's', "PATH", "the daemon's unix socket"},
    [OPT_URL] = {"url", 'u', "URL", "its address instead, as http://HOST:PORT"},
    [OPT_JSON] = {"json", 0, NULL, "print the daemon's answer as it is"},
    [OPT_HELP] = {"help", 'h', NULL, "print help"},
    [OPT_VERSION] = {"version", 'V', NULL, "print the version"},
    [OPT_APP] = {"app", 'a', "NAME", "the app"},
    [OPT_KEY] = {"key", 'k', "KEY", "the job's key within its app"},
    [OPT_STATE] = {"state", 0, "STATE", "CREATED, SCHEDULED or RUNNING"},
    [OPT_DUE_FROM] = {"due-from", 0, "TIME", "due then or later"},
    [OPT_DUE_TO] = {"due-to", 0, "TIME", "due before"},
    [OPT_LIMIT] = {"limit", 'n', "N", "at most so many (default 100)"},
    [OPT_ALL] = {"all", 0, NULL, "all of them, page by page"},
    [OPT_WATCH] = {"watch", 'w', NULL, "again every two seconds"},
    [OPT_AT] = {"at", 0, "TIME",
                "when it is due: 2026-01-31T10:00:00Z; without an offset in "
                "the daemon's time zone"},
    [OPT_IN] = {"in", 0, "DURATION",
                "how long from now: 250ms, 5s, 15min, 2h, 30d"},
    [OPT_PRIORITY] = {"priority", 'p', "PRIORITY", "high, normal or low"},
    [OPT_IDEMPOTENCY] = {"idempotency-key", 0, "KEY",
                         "a repeat with the same one is not stored again"},
    [OPT_DATA] = {"data", 'd', "JSON",
                  "the job's data, a JSON object; @FILE reads a file, - the "
                  "standard input"},
    [OPT_KAFKA] = {"kafka", 0, "HOST:PORT",
                   "the brokers (default: the "
                   "daemon's)"},
    [OPT_KAFKA_CONFIG] = {"kafka-config", 'F', "FILE",
                          "further settings of librdkafka, NAME=VALUE lines"},
    [OPT_MATCH] = {"match", 'm', "PATTERN",
                   "what a record's key is: {key} or {id} of its job, and what "
                   "stands around it"},
    [OPT_HEADER] = {"header", 0, "NAME",
                    "the pattern is of this header, not of the key"},
    [OPT_SINCE] =
        {"since", 0, "TIME",
         "what finished, or is due, then or later; or 2h, 30d: so long "
         "ago"},
    [OPT_UNTIL] = {"until", 0, "TIME", "what finished before"},
    [OPT_MEMORY] = {"memory", 0, "MB", "use no more than this (default 1024)"},
    [OPT_IGNORE_UNKNOWN] = {"ignore-unknown", 0, NULL,
                            "records of no known job are no difference"},
    [OPT_STORE] = {"store", 0, "URL",
                   "the store, as in store.url: sqlite:PATH, mysql://..."},
    [OPT_VERIFY] = {"verify", 0, NULL, "look at all of the copy afterwards"},
    [OPT_RATE] = {"rate", 0, "MB/S", "read no faster"},
    [OPT_DRY_RUN] = {"dry-run", 0, NULL,
                     "say what would be done, change nothing"},
    [OPT_TIMEZONE] = {"timezone", 0, "ZONE",
                      "the zone of its times (default UTC): Asia/Dhaka"},
};

static enum opt by_name(const char *name, size_t len)
{
    int o = 0;

    while (o < OPTS && (strlen(args_options[o].name) != len ||
                        memcmp(args_options[o].name, name, len) != 0))
        o++;
    return (enum opt)o;
}

static enum opt by_letter(char c)
{
    int o = 0;

    while (o < OPTS && args_options[o].letter != c)
        o++;
    return (enum opt)o;
}

/* One option at argv[*at]; moves *at over its value. */
static int take_option(int argc, char *const *argv, int *at, struct args *a,
                       struct err *err)
{
    const char *text = argv[*at], *value = NULL;
    enum opt o;

    if (text[1] == '-') {
        size_t n = strcspn(text + 2, "=");

        o = by_name(text + 2, n);
        if (text[2 + n] == '=')
            value = text + 2 + n + 1;
    } else {
        o = by_letter(text[1]);
        if (text[2] != '\0') /* -nVALUE; flags are not run together */
            value = text + 2;
    }
    if (o == OPTS)
        return err_set(err, -EINVAL, "no option %s", text);
    if (a->opt[o] != NULL)
        return err_set(err, -EINVAL, "--%s is given twice",
                       args_options[o].name);
    if (args_options[o].meta == NULL) {
        if (value != NULL)
            return err_set(err, -EINVAL, "--%s takes no value",
                           args_options[o].name);
        value = "";
    } else if (value == NULL) {
        if (*at + 1 >= argc)
            return err_set(err, -EINVAL, "--%s needs %s", args_options[o].name,
                           args_options[o].meta);
        value = argv[++*at];
    }
    a->opt[o] = value;
    return 0;
}

static int take_word(const char *text, struct args *a, struct err *err)
{
    if (a->command == NULL) {
        a->command = text;
        return 0;
    }
    if (a->operands == ARGS_OPERANDS)
        return err_set(err, -EINVAL, "%s is too much", text);
    a->operand[a->operands++] = text;
    return 0;
}

int args_parse(int argc, char *const *argv, struct args *ret, struct err *err)
{
    bool options = true;

    memset(ret, 0, sizeof(*ret));
    for (int i = 1; i < argc; i++) {
        int r;

        if (options && strcmp(argv[i], "--") == 0) {
            options = false;
            continue;
        }
        if (options && argv[i][0] == '-' && argv[i][1] != '\0')
            r = take_option(argc, argv, &i, ret, err);
        else
            r = take_word(argv[i], ret, err);
        if (r < 0)
            return r;
    }
    if (ret->opt[OPT_SOCKET] != NULL && ret->opt[OPT_URL] != NULL)
        return err_set(err, -EINVAL, "--socket and --url exclude each other");
    return 0;
}

enum opt args_foreign(const struct args *a, uint64_t allowed)
{
    int o = 0;

    while (o < OPTS &&
           (a->opt[o] == NULL || ((allowed | OPT_GLOBAL) & OPT_BIT(o)) != 0))
        o++;
    return (enum opt)o;
}
