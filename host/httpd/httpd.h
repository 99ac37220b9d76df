/* SPDX-License-Identifier: Apache-2.0
 *
 * httpd/httpd.h - the HTTP API, on a loopback port and on a unix socket.
 *
 * A few threads of its own, bounded connections and bodies.  What changes
 * things is done by the house through the functions below, which may block for
 * a store round trip and may be called from several of httpd's threads.
 */
#ifndef ONTIME_HTTPD_HTTPD_H
#define ONTIME_HTTPD_HTTPD_H

#include "base/buf.h"
#include "base/err.h"
#include "store/store.h"

#include <stdbool.h>

struct httpd;

struct put_ids { /* what became of one item */
    int64_t id; /* 0: nothing was stored (duplicate, wish) */
    uint32_t version;
    int64_t due_ms;
};

struct httpd_house {
    struct store *store; /* httpd opens its own reading sessions */
    /* JSON object of the whole: version, uptime, window, store, sources, ... */
    int (*status)(void *arg, struct buf *json);
    /* JSON array of the apps: name, plugin, version, state, settings, counts. */
    int (*apps)(void *arg, struct buf *json);
    /* One request in format `ingest` -> item (its job and spans as put_item says). */
    int (*decode)(void *arg, struct span body, struct put_item *item, struct err *err);
    /* Stores synced; items' jobs that were stored are taken over (set to NULL),
     * with id, pos, version copied to ids[] first. */
    int (*put)(void *arg, struct put_item *items, size_t n, struct put_ids *ids,
               struct err *err);
    /* Does the change; *ret_verdict is NONE when the owner has not decided in time. */
    int (*change)(void *arg, struct change *c, enum verdict *ret_verdict, struct err *err);
    /* Reads the configuration again; *ret_report as conf_load's. */
    int (*reload)(void *arg, char **ret_report, struct err *err);
    /* Ready to work?  When not, why is filled. */
    bool (*ready)(void *arg, char *why, size_t whylen);
    void *arg;
};

struct httpd_settings {
    const char *listen; /* "127.0.0.1:7070", "[::1]:0"; "" off */
    const char *socket; /* path of a unix socket, mode 0600; "" off */
    int64_t max_body;   /* bytes */
    unsigned max_connections;
};

int httpd_start(const struct httpd_settings *set, const struct httpd_house *house,
                struct httpd **ret, struct err *err);
void httpd_stop(struct httpd **ph);
unsigned httpd_port(const struct httpd *h); /* the bound port, 0: none */

#endif
