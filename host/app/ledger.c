/* SPDX-License-Identifier: Apache-2.0
 *
 * app/ledger.c - what exactly_once needs: the ledger's topic, what a former run
 * has left in it, the seat of the transactions.  Control, connector and httpd
 * threads.
 *
 * A store with one instance at a time has one slot, and its recovery is ours.
 * Until it is done, apps whose records go out in transactions are not served;
 * all others are.
 */
#include "config.h"

#include "app/house.h"

#include "base/clock.h"
#include "base/log.h"
#include "kafka/logtopic.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FIRST_TRY_MS 3000 /* how long a start waits for a broker */
#define STEP_MS 5000
#define SLOT 0

void ledger_name(struct house *h)
{
    const struct conf *c = h->started;
    const char *id = store_id(h->store);

    if (c->ledger_topic[0] != '\0')
        snprintf(h->ledger_topic, sizeof(h->ledger_topic), "%s",
                 c->ledger_topic);
    else
        snprintf(h->ledger_topic, sizeof(h->ledger_topic), "%s-ledger",
                 c->cluster);
    snprintf(h->transactional_prefix, sizeof(h->transactional_prefix),
             "ontime-%.100s-%.8s", c->cluster, id);
    h->recover = (struct recover_settings){
        .kafka = &h->kafka,
        .transactional_prefix = h->transactional_prefix,
        .ledger_topic = h->ledger_topic,
        .store_id = id,
        .timeout_ms = STEP_MS,
    };
}

/* ---- the store's part, on the writer's thread ------------------------------------ */

struct ledger_call {
    struct writer_request request;
    struct house *h;
    struct store_slot slot;
    bool retry; /* by us, not by the writer: it has others to serve */
};

static int call_verify(struct writer_request *r, struct store_session *x,
                       struct err *err)
{
    struct ledger_call *c = list_of(r, struct ledger_call, request);

    return store_verify(x, &c->slot, err);
}

static void on_stored(void *arg, struct list *jobs, size_t n)
{
    struct house *h = arg;

    sched_offer(h->sched, jobs, n);
}

static int call_replay(struct writer_request *r, struct store_session *x,
                       struct err *err)
{
    struct ledger_call *c = list_of(r, struct ledger_call, request);
    struct recover_settings set = c->h->recover;
    int result;

    if (c->h->sched != NULL) { /* else nothing has been loaded yet */
        set.stored = on_stored;
        set.arg = c->h;
    }
    result = recover_replay(&set, x, err);
    c->retry = result < 0 && err->retry;
    err->retry = false;
    return result;
}

static int call_accept(struct writer_request *r, struct store_session *x,
                       struct err *err)
{
    struct ledger_call *c = list_of(r, struct ledger_call, request);
    int result = recover_accept_loss(&c->h->recover, x, err);

    c->retry = result < 0 && err->retry;
    err->retry = false;
    return result;
}

static int run_call(struct ledger_call *c,
                    int (*call)(struct writer_request *, struct store_session *,
                                struct err *),
                    struct err *err)
{
    int r;

    c->retry = false;
    c->request = (struct writer_request){.kind = WRITE_CALL, .call = call};
    r = writer_run(c->h->writer, &c->request, err);
    if (r < 0)
        err->retry = c->retry;
    return r;
}

/* ---- what is needed ---------------------------------------------------------------- */

bool ledger_wanted(struct house *h)
{
    bool any = false;

    pthread_mutex_lock(&h->mtx);
    for (size_t i = 0; h->registry != NULL && i < registry_count(h->registry);
         i++)
        any |= registry_exactly_once(registry_at(h->registry, i));
    pthread_mutex_unlock(&h->mtx);
    return any && h->embedded == NULL;
}

static int ensure_topic(struct house *h, int timeout_ms, struct err *err)
{
    const struct conf *c = h->started;
    const struct logtopic_need need = {
        .topic = h->ledger_topic,
        .partitions = (int32_t)c->ledger_partitions,
        .partition = store_shared(h->store) ? 0 : SLOT,
        .replication = (int)c->kafka_topic_replication,
        .may_create = strcmp(c->kafka_missing_topics, "create") == 0,
    };

    return logtopic_ensure(&h->kafka, &need, timeout_ms, err);
}

static void set_trouble(struct house *h, const char *text)
{
    pthread_mutex_lock(&h->mtx);
    snprintf(h->ledger_trouble, sizeof(h->ledger_trouble), "%.399s", text);
    pthread_mutex_unlock(&h->mtx);
}

/* ---- opening ------------------------------------------------------------------------- */

static int recover(struct house *h, int timeout_ms, struct err *err)
{
    struct ledger_call c = {.h = h};
    int r = run_call(&c, call_verify, err);

    if (r < 0)
        return r;
    if (c.slot.ledger_used && h->embedded != NULL) {
        log_warn("app", LOG_EVENT("ledger_not_read"),
                 LOG_STR("reason", "kafka.embedded: what was sent to another "
                                   "broker before may be sent again"));
        return 0;
    }
    if (!c.slot.ledger_used && !ledger_wanted(h))
        return 0;
    r = ensure_topic(h, timeout_ms, err);
    if (r == 0 && c.slot.ledger_used)
        r = recover_fence(&h->recover, &c.slot, err);
    if (r == 0 && c.slot.ledger_used)
        r = run_call(&c, call_replay, err);
    return r;
}

static int open_locked(struct house *h, int timeout_ms, struct err *err)
{
    int r = 0;

    if (!h->ledger_recovered)
        r = recover(h, timeout_ms, err);
    else if (ledger_wanted(h) && !h->ledger_seated)
        r = ensure_topic(h, timeout_ms, err);
    if (r < 0)
        return r;
    h->ledger_recovered = true;
    if (!ledger_wanted(h) || h->ledger_seated)
        return 0;
    r = commit_seat(h->commit, SLOT, timeout_ms, err);
    if (r < 0)
        return r;
    h->ledger_seated = true;
    atomic_store(&h->exactly_ready, true);
    atomic_store(&h->serve_again, true);
    return 0;
}

/* Whoever claims its slots does the rest. */
static int prepare_shared(struct house *h, int timeout_ms, struct err *err)
{
    return ledger_wanted(h) ? ensure_topic(h, timeout_ms, err) : 0;
}

int ledger_recover(void *arg, struct store_session *x,
                   const struct store_slot *slot, struct err *err)
{
    struct house *h = arg;

    if (h->embedded == NULL)
        return recover_slot(&h->recover, x, slot, err);
    log_warn("app", LOG_EVENT("ledger_not_read"), LOG_INT("slot", slot->slot));
    return 0;
}

void ledger_seat(struct house *h, const struct store_slot *slot)
{
    if (slot == NULL)
        commit_unseat(h->commit);
    else if (h->embedded == NULL)
        (void)commit_seat(h->commit, slot->slot, 0, NULL);
}

int ledger_open(struct house *h, int timeout_ms, struct err *err)
{
    struct err own = {0};
    int r;

    pthread_mutex_lock(&h->ledger_mtx);
    r = store_shared(h->store) ? prepare_shared(h, timeout_ms, &own)
                               : open_locked(h, timeout_ms, &own);
    set_trouble(h, r < 0 ? own.text : "");
    pthread_mutex_unlock(&h->ledger_mtx);
    if (r == -EUCLEAN)
        log_error("app", LOG_EVENT("ledger_held"), LOG_ERR(&own));
    if (r < 0 && err != NULL)
        *err = own;
    return r;
}

int ledger_start(struct house *h, struct err *err)
{
    struct err own = {0};
    int r = ledger_open(h, FIRST_TRY_MS, &own);

    if (r == -EUCLEAN)
        return 0; /* what needs no ledger goes on */
    if (r < 0 && own.retry) {
        h->ledger_late = true;
        log_warn("app", LOG_EVENT("ledger_away"), LOG_ERR(&own),
                 LOG_STR("then", "going on; apps that are delivered exactly "
                                 "once wait for it"));
        return 0;
    }
    if (r < 0 && err != NULL)
        *err = own;
    return r;
}

int ledger_accept_loss(struct house *h, int32_t slot, struct err *err)
{
    struct ledger_call c = {.h = h};
    struct err own = {0};
    int r;

    if (slot != SLOT || store_shared(h->store))
        return err_set(err, -ENOENT, "slot %d is not held here", (int)slot);
    pthread_mutex_lock(&h->ledger_mtx);
    r = h->ledger_recovered ? -EALREADY : run_call(&c, call_accept, &own);
    pthread_mutex_unlock(&h->ledger_mtx);
    if (r == -EALREADY)
        return err_set(err, r, "slot %d is not held", (int)slot);
    if (r < 0 && err != NULL)
        *err = own;
    return r < 0 ? r : ledger_open(h, STEP_MS, err);
}

/* ---- who is served --------------------------------------------------------------------- */

bool ledger_serves(struct house *h, const struct registry_app *a)
{
    if (a->instance == NULL)
        return false;
    return h->embedded != NULL || !registry_exactly_once(a) ||
           atomic_load(&h->exactly_ready);
}

bool ledger_waits(struct house *h, char *why, size_t whylen)
{
    struct commit_view v;
    bool waits;

    if (!ledger_wanted(h))
        return false;
    commit_look(h->commit, &v);
    waits = !atomic_load(&h->exactly_ready) || v.exactly != EXACTLY_READY;
    if (!waits)
        return false;
    pthread_mutex_lock(&h->mtx);
    snprintf(why, whylen, "exactly_once apps wait: %s",
             h->ledger_trouble[0] != '\0' ? h->ledger_trouble
             : v.why[0] != '\0'           ? v.why
                                          : "the ledger is being read");
    pthread_mutex_unlock(&h->mtx);
    return true;
}

/* Transactions were waiting at the seat for longer than we did. */
void on_exactly_changed(void *arg, enum exactly_state state)
{
    struct house *h = arg;

    if (state != EXACTLY_READY)
        return;
    atomic_store(&h->exactly_ready, true);
    atomic_store(&h->serve_again, true);
}
