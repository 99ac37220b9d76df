/* SPDX-License-Identifier: Apache-2.0
 *
 * transfer.c - one call with libcurl; see http.h.  The client's thread only.
 */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/http_inside.h"

/* ---- callbacks -------------------------------------------------------------- */

static curl_socket_t on_open(void *arg, curlsocktype purpose,
                             struct curl_sockaddr *a)
{
    struct http_call *c = arg;

    (void)purpose;
    if (!guard_address(c->shard->h->conf.guard, &a->addr)) {
        c->denied = true;
        return CURL_SOCKET_BAD;
    }
    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

static bool keep(struct http_call *c, const char *bytes, size_t len, size_t max)
{
    size_t room = max - c->got_len, cap = c->got_cap;
    char *at;

    if (len > room)
        len = room;
    if (len == 0)
        return true;
    if (cap <= c->got_len + len) {
        cap = cap == 0 ? 512 : cap;
        while (cap <= c->got_len + len)
            cap *= 2;
        at = realloc(c->got, cap);
        if (at == NULL)
            return false;
        c->got = at;
        c->got_cap = cap;
    }
    memcpy(c->got + c->got_len, bytes, len);
    c->got_len += len;
    c->got[c->got_len] = '\0';
    return true;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
    struct http_call *c = arg;
    const struct http_conf *conf = &c->shard->h->conf;
    size_t len = size * count;

    if (!keep(c, bytes, len, conf->keep))
        return 0;
    c->seen += len;
    if (c->seen > conf->max_response) {
        c->cut = true;
        return 0; /* that is enough */
    }
    return len;
}

static size_t on_header(char *line, size_t size, size_t count, void *arg)
{
    static const char name[] = "retry-after:";
    struct http_call *c = arg;
    size_t len = size * count, from = sizeof(name) - 1, n;

    if (len > 5 && memcmp(line, "HTTP/", 5) == 0)
        c->retry_after[0] = '\0'; /* what an interim answer said */
    if (len <= from || strncasecmp(line, name, from) != 0)
        return len;
    while (from < len && isspace((unsigned char)line[from]))
        from++;
    n = len - from;
    while (n > 0 && isspace((unsigned char)line[from + n - 1]))
        n--;
    if (n >= sizeof(c->retry_after))
        n = 0;
    memcpy(c->retry_after, line + from, n);
    c->retry_after[n] = '\0';
    return len;
}

/* ---- the URL ---------------------------------------------------------------- */

/* NULL, or why this URL is not called. */
static const char *judge_parts(CURLU *u, const struct guard *guard)
{
    const char *why = "no URL of the kind http://host/";
    char *scheme = NULL, *host = NULL;

    if (curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK)
        goto out;
    if (strcasecmp(scheme, "http") != 0 && strcasecmp(scheme, "https") != 0)
        goto out;
    why = guard_host(guard, host) ? NULL : "this host is not allowed";
out:
    curl_free(scheme);
    curl_free(host);
    return why;
}

static const char *judge(const char *url, const struct guard *guard)
{
    CURLU *u = curl_url();
    const char *why = "no URL of the kind http://host/";

    if (u == NULL)
        return "out of memory";
    if (curl_url_set(u, CURLUPART_URL, url,
                     CURLU_DISALLOW_USER | CURLU_NON_SUPPORT_SCHEME) ==
        CURLUE_OK)
        why = judge_parts(u, guard);
    curl_url_cleanup(u);
    return why;
}

static bool same_part(CURLU *a, CURLU *b, CURLUPart part)
{
    char *x = NULL, *y = NULL;
    bool same = curl_url_get(a, part, &x, CURLU_DEFAULT_PORT) == CURLUE_OK &&
                curl_url_get(b, part, &y, CURLU_DEFAULT_PORT) == CURLUE_OK &&
                strcasecmp(x, y) == 0;

    curl_free(x);
    curl_free(y);
    return same;
}

static bool same_host(const char *a, const char *b)
{
    CURLU *u = curl_url(), *v = curl_url();
    bool same = u != NULL && v != NULL &&
                curl_url_set(u, CURLUPART_URL, a, 0) == CURLUE_OK &&
                curl_url_set(v, CURLUPART_URL, b, 0) == CURLUE_OK &&
                same_part(u, v, CURLUPART_SCHEME) &&
                same_part(u, v, CURLUPART_HOST) &&
                same_part(u, v, CURLUPART_PORT);

    curl_url_cleanup(u);
    curl_url_cleanup(v);
    return same;
}

/* ---- setting up -------------------------------------------------------------- */

#define set(option, value) (void)curl_easy_setopt(easy, (option), (value))

static void set_tls(CURL *easy, const struct http_conf *conf)
{
    set(CURLOPT_SSL_VERIFYPEER, conf->verify ? 1L : 0L);
    set(CURLOPT_SSL_VERIFYHOST, conf->verify ? 2L : 0L);
    if (conf->ca_file != NULL)
        set(CURLOPT_CAINFO, conf->ca_file);
    if (conf->client_cert != NULL)
        set(CURLOPT_SSLCERT, conf->client_cert);
    if (conf->client_key != NULL)
        set(CURLOPT_SSLKEY, conf->client_key);
    if (conf->client_key_password != NULL)
        set(CURLOPT_KEYPASSWD, conf->client_key_password);
}

/* What is the same for all calls; a handle keeps it. */
static CURL *new_handle(const struct http_conf *conf)
{
    CURL *easy = curl_easy_init();

    if (easy == NULL)
        return NULL;
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_PROXY, "");
    set(CURLOPT_NOPROXY, "*");
    set(CURLOPT_CONNECTTIMEOUT_MS, (long)conf->connect_timeout_ms);
    set(CURLOPT_TIMEOUT_MS, (long)conf->timeout_ms);
    set(CURLOPT_OPENSOCKETFUNCTION, on_open);
    set(CURLOPT_WRITEFUNCTION, on_body);
    set(CURLOPT_HEADERFUNCTION, on_header);
    set(CURLOPT_USERAGENT, conf->user_agent);
    set(CURLOPT_TCP_NODELAY, 1L);
    if (conf->fresh) {
        set(CURLOPT_FRESH_CONNECT, 1L);
        set(CURLOPT_FORBID_REUSE, 1L);
    }
#if LIBCURL_VERSION_NUM >= 0x075500
    set(CURLOPT_PROTOCOLS_STR, "http,https");
#else
    set(CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
    set(CURLOPT_QUICK_EXIT, 1L); /* no waiting for a name server */
#endif
    set_tls(easy, conf);
    return easy;
}

/* Whether the call has a body, though it may be empty. */
static bool has_body(const struct http_call *c)
{
    return !c->get &&
           (c->body != NULL || strcmp(c->method, "POST") == 0 ||
            strcmp(c->method, "PUT") == 0 || strcmp(c->method, "PATCH") == 0);
}

static void set_call(CURL *easy, struct http_call *c)
{
    bool head = !c->get && strcmp(c->method, "HEAD") == 0;
    bool body = has_body(c);

    set(CURLOPT_PRIVATE, c);
    set(CURLOPT_OPENSOCKETDATA, c);
    set(CURLOPT_WRITEDATA, c);
    set(CURLOPT_HEADERDATA, c);
    set(CURLOPT_URL, c->url);
    set(CURLOPT_HTTPHEADER, c->other_host ? NULL : c->headers);
    set(CURLOPT_NOBODY, head ? 1L : 0L);
    if (body) {
        set(CURLOPT_POST, 1L);
        set(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)c->body_len);
        set(CURLOPT_POSTFIELDS, c->body != NULL ? c->body : "");
    } else if (!head) {
        set(CURLOPT_HTTPGET, 1L);
    }
    set(CURLOPT_CUSTOMREQUEST, c->get || head ? NULL : c->method);
}

static int answer(struct http *h, struct http_call *c, enum http_end end,
                  const char *why)
{
    const struct http_reply reply = {.end = end, .why = why, .body = ""};

    http_answer(h, c, &reply);
    return -ECANCELED;
}

int transfer_begin(struct http *h, struct http_call *c)
{
    const char *why = judge(c->url, h->conf.guard);

    if (why != NULL)
        return answer(h, c, HTTP_REFUSED, why);
    c->shard = http_shard_for(h);
    c->easy =
        h->idle_count > 0 ? h->idle[--h->idle_count] : new_handle(&h->conf);
    if (c->easy == NULL)
        return answer(h, c, HTTP_BROKEN, "out of memory");
    set_call(c->easy, c);
    if (curl_multi_add_handle(c->shard->multi, c->easy) != CURLM_OK) {
        curl_easy_cleanup(c->easy);
        c->easy = NULL;
        return answer(h, c, HTTP_BROKEN, "the call could not be started");
    }
    c->shard->calls++;
    return 0;
}

/* ---- ending ------------------------------------------------------------------- */

static void leave_shard(struct http *h, struct http_call *c)
{
    (void)curl_multi_remove_handle(c->shard->multi, c->easy);
    c->shard->calls--;
    if (h->idle_count < h->conf.max_in_flight)
        h->idle[h->idle_count++] = c->easy;
    else
        curl_easy_cleanup(c->easy);
    c->easy = NULL;
}

/* Takes the call to where a redirect points; false when it does not. */
static bool follow(struct http *h, struct http_call *c, long status)
{
    bool same_call = status == 307 || status == 308;
    char *to = NULL, *copy;

    if (c->hops == h->conf.max_redirects)
        return false;
    (void)curl_easy_getinfo(c->easy, CURLINFO_REDIRECT_URL, &to);
    copy = to != NULL ? strdup(to) : NULL;
    if (copy == NULL)
        return false;
    c->other_host |= !same_host(c->url, copy);
    if (c->other_host && same_call && has_body(c)) {
        free(copy); /* what it says is not for others */
        return false;
    }
    leave_shard(h, c);
    c->hops++;
    if (!same_call)
        c->get = true;
    free(c->url);
    c->url = copy;
    c->got_len = c->seen = 0;
    c->retry_after[0] = '\0';
    (void)transfer_begin(h, c);
    return true;
}

static bool redirects(long status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 ||
           status == 308;
}

void transfer_end(struct http *h, struct http_call *c, CURLcode code)
{
    struct http_reply reply = {.end = HTTP_ANSWERED, .cut = c->cut, .why = ""};
    long sent = 0;

    (void)curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &reply.status);
    (void)curl_easy_getinfo(c->easy, CURLINFO_REQUEST_SIZE, &sent);
    reply.sent = sent > 0;
    reply.redirected = redirects(reply.status);
    if (code != CURLE_OK && !c->cut) {
        reply.end = c->denied ? HTTP_REFUSED : HTTP_BROKEN;
        reply.why =
            c->denied ? "its address is not allowed" : curl_easy_strerror(code);
    } else if (reply.redirected && follow(h, c, reply.status)) {
        return;
    }
    reply.body = c->got != NULL ? c->got : "";
    reply.body_len = c->got_len;
    memcpy(reply.retry_after, c->retry_after, sizeof(reply.retry_after));
    leave_shard(h, c);
    http_answer(h, c, &reply);
}

void transfer_drop(struct http *h, struct http_call *c)
{
    leave_shard(h, c);
    (void)answer(h, c, HTTP_UNWANTED, "given up");
}

void http_call_clear(struct http_call *c)
{
    free(c->url);
    free(c->body);
    curl_slist_free_all(c->headers);
    c->url = c->body = NULL;
    c->headers = NULL;
}

int64_t http_retry_after(const char *value, int64_t now_ms)
{
    int64_t seconds = 0;
    time_t date;

    if (*value >= '0' && *value <= '9') {
        for (; *value >= '0' && *value <= '9'; value++)
            if (seconds < 1000000000)
                seconds = seconds * 10 + (*value - '0');
        return *value == '\0' ? seconds * 1000 : -1;
    }
    date = curl_getdate(value, NULL);
    if (date < 0)
        return -1;
    return (int64_t)date * 1000 > now_ms ? (int64_t)date * 1000 - now_ms : 0;
}
