/* SPDX-License-Identifier: Apache-2.0
 *
 * app/control.c - the control thread's loop: signals, reloads that were asked
 * for, upkeep.
 */
#include "config.h"

#include "app/house.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define TICK_MS 200

struct reload_request { /* on the asker's stack: it waits */
    struct list link;
    pthread_mutex_t mtx;
    pthread_cond_t cond;
    bool done;
    int result;
    char *report;
    struct err err;
};

static void answer(struct house *h, struct reload_request *q)
{
    char *report = NULL;
    struct err err = {0};
    int r = -EAGAIN;

    if (atomic_load(&h->stopping))
        (void)err_again(&err, r, "the house is closing");
    else
        r = reload(h, &report, &err);
    pthread_mutex_lock(&q->mtx);
    q->result = r;
    q->report = report;
    q->err = err;
    q->done = true;
    pthread_cond_signal(&q->cond);
    pthread_mutex_unlock(&q->mtx);
}

static void answer_all(struct house *h)
{
    struct list letters;

    list_init(&letters);
    (void)inbox_take(&h->requests, &letters, 0);
    for (struct list *e; (e = list_pop(&letters)) != NULL;)
        answer(h, list_of(e, struct reload_request, link));
}

int control_reload(struct house *h, char **ret_report, struct err *err)
{
    struct reload_request q = {.done = false};
    int r;

    list_init(&q.link);
    pthread_mutex_init(&q.mtx, NULL);
    pthread_cond_init(&q.cond, NULL);
    r = inbox_put(&h->requests, &q.link, 1);
    if (r < 0) {
        r = err_again(err, -EBUSY, "the house is closing or busy with reloads");
    } else {
        pthread_mutex_lock(&q.mtx);
        while (!q.done)
            pthread_cond_wait(&q.cond, &q.mtx);
        pthread_mutex_unlock(&q.mtx);
        r = q.result;
        *ret_report = q.report;
        if (r < 0 && err != NULL)
            *err = q.err;
    }
    pthread_cond_destroy(&q.cond);
    pthread_mutex_destroy(&q.mtx);
    return r;
}

/* False: it was a signal to stop. */
static bool read_signals(struct house *h)
{
    struct signalfd_siginfo s;
    bool hup = false, go_on = true;

    while (read(h->signal_fd, &s, sizeof(s)) == (ssize_t)sizeof(s)) {
        if (s.ssi_signo == SIGHUP) {
            hup = true; /* several at once are one */
            continue;
        }
        log_info("app", LOG_EVENT("stopping"), LOG_INT("signal", s.ssi_signo));
        go_on = false;
    }
    if (hup && go_on)
        (void)reload(h, NULL, NULL);
    return go_on;
}

void control_run(struct house *h)
{
    struct pollfd fds[2] = {{.fd = h->signal_fd, .events = POLLIN},
                            {.fd = h->requests.wake_fd, .events = POLLIN}};
    bool go_on = true;

    while (go_on) {
        int n = poll(fds, 2, TICK_MS);

        if (n > 0 && (fds[1].revents & POLLIN) != 0)
            answer_all(h);
        if (n > 0 && (fds[0].revents & POLLIN) != 0)
            go_on = read_signals(h);
        upkeep(h, clock_boot_ms());
    }
    atomic_store(&h->stopping, true);
    inbox_close(&h->requests);
    answer_all(h);
}
