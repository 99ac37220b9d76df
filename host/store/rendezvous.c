/* SPDX-License-Identifier: Apache-2.0
 *
 * store/rendezvous.c - writer_run(): a request that somebody waits for; see
 * writer.h.  Any thread but the writer's.
 */
#include "config.h"

#include "store/writer.h"

#include <pthread.h>

struct rendezvous { /* of writer_run and its request */
    pthread_mutex_t mtx;
    pthread_cond_t done;
    writer_done_fn *first; /* the caller's own; NULL: none */
    void *arg;
    bool over;
    int result;
    struct err err;
};

static void run_done(struct writer_request *r, int result,
                     const struct err *err)
{
    struct rendezvous *v = r->arg;

    if (v->first != NULL) {
        r->arg = v->arg;
        v->first(r, result, err);
    }
    (void)pthread_mutex_lock(&v->mtx);
    v->over = true;
    v->result = result;
    v->err = *err;
    (void)pthread_cond_signal(&v->done);
    (void)pthread_mutex_unlock(&v->mtx);
}

int writer_run(struct writer *w, struct writer_request *r, struct err *err)
{
    struct rendezvous v = {.mtx = PTHREAD_MUTEX_INITIALIZER,
                           .done = PTHREAD_COND_INITIALIZER,
                           .first = r->done,
                           .arg = r->arg};
    int result;

    r->done = run_done;
    r->arg = &v;
    result = writer_submit(w, r);
    if (result < 0) {
        r->done = v.first;
        r->arg = v.arg;
        return err_set(err, result, "the store's writer has stopped");
    }
    (void)pthread_mutex_lock(&v.mtx);
    while (!v.over)
        (void)pthread_cond_wait(&v.done, &v.mtx);
    (void)pthread_mutex_unlock(&v.mtx);
    (void)pthread_mutex_destroy(&v.mtx);
    (void)pthread_cond_destroy(&v.done);
    r->done = v.first;
    r->arg = v.arg;
    if (v.result < 0 && err != NULL)
        *err = v.err;
    return v.result;
}
