/* SPDX-License-Identifier: Apache-2.0
 *
 * app/house.h - the whole daemon: what stands on what.  Internal to app.
 *
 * Built in the order of the fields, torn down in reverse.  The control thread
 * (main) owns everything; what other threads see is marked.
 */
#ifndef ONTIME_APP_HOUSE_H
#define ONTIME_APP_HOUSE_H

#include "app/options.h"
#include "base/inbox.h"
#include "commit/commit.h"
#include "commit/recover.h"
#include "conf/conf.h"
#include "dispatch/dispatch.h"
#include "httpd/httpd.h"
#include "ingest/ingest.h"
#include "job/when.h"
#include "kafka/client.h"
#include "kafka/embedded.h"
#include "plug/registry.h"
#include "sched/sched.h"
#include "seat/seat.h"
#include "store/writer.h"

#include <pthread.h>
#include <stdatomic.h>

#define HOUSE_SOURCES_MOST 256

struct retiring { /* a replaced instance that drains */
    struct list link;
    struct plugin_instance *instance;
    int64_t deadline_boot_ms;
    bool expired; /* its open attempts have been ended */
};

struct house {
    const struct options *options; /* for reloads */
    struct conf
        *started;      /* the snapshot we were started with: kafka.*, store.* */
    struct zone *zone; /* the global one; needs a restart to change */

    struct embedded *embedded;
    struct kafka_settings kafka; /* points into started and kafka_lists */
    char **kafka_lists[3];

    /* exactly once: names, and how far we are; see ledger.c */
    char ledger_topic[256], transactional_prefix[160];
    struct recover_settings recover;      /* of this house's slots */
    pthread_mutex_t ledger_mtx;           /* one at a time in ledger_open() */
    bool ledger_recovered, ledger_seated; /* under ledger_mtx */
    char ledger_trouble[400];             /* under mtx; "": none */
    bool ledger_late;          /* no broker had answered before sched began */
    atomic_bool exactly_ready; /* apps of that delivery are served */
    atomic_bool serve_again;   /* that has changed */

    struct store *store;
    struct store_session *reader; /* the control thread's */
    struct writer *writer;
    struct commit *commit;
    struct dispatch *dispatch;
    struct plugin_loader *loader;
    struct sched *sched;
    struct seat *seat;          /* NULL: nobody else may use the store */
    _Atomic(int32_t) seat_slot; /* that the writer's session holds */

    /* shared, under mtx: which apps there are */
    pthread_mutex_t mtx;
    struct conf *conf;
    struct registry *registry;

    /* sources, under sources_mtx: control and connector threads */
    pthread_mutex_t sources_mtx;
    struct source *sources[HOUSE_SOURCES_MOST];
    size_t source_count;
    struct ingest_env ingest;
    char member[128]; /* our name in consumer groups */
    char *cluster_id; /* NULL until a broker has answered */
    bool connecting;  /* the connector thread runs */
    pthread_t connector;

    struct httpd *httpd;

    /* the control thread's own */
    struct list retiring;
    struct inbox requests; /* reloads asked for over HTTP */
    int signal_fd;
    int64_t started_boot_ms;
    bool pruning;

    atomic_bool stopping, healthy; /* any thread */
    atomic_bool connected;         /* a broker has answered, the sources run */
    _Atomic(int64_t) generation;   /* of the configuration */
    atomic_bool prune_done, prune_more;
};

/* house.c */
int house_start(const struct options *o, struct conf *conf, struct house **ret,
                struct err *err);
/* Drains within stop.drain, then tears down.  0, or 1 when something hung. */
int house_stop(struct house **ph);
bool house_ready(struct house *h, char *why, size_t whylen); /* any thread */
/* Interned name of a configured app, or NULL.  Any thread. */
const struct app_name *house_known_app(void *arg, const char *name, size_t len);

/* seating.c: this instance among others; nothing when the store is not shared. */
int seating_start(struct house *h, struct err *err);
/* After the drain: everything is given back, if nothing is under way. */
void seating_end(struct house *h, bool clean, int64_t deadline_boot_ms);
enum permit seating_permit(void *arg, const struct job *j);
/* Attempts of an earlier tenure are freed; how many are left. */
size_t seating_sieve(struct house *h, struct list *attempts, size_t n);
/* Some times a second: transactions follow the slot.  Control thread. */
void seating_step(struct house *h);
void seating_left(void *arg, const struct shard_set *shards);

/* control.c: until told to stop. */
void control_run(struct house *h);
/* From another thread: a reload on the control thread. */
int control_reload(struct house *h, char **ret_report, struct err *err);

/* reload.c; control thread. */
int reload(struct house *h, char **ret_report, struct err *err);
/* Names the apps of a registry to dispatch and scheduler. */
int serve_apps(struct house *h, struct registry *r);
void retire_step(struct house *h); /* looks after replaced instances */
/* What a configuration needs of us beyond conf_load: formats, zones. */
int house_check(const struct conf *c, struct err *err);

/* kafka.c */
int kafka_prepare(struct house *h, struct err *err);
void kafka_forget(struct house *h);
/* The topics of a new configuration are looked up, or made, as configured. */
int kafka_follow(struct house *h, const struct conf *c, struct err *err);
int connector_start(struct house *h, struct err *err);
/* After a change: when something is to be waited for that was not before. */
int connector_again(struct house *h);
void connector_stop(struct house *h);

/* ledger.c: what exactly_once needs of Kafka and the store. */
void ledger_name(struct house *h);   /* after the store was opened */
bool ledger_wanted(struct house *h); /* by an app that is served */
/* Recovers what a former run has left and takes the seat for transactions, as
 * far as this house needs it and it was not done.  err.retry: no broker yet.
 * -EUCLEAN: held; said, and shown by house_ready. */
int ledger_open(struct house *h, int timeout_ms, struct err *err);
/* The step before the scheduler loads: a short try. */
int ledger_start(struct house *h, struct err *err);
/* For the seat of a shared store: recovers a slot that was claimed to be freed
 * (arg is the house); and says for which slot transactions are made (NULL:
 * none).  Writer's thread. */
int ledger_recover(void *arg, struct store_session *x,
                   const struct store_slot *slot, struct err *err);
void ledger_seat(struct house *h, const struct store_slot *slot);
/* A held slot goes on at the ledger's end. */
int ledger_accept_loss(struct house *h, int32_t slot, struct err *err);
/* Whether the app may be served now. */
bool ledger_serves(struct house *h, const struct registry_app *a);
/* Why apps of exactly_once wait; false: they do not. */
bool ledger_waits(struct house *h, char *why, size_t whylen);
void on_exactly_changed(void *arg, enum exactly_state state);

/* sources.c */
int sources_follow(struct house *h, const struct conf *conf, struct err *err);
void sources_stop(struct house *h, int64_t deadline_boot_ms);

/* api.c, views.c */
int api_start(struct house *h, struct err *err);
int view_status(void *arg, struct buf *json);
int view_apps(void *arg, struct buf *json);

/* upkeep.c: called some times a second by control. */
void upkeep(struct house *h, int64_t now_boot_ms);

/* notify.c: systemd, when it is there. */
void notify_ready(void);
void notify_reloading(void);
void notify_stopping(void);
void notify_watchdog(void);

#endif
