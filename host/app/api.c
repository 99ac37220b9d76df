/* SPDX-License-Identifier: Apache-2.0
 *
 * app/api.c - what the HTTP API changes, done by the house.  Threads of httpd.
 */
#include "config.h"

#include "app/house.h"

#include "base/clock.h"
#include "ingest/format.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define VERDICT_WAIT_MS 2000
#define VERDICT_POLL_NS 25000000
#define BODY_MOST (17 << 20)

/* ---- put ----------------------------------------------------------------------- */

struct waiter { /* a request that somebody waits for */
    struct writer_request request;
    struct house *h;
    struct put_ids *ids;
};

/* Writer's thread: what was stored goes to the scheduler. */
static void take_over(struct waiter *w)
{
    struct put_batch *b = &w->request.put;
    struct list jobs;
    size_t n = 0;

    list_init(&jobs);
    for (size_t i = 0; i < b->count; i++) {
        struct put_item *item = &b->items[i];

        w->ids[i] = (struct put_ids){0};
        if (item->result == PUT_WISHED)
            sched_wished(w->h->sched);
        if (item->result != PUT_STORED && item->result != PUT_REPLACED)
            continue;
        w->ids[i] = (struct put_ids){item->job->id, item->job->version,
                                     item->job->due_ms};
        list_push(&jobs, &item->job->link);
        item->job = NULL;
        n++;
    }
    if (n > 0)
        sched_offer(w->h->sched, &jobs, n);
}

static void put_done(struct writer_request *r, int result,
                     const struct err *err)
{
    (void)err;
    if (result == 0)
        take_over(list_of(r, struct waiter, request));
}

static int put_once(struct house *h, struct put_item *items, size_t n,
                    struct put_ids *ids, struct err *err)
{
    struct waiter w = {.h = h, .ids = ids};
    int r;

    if (!writer_healthy(h->writer))
        return err_again(err, -EAGAIN, "the store is away; try again later");
    w.request = (struct writer_request){
        .kind = WRITE_PUT,
        .put = {.items = items,
                .count = n,
                .now_ms = clock_wall_ms(),
                .sync = true},
        .done = put_done,
    };
    r = writer_run(h->writer, &w.request, err);
    return r == -EPIPE ? err_again(err, -EAGAIN, "the house is closing") : r;
}

/* Between two slots nothing can be written, for some ms.  True: try again. */
static bool between_slots(struct house *h, int result, int64_t until_boot_ms)
{
    const struct timespec nap = {.tv_nsec = VERDICT_POLL_NS};

    if (result != -ESTALE || h->seat == NULL ||
        clock_boot_ms() >= until_boot_ms)
        return false;
    (void)nanosleep(&nap, NULL);
    return true;
}

static int put(void *arg, struct put_item *items, size_t n, struct put_ids *ids,
               struct err *err)
{
    struct house *h = arg;
    int64_t until = clock_boot_ms() + VERDICT_WAIT_MS;
    int r;

    do
        r = put_once(h, items, n, ids, err);
    while (between_slots(h, r, until));
    if (r == -ESTALE)
        return err_again(err, -EAGAIN,
                         "no slot among the instances; try again "
                         "later");
    return r;
}

/* ---- change ---------------------------------------------------------------------- */

struct verdict_call {
    struct writer_request request;
    int64_t wish;
    enum verdict verdict;
};

static int ask_verdict(struct writer_request *r, struct store_session *x,
                       struct err *err)
{
    struct verdict_call *c = list_of(r, struct verdict_call, request);

    return store_verdict(x, c->wish, &c->verdict, err);
}

/* Until the owner has decided, or the time is over (NONE). */
static int await_verdict(struct house *h, int64_t wish, enum verdict *ret,
                         struct err *err)
{
    struct timespec nap = {.tv_nsec = VERDICT_POLL_NS};
    int64_t end = clock_boot_ms() + VERDICT_WAIT_MS;
    int r;

    do {
        struct verdict_call c = {.wish = wish};

        c.request.kind = WRITE_CALL;
        c.request.call = ask_verdict;
        r = writer_run(h->writer, &c.request, err);
        *ret = c.verdict;
        if (r < 0 || *ret != VERDICT_NONE)
            return r;
        (void)nanosleep(&nap, NULL);
    } while (clock_boot_ms() < end);
    return 0;
}

static int change(void *arg, struct change *c, enum verdict *ret_verdict,
                  struct err *err)
{
    struct house *h = arg;
    struct writer_request r = {.kind = WRITE_CHANGE};
    int64_t until = clock_boot_ms() + VERDICT_WAIT_MS;
    char why[200];
    int result, tries = 0;

    if (!writer_healthy(h->writer))
        return err_again(err, -EAGAIN, "the store is away; try again later");
    do { /* -ESTALE may also be the job's version: then once more is enough */
        r.change = *c;
        r.change.now_ms = clock_wall_ms();
        result = writer_run(h->writer, &r, err);
    } while (between_slots(h, result, until) &&
             (tries++ < 1 || !seat_ready(h->seat, why, sizeof(why))));
    if (result < 0)
        return result;
    c->wish = r.change.wish;
    c->job = r.change.job;
    sched_wished(h->sched);
    *ret_verdict = VERDICT_OK;
    if (c->wish > 0)
        return await_verdict(h, c->wish, ret_verdict, err);
    return 0;
}

/* ---- the rest ---------------------------------------------------------------------- */

/* format `ingest` with the global zone; names are checked by house_known_app. */
static int decode(void *arg, struct span body, struct put_item *item,
                  struct err *err)
{
    struct house *h = arg;
    struct format_source src = {
        .zone = h->zone, .known_app = house_known_app, .arg = h};
    struct format_input in = {.value = body, .now_ms = clock_wall_ms()};

    return format_find("ingest")->decode(&src, &in, item, err);
}

static int when(void *arg, struct span text, int64_t *ret_ms, struct err *err)
{
    const struct house *h = arg;

    return when_parse(text.data, text.len, h->zone, ret_ms, err);
}

static int do_reload(void *arg, char **ret_report, struct err *err)
{
    return control_reload(arg, ret_report, err);
}

static bool ready(void *arg, char *why, size_t whylen)
{
    return house_ready(arg, why, whylen);
}

static int accept_ledger_loss(void *arg, int32_t slot, struct err *err)
{
    return ledger_accept_loss(arg, slot, err);
}

int api_start(struct house *h, struct err *err)
{
    struct httpd_house house = {
        .store = h->store,
        .known_app = house_known_app,
        .when = when,
        .status = view_status,
        .apps = view_apps,
        .decode = decode,
        .put = put,
        .change = change,
        .reload = do_reload,
        .accept_ledger_loss = accept_ledger_loss,
        .ready = ready,
        .arg = h,
    };
    struct httpd_settings set = {
        .listen = h->conf->http_listen,
        .socket = h->conf->http_socket,
        .max_body = BODY_MOST,
    };

    if (set.listen[0] == '\0' && set.socket[0] == '\0')
        return 0;
    return httpd_start(&set, &house, &h->httpd, err);
}
