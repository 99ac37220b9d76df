/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/fuzz/fuzz_http_path.c - any bytes as a request's target and as a Host.
 * What is taken apart can be put together again and then means the same, and
 * every target has a route or an answer.
 */
#include "config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "httpd/guard.h"
#include "httpd/routes.h"
#include "httpd/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void add_escaped(struct buf *b, const char *s)
{
    check(utf8_valid(s, strlen(s)));
    for (; *s != '\0'; s++) {
        check((unsigned char)*s >= 0x20 && *s != 0x7f);
        buf_addf(b, "%%%02x", (unsigned)(unsigned char)*s);
    }
}

static void round_trip(const struct uri *u)
{
    struct buf b = BUF_INIT(1 << 24);
    struct uri again;

    for (size_t i = 0; i < u->segments; i++) {
        buf_addc(&b, '/');
        add_escaped(&b, u->segment[i]);
    }
    /* One '/' at the end does not count, so an empty last part needs two. */
    if (u->segments == 0 || u->segment[u->segments - 1][0] == '\0')
        buf_addc(&b, '/');
    for (size_t i = 0; i < u->params; i++) {
        buf_addc(&b, i == 0 ? '?' : '&');
        add_escaped(&b, u->param[i].name);
        buf_addc(&b, '=');
        add_escaped(&b, u->param[i].value);
    }
    check(uri_parse(buf_cstr(&b), &again, NULL) == 0);
    check(again.segments == u->segments && again.params == u->params);
    for (size_t i = 0; i < u->segments; i++)
        check(strcmp(again.segment[i], u->segment[i]) == 0);
    for (size_t i = 0; i < u->params; i++) {
        check(strcmp(again.param[i].name, u->param[i].name) == 0);
        check(strcmp(again.param[i].value, u->param[i].value) == 0);
        check(uri_param(u, u->param[i].name) == u->param[i].value);
    }
    uri_done(&again);
    buf_done(&b);
}

static void route(const char *target, const char *method)
{
    struct request rq = {.method = method, .out = BUF_INIT(1 << 24)};
    int r;

    if (uri_parse(target, &rq.uri, NULL) == 0) {
        round_trip(&rq.uri);
        r = routes_find(&rq);
        check(r == 0 ? rq.route != NULL && rq.status == 0 : rq.status >= 200);
        if (r == 0)
            check((rq.id > 0) == (strstr(rq.route->path, "{id}") != NULL));
    }
    uri_done(&rq.uri);
    buf_done(&rq.out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    check(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    route(text, "GET");
    route(text, "DELETE");
    (void)guard_host(text);
    (void)guard_origin(text, "localhost:7070");
    free(text);
    return 0;
}
