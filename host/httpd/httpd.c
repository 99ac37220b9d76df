/* SPDX-License-Identifier: Apache-2.0
 *
 * httpd/httpd.c - the HTTP API, built and torn down; see httpd.h.
 *
 * Control thread.  The other files: serve.c talks to libmicrohttpd, routes.c is
 * the table of what there is, lane.c the threads for what may block, jobs*.c
 * and ops.c the handlers, request.c the answers, show.c jobs as JSON, uri.c,
 * guard.c and listen.c what their names say.
 */
#include "config.h"

#include "httpd/httpd.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "httpd/jobs.h"
#include "httpd/listen.h"
#include "httpd/serve.h"

#define CONNECTIONS_DEFAULT 256
#define HELD_MIN ((size_t)64 << 20)

struct httpd {
    struct server srv;
    struct listener tcp, local;
    struct listen_path socket;
    unsigned port;
    unsigned max_connections;
};

static int start_lanes(struct server *s, struct err *err)
{
    static const struct {
        enum lane_kind kind;
        struct lane_settings set;
    } rows[] = {
        {LANE_READ, {"http-read", 2, 1, lane_run_each, serve_answered}},
        {LANE_PUT, {"http-put", 1, JOBS_PUT_MAX, jobs_put_all, serve_answered}},
        {LANE_CONTROL, {"http-change", 4, 1, lane_run_each, serve_answered}},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int r = lane_start(&s->lane[rows[i].kind], &rows[i].set, err);

        if (r < 0)
            return r;
    }
    return 0;
}

static int start_tcp(struct httpd *h, const char *listen, struct err *err)
{
    struct listen_addr addr;
    int fd, r = listen_parse(listen, &addr, err);

    if (r < 0)
        return r;
    fd = listen_tcp(&addr, &h->port, err);
    if (fd < 0) {
        (void)err_wrap(err, "%s", listen);
        return fd;
    }
    if (!addr.loopback)
        log_warn("httpd", LOG_EVENT("open_to_network"),
                 LOG_STR("listen", listen),
                 LOG_STR("reason", "whoever reaches this address may use the "
                                   "API: there is no password"));
    h->tcp.check_host = addr.loopback;
    return serve_start(&h->tcp, fd, h->max_connections, err);
}

static int start_local(struct httpd *h, const char *path, struct err *err)
{
    int fd = listen_unix(path, &h->socket, err);

    if (fd < 0)
        return fd;
    return serve_start(&h->local, fd, h->max_connections, err);
}

static bool wanted(const char *text)
{
    return text != NULL && *text != '\0';
}

int httpd_start(const struct httpd_settings *set,
                const struct httpd_house *house, struct httpd **ret,
                struct err *err)
{
    struct httpd *h = calloc(1, sizeof(*h));
    int r;

    assert(set->max_body > 0);
    if (h == NULL)
        return err_again(err, -ENOMEM, "no memory");
    h->srv.house = *house;
    h->srv.max_body = (size_t)set->max_body;
    h->srv.max_held =
        h->srv.max_body * 4 > HELD_MIN ? h->srv.max_body * 4 : HELD_MIN;
    h->tcp.srv = h->local.srv = &h->srv;
    h->max_connections =
        set->max_connections > 0 ? set->max_connections : CONNECTIONS_DEFAULT;
    r = start_lanes(&h->srv, err);
    if (r == 0 && wanted(set->listen))
        r = start_tcp(h, set->listen, err);
    if (r == 0 && wanted(set->socket))
        r = start_local(h, set->socket, err);
    if (r < 0) {
        httpd_stop(&h);
        return r;
    }
    *ret = h;
    return 0;
}

/* Lanes first: they give back the connections that are suspended; then nobody
 * can ask them for anything any more. */
void httpd_stop(struct httpd **ph)
{
    struct httpd *h = *ph;

    *ph = NULL;
    if (h == NULL)
        return;
    for (size_t i = 0; i < LANES; i++)
        lane_stop(&h->srv.lane[i]);
    listen_unlink(&h->socket);
    serve_stop(&h->tcp);
    serve_stop(&h->local);
    for (size_t i = 0; i < LANES; i++)
        lane_done(&h->srv.lane[i]);
    free(h);
}

unsigned httpd_port(const struct httpd *h)
{
    return h->port;
}
