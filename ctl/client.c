/* SPDX-License-Identifier: Apache-2.0
 *
 * ctl/client.c - one request to the daemon and its answer; see client.h.
 */
#include "config.h"

#include "client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#define ANSWER_MAX ((size_t)512 << 20)
#define CONNECT_MS 5000L
#define TOTAL_MS 60000L

struct client {
    struct client_settings set;
    CURL *curl;
    struct curl_slist *headers;
};

int client_new(const struct client_settings *set, struct client **ret,
               struct err *err)
{
    struct client *c = calloc(1, sizeof(*c));

    if (c == NULL)
        return err_set(err, -ENOMEM, "no memory");
    c->set = *set;
    c->curl = curl_easy_init();
    c->headers = curl_slist_append(NULL, "Content-Type: application/json");
    if (c->headers != NULL &&
        curl_slist_append(c->headers, "Expect:") == NULL) {
        curl_slist_free_all(c->headers);
        c->headers = NULL;
    }
    if (c->curl == NULL || c->headers == NULL) {
        client_free(&c);
        return err_set(err, -ENOMEM, "no memory");
    }
    *ret = c;
    return 0;
}

void client_free(struct client **pc)
{
    struct client *c = *pc;

    *pc = NULL;
    if (c == NULL)
        return;
    curl_easy_cleanup(c->curl);
    curl_slist_free_all(c->headers);
    free(c);
}

void answer_done(struct answer *a)
{
    buf_done(&a->body);
}

static size_t take(char *data, size_t size, size_t n, void *arg)
{
    struct buf *body = arg;

    return buf_add(body, data, size * n) == 0 ? size * n : 0;
}

/* False: libcurl does not know how (never, with what configure asks for). */
static bool prepare(struct client *c, const char *url, const char *method,
                    struct span body)
{
    CURL *h = c->curl;
    CURLcode r = CURLE_OK;

    curl_easy_reset(h);
#define SET(option, value)                                                     \
    (r = r != CURLE_OK ? r : curl_easy_setopt(h, option, value))
    SET(CURLOPT_URL, url);
    SET(CURLOPT_HTTPHEADER, c->headers);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    SET(CURLOPT_TIMEOUT_MS, TOTAL_MS);
    if (c->set.socket != NULL) {
        SET(CURLOPT_UNIX_SOCKET_PATH, c->set.socket);
        SET(CURLOPT_NOPROXY, "*");
    }
    if (body.data != NULL) {
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
        SET(CURLOPT_POSTFIELDS, body.data);
    }
    SET(CURLOPT_CUSTOMREQUEST, method);
    SET(CURLOPT_WRITEFUNCTION, take);
#undef SET
    return r == CURLE_OK;
}

static int unreachable(const struct client *c, CURLcode code, struct err *err)
{
    const char *why = curl_easy_strerror(code);
    long errnum = 0;

    if (code == CURLE_COULDNT_CONNECT &&
        curl_easy_getinfo(c->curl, CURLINFO_OS_ERRNO, &errnum) == CURLE_OK &&
        errnum != 0)
        why = err_name((int)errnum);
    return err_set(err, -ENOTCONN, "cannot reach the daemon at %s: %s",
                   c->set.socket != NULL ? c->set.socket : c->set.url, why);
}

int client_call(struct client *c, const char *method, const char *path,
                struct span body, struct answer *ret, struct err *err)
{
    struct buf url = BUF_INIT(65536);
    CURLcode code = CURLE_OUT_OF_MEMORY;
    int r = 0;

    memset(ret, 0, sizeof(*ret));
    ret->body = BUF_INIT(ANSWER_MAX);
    buf_adds(&url, c->set.socket != NULL ? "http://localhost" : c->set.url);
    if (url.len > 0 && url.data[url.len - 1] == '/')
        url.len--; /* http://host:port/ */
    buf_adds(&url, path);
    if (buf_cstr(&url) != NULL && prepare(c, url.data, method, body) &&
        curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, &ret->body) == CURLE_OK)
        code = curl_easy_perform(c->curl);
    if (code != CURLE_OK)
        r = unreachable(c, code, err);
    else
        (void)curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &ret->status);
    if (r < 0)
        answer_done(ret);
    buf_done(&url);
    return r;
}
