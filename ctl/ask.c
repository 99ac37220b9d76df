/* SPDX-License-Identifier: Apache-2.0
 *
 * ctl/ask.c - asking the daemon, and saying what went wrong; see ask.h.
 */
#include "config.h"

#include "ask.h"

#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "print.h"
#include "view.h"

enum ctl_exit ask_usage(struct ctl *c, const struct err *err)
{
    (void)fputs("ontimectl: ", c->err);
    print_text(c->err, err->text, strlen(err->text));
    (void)fprintf(c->err, "\nTry: ontimectl help %s\n", c->args->command);
    return CTL_USAGE;
}

enum ctl_exit ask_failed(struct ctl *c, const struct err *err)
{
    (void)fputs("ontimectl: ", c->err);
    print_text(c->err, err->text, strlen(err->text));
    (void)fputc('\n', c->err);
    return CTL_REFUSED;
}

void ask_raw(struct ctl *c, const struct buf *body)
{
    if (isatty(fileno(c->out)) == 1)
        print_text(c->out, body->data, body->len);
    else
        (void)fwrite(body->data, 1, body->len, c->out);
    if (body->len > 0 && body->data[body->len - 1] != '\n')
        (void)fputc('\n', c->out);
}

static enum ctl_exit refused(struct ctl *c, const struct answer *a)
{
    cJSON *doc = cJSON_ParseWithLength(a->body.data, a->body.len);

    if (c->args->opt[OPT_JSON] != NULL)
        ask_raw(c, &a->body);
    view_problem(c->err, a->status, doc,
                 (struct span){a->body.data, a->body.len});
    cJSON_Delete(doc);
    return CTL_REFUSED;
}

enum ctl_exit ask(struct ctl *c, const char *method, struct buf *path,
                  struct span body, struct answer *a)
{
    enum ctl_exit x = CTL_OK;
    struct err err;

    if (buf_cstr(path) == NULL) {
        (void)fputs("ontimectl: out of memory\n", c->err);
        return CTL_REFUSED;
    }
    if (client_call(c->client, method, path->data, body, a, &err) < 0) {
        (void)fputs("ontimectl: ", c->err);
        print_text(c->err, err.text, strlen(err.text));
        (void)fputs("\nIs ontimed running?  Another address: -s SOCKET, "
                    "-u URL, or ONTIME_SOCKET or ONTIME_URL\nin the "
                    "environment.\n",
                    c->err);
        return CTL_UNREACHABLE;
    }
    if (a->status < 200 || a->status > 299) {
        x = refused(c, a);
        answer_done(a);
    }
    return x;
}
