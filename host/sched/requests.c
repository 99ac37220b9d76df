/* SPDX-License-Identifier: Apache-2.0
 *
 * sched/requests.c - what the scheduler asks of the store's writer.  Asked on
 * the scheduler's thread; the answers come on the writer's and become mail.
 */
#include "config.h"

#include "sched/internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>

#define REST_MS 1000

static void note_loaded(struct sched *s, job_pos reached)
{
    if (reached > s->store_loaded)
        s->store_loaded = reached;
}

/* Writer's thread.  What may succeed later the writer tries again itself: this
 * is for good, or the end.  Asking again at once would be a loop. */
static void note_trouble(struct sched *s, const char *op, int result,
                         const struct err *err)
{
    unsigned swallowed;

    if (result >= 0 || result == -EPIPE || result == -ECANCELED)
        return;
    if (result == -ESTALE && s->set.shared)
        return; /* the slot is lost: others see to that */
    atomic_store(&s->rest_boot_ms, clock_boot_ms() + REST_MS);
    if (log_complain(&s->complaint, clock_boot_ms(), &swallowed))
        log_error("sched", LOG_EVENT("store_refused"), LOG_STR("op", op),
                  LOG_INT("swallowed", swallowed), LOG_ERR(err));
}

static void load_done(struct writer_request *r, int result,
                      const struct err *err)
{
    struct load_work *work = list_of(r, struct load_work, request);
    struct sched *s = r->arg;

    note_trouble(s, "load", result, err);
    work->result = result;
    if (result == 0 && work->lane != PLAN_GAINED) /* of all shards */
        note_loaded(s, r->load.r.reached);
    sched_post(s, &work->letter, MAIL_LOADED);
}

static void submit(struct sched *s, struct writer_request *r,
                   enum writer_kind kind, writer_done_fn *done)
{
    struct err err = {.code = -EPIPE, .text = "the writer has stopped"};

    r->kind = kind;
    r->done = done;
    r->arg = s;
    r->tenure = s->window.tenure;
    s->requests++;
    if (writer_submit(s->set.writer, r) < 0)
        done(r, -EPIPE, &err);
}

void sched_request_load(struct sched *s, const struct load_request *q,
                        enum plan_lane lane)
{
    struct load_work *work = &s->loads[lane];

    work->request = (struct writer_request){.load.q = *q};
    list_init(&work->request.load.r.jobs);
    work->lane = lane;
    if (q->shards != NULL) {
        work->shards = *q->shards;
        work->request.load.q.shards = &work->shards;
    }
    submit(s, &work->request, WRITE_LOAD, load_done);
}

static void wishes_read(struct writer_request *r, int result,
                        const struct err *err)
{
    struct wishes_work *work = list_of(r, struct wishes_work, request);

    note_trouble(r->arg, "wishes", result, err);
    work->result = result;
    sched_post(r->arg, &work->letter, MAIL_WISHES);
}

void sched_request_wishes(struct sched *s)
{
    struct writer_request *r = &s->wish_reader.request;

    *r = (struct writer_request){
        .wishes = {.after = s->last_wish, .cap = WISHES_MOST}};
    list_init(&r->wishes.into);
    s->wish_reading = s->wish_fresh = true;
    submit(s, r, WRITE_WISHES, wishes_read);
}

static void decision_done(struct writer_request *r, int result,
                          const struct err *err)
{
    struct change_work *work = list_of(r, struct change_work, request);

    if (result != -ENOENT)
        note_trouble(r->arg, "decide", result, err);
    work->result = result;
    sched_post(r->arg, &work->letter, MAIL_DECIDED);
}

void sched_request_decision(void *arg, struct change_work *work, enum verdict v)
{
    struct sched *s = arg;

    work->request = (struct writer_request){
        .decide = {
            .wish = work->wish, .verdict = v, .now_ms = clock_wall_ms()}};
    submit(s, &work->request, WRITE_DECIDE, decision_done);
}
