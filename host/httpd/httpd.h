/* SPDX-License-Identifier: Apache-2.0
 *
 * httpd/httpd.h - the HTTP API, on a loopback port and on a unix socket.
 *
 * A few threads of its own, bounded connections and bodies.  Lists are read by
 * sessions of httpd's own, one per thread.  What changes things is done by the
 * house through the functions below: they may block, and are called from
 * several of httpd's threads, `put` from one (it gathers what many connections
 * bring and stores it in one call), `change` and `reload` from a few.
 *
 * An error with err.retry becomes 503 with Retry-After, and so do -EBUSY and
 * -EAGAIN; -EINVAL 400, -ENOENT 404, -EMSGSIZE 413, -ESTALE and -EEXIST 409,
 * anything else 500.  Of a reload -EBUSY is 409, any other refusal 422.  The
 * text is shown to the client.
 */
#ifndef ONTIME_HTTPD_HTTPD_H
#define ONTIME_HTTPD_HTTPD_H

#include "base/buf.h"
#include "base/err.h"
#include "store/store.h"

#include <stdbool.h>

struct httpd;

struct put_ids { /* what became of one item */
    int64_t id;  /* 0: nothing was stored (duplicate, wish) */
    uint32_t version;
    int64_t due_ms;
};

struct httpd_house {
    struct store *store; /* httpd opens its own reading sessions */
    /* Is an app of that name configured?  NULL: not.  (Names from outside are
     * never interned.) */
    const struct app_name *(*known_app)(void *arg, const char *name,
                                        size_t len);
    /* A point in time in any of the forms of job/when.h, local ones in the
     * configured zone.  NULL: UTC. */
    int (*when)(void *arg, struct span text, int64_t *ret_ms, struct err *err);
    /* These two are asked on a thread that may block, ready() on one that must
     * not. */
    /* JSON object of the whole: version, uptime, window, store, sources, ... */
    int (*status)(void *arg, struct buf *json);
    /* JSON array of the apps: name, plugin, version, state, ... */
    int (*apps)(void *arg, struct buf *json);
    /* One request in format `ingest` -> item (its job and spans as put_item
     * says).  Spans may point into body, which lives until put has returned. */
    int (*decode)(void *arg, struct span body, struct put_item *item,
                  struct err *err);
    /* Stores synced; items' jobs that were stored are taken over (set to NULL),
     * with id, pos, version copied to ids[] first. */
    int (*put)(void *arg, struct put_item *items, size_t n, struct put_ids *ids,
               struct err *err);
    /* Does the change; *ret_verdict is NONE when the owner has not decided in
     * time.  c->job, where the store gives one, is httpd's to free. */
    int (*change)(void *arg, struct change *c, enum verdict *ret_verdict,
                  struct err *err);
    /* Reads the configuration again; *ret_report as conf_load's. */
    int (*reload)(void *arg, char **ret_report, struct err *err);
    /* What the ledger of a held slot lacks may be sent again; NULL: there is no
     * ledger. */
    int (*accept_ledger_loss)(void *arg, int32_t slot, struct err *err);
    /* Ready to work?  When not, why is filled. */
    bool (*ready)(void *arg, char *why, size_t whylen);
    void *arg;
};

struct httpd_settings {
    const char *listen;       /* "127.0.0.1:7070", "[::1]:0"; "" off */
    const char *socket;       /* path of a unix socket, mode 0600; "" off */
    int64_t max_body;         /* bytes */
    unsigned max_connections; /* of each listener; 0: 256 */
};

int httpd_start(const struct httpd_settings *set,
                const struct httpd_house *house, struct httpd **ret,
                struct err *err);
void httpd_stop(struct httpd **ph);
unsigned httpd_port(const struct httpd *h); /* the bound port, 0: none */

#endif
