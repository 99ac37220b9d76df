/* SPDX-License-Identifier: Apache-2.0
 *
 * app/house.c - builds in order, tears down in reverse; see house.h.
 */
#include "config.h"

#include "app/house.h"

#include "base/clock.h"
#include "base/log.h"
#include "metrics/metrics.h"
#include "store/slots.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define ATTEMPTS_SPARE 4096 /* ended attempts on their way, beyond the window */
#define ATTEMPTS_MOST (1u << 20) /* plug/attempt.h: tokens count no further */
#define CLOSE_MS 10000

/* ---- what the rooms tell each other ----------------------------------------------------- */

static size_t taker_room(void *arg, const struct app_name *app, enum lane lane,
                         enum job_priority priority)
{
    struct house *h = arg;

    return dispatch_room(h->dispatch, app, lane, priority);
}

static void taker_give(void *arg, const struct app_name *app, enum lane lane,
                       enum job_priority priority, struct list *jobs, size_t n)
{
    struct house *h = arg;

    dispatch_give(h->dispatch, app, lane, priority, jobs, n);
}

static void on_ended(void *arg, struct list *attempts, size_t n)
{
    struct house *h = arg;

    n = seating_sieve(h, attempts, n);
    if (n > 0)
        commit_submit(h->commit, attempts, n);
}

static void on_settled(void *arg, struct settled_batch *b)
{
    struct house *h = arg;

    sched_settled(h->sched, b);
}

static void on_stored(void *arg, struct list *jobs, size_t n)
{
    struct house *h = arg;

    sched_offer(h->sched, jobs, n);
}

static void on_wished(void *arg)
{
    struct house *h = arg;

    sched_wished(h->sched);
}

static void on_room(void *arg)
{
    struct house *h = arg;

    sched_room(h->sched);
}

/* Jobs that dispatch will not run: as if another attempt were due. */
static void on_returned(void *arg, struct list *jobs, size_t n)
{
    struct house *h = arg;
    struct settled_batch *b = malloc(sizeof(*b) + n * sizeof(b->items[0]));
    size_t i = 0;

    for (struct list *e; (e = list_pop(jobs)) != NULL;) {
        struct job *j = list_of(e, struct job, link);

        if (b == NULL) { /* they stay held until the next start */
            job_free(&j);
            continue;
        }
        b->items[i++] =
            (struct settled){.id = j->id, .tenure = j->tenure, .again = j};
    }
    if (b == NULL)
        return;
    b->count = i;
    sched_settled(h->sched, b);
}

static int mark_running(void *arg, struct job **jobs, size_t n, struct err *err)
{
    struct house *h = arg;
    struct writer_request r = {.kind = WRITE_RUNNING,
                               .running = {.jobs = jobs, .count = n}};

    return writer_run(h->writer, &r, err);
}

const struct app_name *house_known_app(void *arg, const char *name, size_t len)
{
    struct house *h = arg;
    const struct app_name *found = NULL;

    pthread_mutex_lock(&h->mtx);
    for (size_t i = 0; i < registry_count(h->registry) && found == NULL; i++) {
        const struct app_name *a = registry_at(h->registry, i)->name;

        if (strncmp(a->text, name, len) == 0 && a->text[len] == '\0')
            found = a;
    }
    pthread_mutex_unlock(&h->mtx);
    return found;
}

bool house_ready(struct house *h, char *why, size_t whylen)
{
    const char *text = NULL;

    if (atomic_load(&h->stopping))
        text = "stopping";
    else if (!writer_healthy(h->writer))
        text = "the store is away";
    else if (atomic_load(&h->healthy) == false)
        text = "starting";
    else if (!atomic_load(&h->connected))
        text = "no Kafka broker has answered yet";
    else if (ledger_waits(h, why, whylen))
        return false;
    if (text == NULL && h->seat != NULL)
        return seat_ready(h->seat, why, whylen);
    if (text != NULL)
        snprintf(why, whylen, "%s", text);
    return text == NULL;
}

/* ---- starting --------------------------------------------------------------------------- */

static int start_store(struct house *h, struct err *err)
{
    struct store_settings set = {
        .url = h->conf->store_url,
        .instance_id = h->conf->instance_id,
        .cluster = h->conf->cluster,
        .cache_kb = h->conf->store_cache_kb,
        .idempotency_ms = h->conf->store_idempotency_ms,
        .history_ms = h->conf->store_history_ms,
        .sync_full = h->conf->store_sync_full,
    };
    int r = store_open(&set, &h->store, err);

    if (r == 0)
        r = store_session_open(h->store, false, &h->reader, err);
    if (r == 0)
        r = writer_start(h->store, &h->writer, err);
    if (r == 0)
        ledger_name(h);
    return r;
}

static int start_commit(struct house *h, struct err *err)
{
    struct commit_settings set = {
        .kafka = &h->kafka,
        .writer = h->writer,
        .batch_jobs = (size_t)h->conf->commit_batch_jobs,
        .linger_ms = h->conf->commit_linger_ms,
        .inflight_records = (size_t)h->conf->commit_inflight_records,
        .transactional_prefix =
            h->embedded == NULL ? h->transactional_prefix : NULL,
        .ledger_topic = h->ledger_topic,
        .store_id = store_id(h->store),
        .transaction_jobs = (size_t)h->conf->commit_transaction_jobs,
        .transaction_linger_ms = h->conf->commit_transaction_linger_ms,
        .exactly_changed = on_exactly_changed,
        .settled = on_settled,
        .stored = on_stored,
        .wished = on_wished,
        .arg = h,
    };

    return commit_start(&set, &h->commit, err);
}

/* A full table only makes dispatch wait. */
static uint32_t attempts_for(const struct conf *c)
{
    int64_t n = c->sched_window_jobs + ATTEMPTS_SPARE;

    return n < ATTEMPTS_MOST ? (uint32_t)n : ATTEMPTS_MOST;
}

static int start_dispatch(struct house *h, struct err *err)
{
    struct dispatch_settings set = {
        .workers = (unsigned)h->conf->dispatch_workers,
        .max_workers = (unsigned)h->conf->dispatch_max_workers,
        .attempts = attempts_for(h->conf),
        .overdue_after_ms = h->conf->sched_overdue_after_ms,
        .store_id = store_id(h->store),
        .transactions = h->embedded == NULL,
        .ended = on_ended,
        .returned = on_returned,
        .mark_running = mark_running,
        .permit = store_shared(h->store) ? seating_permit : NULL,
        .room = on_room,
        .arg = h,
    };

    return dispatch_start(&set, &h->dispatch, err);
}

static void print_report(char **preport)
{
    if (*preport != NULL)
        fprintf(stderr, "%s%s", *preport,
                (*preport)[strlen(*preport) - 1] == '\n' ? "" : "\n");
    free(*preport);
    *preport = NULL;
}

static int load_plugins(struct house *h, struct err *err)
{
    struct plugin_loader_settings loader = {.plugins_dir = h->conf->plugins_dir,
                                            .run_dir =
                                                h->conf->plugins_run_dir};
    struct registry_settings set = {.attempts = dispatch_attempts(h->dispatch),
                                    .init_timeout_ms =
                                        h->conf->plugins_init_timeout_ms};
    char *report = NULL;
    int r = plugin_loader_new(&loader, &h->loader, err);

    if (r < 0)
        return r;
    set.loader = h->loader;
    r = registry_build(h->conf, NULL, &set, &h->registry, &report, err);
    print_report(&report);
    return r;
}

static int start_sched(struct house *h, struct err *err)
{
    struct sched_settings set = {
        .window = {.jobs = (size_t)h->conf->sched_window_jobs,
                   .bytes = (size_t)h->conf->sched_window_bytes,
                   .overdue_after_ms = h->conf->sched_overdue_after_ms},
        .ahead_ms = h->conf->sched_window_ahead_ms,
        .writer = h->writer,
        .taker = {taker_room, taker_give, h},
        .shared = store_shared(h->store),
        .left = seating_left,
        .left_arg = h,
    };
    int r = sched_start(&set, &h->sched, err);

    if (r == 0 && serve_apps(h, h->registry) < 0)
        r = err_set(err, -ENOMEM, "start: no memory");
    return r;
}

static bool is_durable(void *arg)
{
    return ledger_wanted(arg);
}

/*
 * A static member of its groups (KIP-345): after a crash we are given our
 * partitions back at once instead of after the session time-out.  The store's
 * id keeps two installations apart.  The embedded broker knows no such members.
 */
static void prepare_ingest(struct house *h)
{
    if (h->embedded == NULL)
        snprintf(h->member, sizeof(h->member), "%.80s-%.8s",
                 h->started->instance_id, store_id(h->store));
    h->ingest = (struct ingest_env){
        .kafka = &h->kafka,
        .instance_id = h->member,
        .store = h->store,
        .writer = h->writer,
        .zone = h->zone,
        .known_app = house_known_app,
        .stored = on_stored,
        .wished = on_wished,
        .durable = is_durable,
        .arg = h,
    };
}

static int open_signals(struct house *h, struct err *err)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
        return err_set(err, -EINVAL, "block signals");
    h->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (h->signal_fd < 0)
        return err_sys(err, errno, "signalfd");
    return inbox_init(&h->requests, 16, true);
}

typedef int step_fn(struct house *h, struct err *err);

/* In this order; house_stop() undoes them in reverse. */
static step_fn *const steps[] = {
    open_signals, kafka_prepare, start_store, start_commit,  start_dispatch,
    load_plugins, ledger_start,  start_sched, seating_start,
};

static struct house *house_new(const struct options *o, struct conf *conf)
{
    struct house *h = calloc(1, sizeof(*h));

    if (h == NULL)
        return NULL;
    h->options = o;
    h->started = conf_ref(conf);
    h->conf = conf_ref(conf);
    h->signal_fd = -1;
    h->started_boot_ms = clock_boot_ms();
    list_init(&h->retiring);
    pthread_mutex_init(&h->mtx, NULL);
    pthread_mutex_init(&h->sources_mtx, NULL);
    pthread_mutex_init(&h->ledger_mtx, NULL);
    atomic_store(&h->generation, 1);
    return h;
}

int house_start(const struct options *o, struct conf *conf, struct house **ret,
                struct err *err)
{
    struct house *h = house_new(o, conf);
    int r;

    if (h == NULL)
        return err_set(err, -ENOMEM, "start: no memory");
    metric_set(metric_series("ontime_build_info", PACKAGE_VERSION), 1);
    metric_set(metric_series("ontime_config_generation", NULL), 1);
    r = zone_load(conf->timezone, &h->zone, err);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && r == 0; i++)
        r = steps[i](h, err);
    if (r == 0) {
        prepare_ingest(h);
        r = api_start(h, err);
    }
    if (r == 0)
        r = connector_start(h, err);
    if (r < 0) {
        atomic_store(&h->stopping, true);
        house_stop(&h);
        return r;
    }
    atomic_store(&h->healthy, true);
    log_info("app", LOG_EVENT("started"), LOG_STR("version", PACKAGE_VERSION),
             LOG_STR("instance", conf->instance_id),
             LOG_STR("store", conf->store_url),
             LOG_STR("kafka", h->kafka.bootstrap_servers),
             LOG_INT("apps", registry_count(h->registry)),
             LOG_INT("http_port", h->httpd == NULL ? 0 : httpd_port(h->httpd)));
    *ret = h;
    return 0;
}

/* ---- stopping ------------------------------------------------------------------------------ */

/* Attempts end, outcomes reach Kafka and the store. */
static void drain(struct house *h, int64_t deadline)
{
    bool clean = true;

    if (h->seat != NULL)
        seat_retire(h->seat);
    if (h->sched != NULL)
        sched_pause(h->sched);
    if (h->dispatch != NULL)
        dispatch_drain(h->dispatch, deadline);
    if (h->commit != NULL && commit_drain(h->commit, deadline) < 0) {
        clean = false;
        log_warn(
            "app", LOG_EVENT("drain_cut_short"),
            LOG_STR("then",
                    "what is not finished is done again after the next start"));
    }
    seating_end(h, clean, deadline + 1000);
}

static void close_instances(struct house *h)
{
    struct plugin_instance *i;
    struct err err;

    while (!list_empty(&h->retiring)) {
        struct retiring *x =
            list_of(list_pop(&h->retiring), struct retiring, link);

        if (instance_close(x->instance, CLOSE_MS, &err) < 0)
            instance_abandon(x->instance);
        instance_unref(&x->instance);
        free(x);
    }
    for (size_t n = 0; h->registry != NULL &&
                       (i = registry_replaced(h->registry, NULL, n)) != NULL;
         n++) {
        instance_retire(i);
        if (instance_close(i, CLOSE_MS, &err) < 0) {
            log_warn("app", LOG_EVENT("close_failed"), LOG_ERR(&err));
            instance_abandon(i);
        }
        instance_unref(&i);
    }
    registry_unref(&h->registry);
}

static void free_rest(struct house *h)
{
    store_session_close(&h->reader);
    store_close(&h->store);
    embedded_stop(&h->embedded);
    kafka_forget(h);
    free(h->cluster_id);
    if (h->signal_fd >= 0) {
        close(h->signal_fd);
        inbox_close(&h->requests);
        inbox_done(&h->requests);
    }
    zone_free(&h->zone);
    conf_unref(&h->conf);
    conf_unref(&h->started);
    pthread_mutex_destroy(&h->mtx);
    pthread_mutex_destroy(&h->sources_mtx);
    pthread_mutex_destroy(&h->ledger_mtx);
    free(h);
}

int house_stop(struct house **ph)
{
    struct house *h = *ph;
    int64_t deadline;

    *ph = NULL;
    deadline = clock_boot_ms() + h->conf->stop_drain_ms;
    atomic_store(&h->stopping, true);
    notify_stopping();
    connector_stop(h);
    sources_stop(h, deadline);
    drain(h, deadline);
    httpd_stop(&h->httpd);
    if (h->writer != NULL) /* it stays: the threads below still turn to it */
        writer_close(h->writer, deadline + 1000);
    seat_stop(&h->seat);
    commit_stop(&h->commit);
    sched_stop(&h->sched);
    if (!dispatch_join(h->dispatch)) { /* its code and state stay */
        log_warn("app", LOG_EVENT("stopped"),
                 LOG_STR("note", "a plugin hangs"));
        return 1;
    }
    writer_stop(&h->writer, deadline);
    close_instances(h);
    (void)dispatch_stop(
        &h->dispatch); /* plugins' threads have used it until now */
    plugin_loader_free(&h->loader);
    free_rest(h);
    log_info("app", LOG_EVENT("stopped"));
    return 0;
}
