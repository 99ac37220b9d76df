/* SPDX-License-Identifier: Apache-2.0
 *
 * app/kafka.c - the way to the Kafka cluster: settings, topics, and a thread
 * that waits for a broker when none answers at start.
 */
#include "config.h"

#include "app/house.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FIRST_TRY_MS 3000 /* how long a start waits for a broker */
#define LATE_TRY_MS 100   /* when that was waited for already */
#define NEXT_TRY_MS 5000
#define NEEDS_MOST 1024

/* ---- settings ------------------------------------------------------------------- */

static void list_free(char ***plist)
{
    for (char **at = *plist; at != NULL && *at != NULL; at++)
        free(*at);
    free(*plist);
    *plist = NULL;
}

/* The list NULL-terminated, with its secrets filled in. */
static int list_resolve(const struct conf_strings *s, char ***ret,
                        struct err *err)
{
    char **at = calloc(s->count + 1, sizeof(*at));
    int r = 0;

    if (at == NULL)
        return err_set(err, -ENOMEM, "read the Kafka settings: no memory");
    for (size_t i = 0; r == 0 && i < s->count; i++)
        r = conf_secret_pair(s->at[i], &at[i], err);
    if (r < 0)
        list_free(&at);
    *ret = at;
    return r;
}

static int read_lists(struct house *h, const struct conf *c, struct err *err)
{
    int r = list_resolve(&c->kafka_common, &h->kafka_lists[0], err);

    if (r == 0)
        r = list_resolve(&c->kafka_producer, &h->kafka_lists[1], err);
    if (r == 0)
        r = list_resolve(&c->kafka_consumer, &h->kafka_lists[2], err);
    return r;
}

void kafka_forget(struct house *h)
{
    for (int i = 0; i < 3; i++)
        list_free(&h->kafka_lists[i]);
}

int kafka_prepare(struct house *h, struct err *err)
{
    struct conf *c = h->started;
    int r;

    if (c->kafka_embedded) {
        r = embedded_start(1, &h->embedded, err);
        if (r < 0)
            return r;
        log_info("app", LOG_EVENT("embedded_broker"),
                 LOG_STR("bootstrap_servers", embedded_bootstrap(h->embedded)));
    }
    r = read_lists(h, c, err);
    if (r < 0)
        return r;
    h->kafka = (struct kafka_settings){
        .bootstrap_servers = h->embedded != NULL
                                 ? embedded_bootstrap(h->embedded)
                                 : c->kafka_bootstrap_servers,
        .client_id = c->instance_id,
        .common = (const char *const *)h->kafka_lists[0],
        .producer = (const char *const *)h->kafka_lists[1],
        .consumer = (const char *const *)h->kafka_lists[2],
        .partitioner = c->kafka_partitioner,
    };
    return kafka_settings_check(&h->kafka, err);
}

/* ---- topics ---------------------------------------------------------------------- */

struct needs {
    struct topic_need at[NEEDS_MOST];
    size_t count;
    int32_t partitions;
};

static void need(struct needs *n, const char *topic, const char *why)
{
    if (topic == NULL || topic[0] == '\0' || n->count == NEEDS_MOST)
        return;
    for (size_t i = 0; i < n->count; i++)
        if (strcmp(n->at[i].topic, topic) == 0)
            return;
    n->at[n->count++] = (struct topic_need){
        .topic = topic, .why = why, .partitions = n->partitions};
}

/* A plugin's setting called "topic" or "..._topic" names where it sends to. */
static bool names_topic(const char *setting)
{
    size_t n = strlen(setting);

    return strcmp(setting, "topic") == 0 ||
           (n > 6 && strcmp(setting + n - 6, "_topic") == 0);
}

static void collect(const struct conf *c, struct needs *n)
{
    n->count = 0;
    n->partitions = (int32_t)c->kafka_topic_partitions;
    for (size_t i = 0; i < c->source_count; i++) {
        if (!c->sources[i].enabled)
            continue;
        need(n, c->sources[i].topic, c->sources[i].name);
        need(n, c->sources[i].dlq_topic, c->sources[i].name);
    }
    for (size_t i = 0; i < c->app_count; i++) {
        const struct conf_app *a = &c->apps[i];

        need(n, a->dead_letter_topic, a->name);
        for (size_t k = 0; k < a->setting_count; k++)
            if (names_topic(a->settings[k].name))
                need(n, a->settings[k].value, a->name);
    }
}

static enum topic_missing missing_policy(const struct conf *c)
{
    if (strcmp(c->kafka_missing_topics, "create") == 0)
        return TOPIC_CREATE;
    return strcmp(c->kafka_missing_topics, "fail") == 0 ? TOPIC_FAIL
                                                        : TOPIC_WARN;
}

static int ensure_topics(struct house *h, const struct conf *c, int timeout_ms,
                         struct err *err)
{
    const struct topic_policy policy = {missing_policy(c),
                                        (int)c->kafka_topic_replication};
    struct needs *n = malloc(sizeof(*n));
    int r = 0;

    if (n == NULL)
        return err_again(err, -ENOMEM, "look the topics up: no memory");
    collect(c, n);
    for (size_t i = 0; h->embedded != NULL && r == 0 && i < n->count; i++)
        r = embedded_topic(h->embedded, n->at[i].topic, n->partitions, err);
    if (r == 0 && h->embedded == NULL && n->count > 0)
        r = kafka_topics_ensure(&h->kafka, n->at, n->count, &policy, timeout_ms,
                                err);
    free(n);
    return r;
}

/* ---- connecting ------------------------------------------------------------------- */

static int ask_cluster_id(struct house *h, int timeout_ms, struct err *err)
{
    char *id;
    int r = kafka_cluster_id(&h->kafka, timeout_ms, &id, err);

    if (r < 0)
        return r;
    pthread_mutex_lock(&h->sources_mtx);
    free(h->cluster_id);
    h->cluster_id = id;
    h->ingest.cluster_id = id;
    pthread_mutex_unlock(&h->sources_mtx);
    return 0;
}

static struct conf *current_conf(struct house *h)
{
    struct conf *c;

    pthread_mutex_lock(&h->mtx);
    c = conf_ref(h->conf);
    pthread_mutex_unlock(&h->mtx);
    return c;
}

/* A broker answers, the topics are there, the sources run. */
static int connect_once(struct house *h, int timeout_ms, struct err *err)
{
    struct conf *c = current_conf(h);
    int r = h->cluster_id == NULL ? ask_cluster_id(h, timeout_ms, err) : 0;

    if (r == 0)
        r = ensure_topics(h, c, timeout_ms, err);
    if (r == 0)
        r = sources_follow(h, c, err);
    if (r == 0)
        atomic_store(&h->connected, true);
    if (r == 0)
        r = ledger_open(h, timeout_ms, err);
    if (r == -EUCLEAN) /* held, and said: what needs no ledger goes on */
        r = 0;
    conf_unref(&c);
    return r;
}

int kafka_follow(struct house *h, const struct conf *c, struct err *err)
{
    struct err own;
    int r;

    if (!atomic_load(&h->connected))
        return 0; /* the connector will look at the configuration of then */
    r = ensure_topics(h, c, FIRST_TRY_MS, &own);
    if (r < 0 && own.retry) {
        log_warn("app", LOG_EVENT("topics_not_checked"), LOG_ERR(&own));
        return 0;
    }
    if (r < 0 && err != NULL)
        *err = own;
    return r;
}

static void *run_connector(void *arg)
{
    struct house *h = arg;
    struct log_complaint trouble = {0};
    struct timespec nap = {.tv_nsec = 200000000};
    struct err err;
    unsigned swallowed;

    while (!atomic_load(&h->stopping)) {
        if (connect_once(h, NEXT_TRY_MS, &err) == 0) {
            log_info("app", LOG_EVENT("kafka_connected"),
                     LOG_STR("cluster_id", h->cluster_id));
            break;
        }
        if (log_complain(&trouble, clock_boot_ms(), &swallowed))
            log_warn("app", LOG_EVENT("kafka_away"), LOG_ERR(&err),
                     LOG_INT("swallowed", swallowed));
        (void)nanosleep(&nap, NULL);
    }
    return NULL;
}

int connector_start(struct house *h, struct err *err)
{
    struct err first;
    int r =
        connect_once(h, h->ledger_late ? LATE_TRY_MS : FIRST_TRY_MS, &first);

    if (r == 0)
        return 0;
    if (!first.retry) {
        if (err != NULL)
            *err = first;
        return r;
    }
    log_warn("app", LOG_EVENT("kafka_away"), LOG_ERR(&first),
             LOG_STR("then", "going on; sources start when a broker answers"));
    r = thread_start(&h->connector, "connector", run_connector, h, err);
    h->connecting = r == 0;
    return r;
}

int connector_again(struct house *h)
{
    char why[8];
    int r;

    if (!atomic_load(&h->connected) || !ledger_waits(h, why, sizeof(why)))
        return 0;
    connector_stop(h); /* it has ended, or soon will */
    r = thread_start(&h->connector, "connector", run_connector, h, NULL);
    h->connecting = r == 0;
    return r;
}

void connector_stop(struct house *h)
{
    if (!h->connecting)
        return;
    pthread_join(h->connector, NULL);
    h->connecting = false;
}
