/* SPDX-License-Identifier: Apache-2.0
 *
 * conf/forms.c - the shapes of texts.  Pure, any thread.
 */
#include "config.h"

#include "conf/forms.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define ALPHA LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGIT "0123456789"

static bool made_of(const char *v, const char *chars, size_t max)
{
    size_t n = strlen(v);

    return n > 0 && n <= max && strspn(v, chars) == n;
}

const char *conf_form_topic(const char *v)
{
    if (made_of(v, ALPHA DIGIT "._-", 249) && strcmp(v, ".") != 0 &&
        strcmp(v, "..") != 0)
        return NULL;
    return "not a topic's name (1 to 249 of A-Z a-z 0-9 . _ -)";
}

const char *conf_form_topic_or_none(const char *v)
{
    return v[0] == '\0' ? NULL : conf_form_topic(v);
}

const char *conf_form_name(const char *v)
{
    if (made_of(v, ALPHA DIGIT "_.-", 64))
        return NULL;
    return "not a name (1 to 64 of A-Z a-z 0-9 _ . -)";
}

const char *conf_form_name_or_none(const char *v)
{
    return v[0] == '\0' ? NULL : conf_form_name(v);
}

const char *conf_form_plugin(const char *v)
{
    if (made_of(v, ALPHA DIGIT "_-", 64))
        return NULL;
    return "not a plugin's name (its file in plugins.dir without .so: 1 to 64 "
           "of A-Z a-z 0-9 _ -)";
}

const char *conf_form_text(const char *v)
{
    return v[0] != '\0' ? NULL : "must not be empty";
}

const char *conf_form_group(const char *v)
{
    return v[0] != '\0' && strlen(v) <= 249 ? NULL
                                            : "must have 1 to 249 characters";
}

/* Settings are shown and logged, so a password has no place here. */
static const char *form_mysql_url(const char *v)
{
    const char *s = v + strlen("mysql://"), *at = NULL;
    size_t n = strcspn(s, "/?");

    for (size_t i = 0; i < n; i++) {
        if (s[i] == '@')
            at = s + i;
    }
    if (at != NULL && memchr(s, ':', (size_t)(at - s)) != NULL)
        return "no password here: add ?password_file=PATH or "
               "?password_env=NAME";
    return s[n] == '/' && s[n + 1] != '\0' && s[n + 1] != '?'
               ? NULL
               : "the database is missing: mysql://USER@HOST/DATABASE";
}

const char *conf_form_store_url(const char *v)
{
    if (strncmp(v, "sqlite:", 7) == 0)
        return v[7] != '\0' ? NULL : "the path after sqlite: is missing";
    if (strncmp(v, "topic:", 6) == 0)
        return "this kind of store is not built in this version; use "
               "sqlite:PATH or mysql://USER@HOST/DATABASE";
    if (strncmp(v, "mysql:", 6) != 0)
        return "not a store; use sqlite:PATH or mysql://USER@HOST/DATABASE";
#ifdef HAVE_MYSQL
    return strncmp(v, "mysql://", 8) == 0
               ? form_mysql_url(v)
               : "use mysql://USER@HOST:PORT/DATABASE";
#else
    return "this program was built without MySQL (libmariadb or mysqlclient)";
#endif
}

/* Splits "host:port" at its last colon; false when it is not that. */
static bool split_listen(const char *v, char *host, size_t len)
{
    const char *colon = strrchr(v, ':');
    size_t n;
    char *end;

    if (colon == NULL || colon == v || !made_of(colon + 1, DIGIT, 5) ||
        strtoul(colon + 1, &end, 10) > 65535)
        return false;
    n = (size_t)(colon - v);
    if (v[0] == '[' && n > 2 && v[n - 1] == ']') {
        v++;
        n -= 2;
    }
    if (n >= len)
        return false;
    memcpy(host, v, n);
    host[n] = '\0';
    return true;
}

const char *conf_form_listen(const char *v)
{
    unsigned char addr[16];
    char host[64];
    bool six = v[0] == '[';

    if (v[0] == '\0')
        return NULL;
    if (split_listen(v, host, sizeof(host)) &&
        ((!six && strcmp(host, "localhost") == 0) ||
         inet_pton(six ? AF_INET6 : AF_INET, host, addr) == 1))
        return NULL;
    return "not an address and port, such as 127.0.0.1:7070, [::1]:7070 or "
           "localhost:7070";
}

bool conf_form_is_loopback(const char *listen)
{
    char host[64];

    if (listen[0] == '\0')
        return true;
    if (!split_listen(listen, host, sizeof(host)))
        return false;
    return strncmp(host, "127.", 4) == 0 || strcmp(host, "localhost") == 0 ||
           strcmp(host, "::1") == 0;
}

const char *conf_form_socket(const char *v)
{
    struct sockaddr_un un;

    return strlen(v) < sizeof(un.sun_path)
               ? NULL
               : "longer than the path of a socket can be (107 bytes)";
}

static bool is_level(const char *v, size_t n)
{
    static const char *const levels[] = {"debug", "info", "warn", "error",
                                         "off"};

    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        if (strlen(levels[i]) == n && memcmp(levels[i], v, n) == 0)
            return true;
    }
    return false;
}

const char *conf_form_log_levels(const char *v)
{
    for (;;) {
        size_t name, n;

        v += strspn(v, " ");
        n = strcspn(v, ",");
        name = strspn(v, LOWER DIGIT "_");
        if (name < n && v[name] == '=') {
            if (name == 0 || !is_level(v + name + 1, n - name - 1))
                break;
        } else if (!is_level(v, n)) {
            break;
        }
        if (v[n] == '\0')
            return NULL;
        v += n + 1;
    }
    return "not a list of levels, such as info or info,store=debug (debug, "
           "info, warn, error, off)";
}

const char *conf_form_key(const char *v)
{
    if (made_of(v, ALPHA DIGIT "_-", 64) && strspn(v, ALPHA) > 0)
        return NULL;
    return "the name of a block is a letter, then up to 63 of A-Z a-z 0-9 _ -";
}

const char *conf_form_setting(const char *v)
{
    if (conf_form_key(v) == NULL)
        return NULL;
    return "the name of a plugin's setting is a letter, then up to 63 of A-Z "
           "a-z 0-9 _ -";
}

#define POSITIONS                                                              \
    "not to be set: positions are kept in the store, in one transaction with " \
    "the jobs"
#define REPORTS "not to be set: every record needs its delivery report"
#define LOSS                                                                   \
    "not to be set: a record that is not kept by all replicas is a "           \
    "lost job"

static const struct {
    const char *name, *instead;
} owned[] = {
    {"bootstrap.servers", "use kafka.bootstrap_servers"},
    {"metadata.broker.list", "use kafka.bootstrap_servers"},
    {"client.id", "not to be set: it is made of instance.id"},
    {"partitioner", "use kafka.partitioner"},
    {"group.id", "use sources.NAME.group_id"},
    {"group.instance.id", "not to be set: it is made of instance.id"},
    {"auto.offset.reset", "use sources.NAME.on_position_lost"},
    {"enable.auto.commit", POSITIONS},
    {"auto.commit.enable", POSITIONS},
    {"auto.commit.interval.ms", POSITIONS},
    {"enable.auto.offset.store", POSITIONS},
    {"offset.store.method", POSITIONS},
    {"enable.partition.eof", "not to be set: it is of no use here"},
    {"isolation.level",
     "not to be set: sources read what is committed, and nothing else"},
    {"transactional.id", "not to be set: it is made of cluster and slot"},
    {"enable.idempotence", "not to be set: it is always on"},
    {"acks", LOSS},
    {"request.required.acks", LOSS},
    {"delivery.report.only.error", REPORTS},
    {"dr_cb", REPORTS},
    {"dr_msg_cb", REPORTS},
    {"opaque", "not to be set: it is a pointer of the host's own"},
    {"interceptors", "not to be set: it is a pointer of the host's own"},
};

const char *conf_form_owned(size_t i, const char **ret_instead)
{
    if (i >= sizeof(owned) / sizeof(owned[0]))
        return NULL;
    *ret_instead = owned[i].instead;
    return owned[i].name;
}

const char *conf_form_kafka(const char *v)
{
    size_t n = strspn(v, LOWER DIGIT "._");

    if (n == 0 || v[n] != '=')
        return "not of the form \"name=value\", with a name of librdkafka's";
    for (size_t i = 0; i < sizeof(owned) / sizeof(owned[0]); i++) {
        if (strlen(owned[i].name) == n && memcmp(owned[i].name, v, n) == 0)
            return owned[i].instead;
    }
    if (n > 3 && memcmp(v + n - 3, "_cb", 3) == 0)
        return "not to be set: it is a function of the host's own";
    return NULL;
}

bool conf_form_is_secret(const char *name)
{
    static const char *const marks[] = {
        "password", "passphrase",  "secret",      "token",   "credential",
        "key.pem",  "private_key", "private-key", "api_key", "apikey",
    };

    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        if (strcasestr(name, marks[i]) != NULL)
            return true;
    }
    return false;
}

bool conf_form_is_reference(const char *value)
{
    return strncmp(value, "file:", 5) == 0 || strncmp(value, "env:", 4) == 0;
}
