/* SPDX-License-Identifier: Apache-2.0
 *
 * http.h - an HTTP client for plugins: many calls in flight on one thread of
 * its own (libcurl's multi interface, epoll).
 *
 * Proxies of the environment are not used: the guard would see the proxy's
 * address only.  Cookies are not kept, credentials in URLs are refused, and a
 * redirect is followed only when max_redirects says so, each hop under the
 * guard's rules; headers of the call go to the first host alone.
 */
#ifndef PLUGINS_COMMON_HTTP_H
#define PLUGINS_COMMON_HTTP_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/guard.h"

struct http;

struct http_conf {
    const struct guard *guard; /* borrowed until http_close */
    unsigned max_in_flight;
    int64_t connect_timeout_ms, timeout_ms;
    size_t max_response; /* a longer body is cut, and the transfer ended */
    size_t keep;         /* bytes of the body that the reply shows */
    unsigned max_redirects;
    bool fresh;          /* a connection for each call.  Without it libcurl
                             sends a call again by itself when a connection that
                             was kept open turns out to be dead. */
    bool verify;         /* the server's certificate and name */
    const char *ca_file; /* these may be NULL, and are borrowed */
    const char *client_cert, *client_key, *client_key_password;
    const char *user_agent;
};

enum http_end {
    HTTP_ANSWERED, /* status and body are set */
    HTTP_BROKEN,   /* no answer: not connected, timeout, reset, TLS */
    HTTP_REFUSED,  /* the guard forbids it, or it is no URL for us */
    HTTP_UNWANTED  /* wanted() said no, or the client closes */
};

struct http_reply {
    enum http_end end;
    long status;
    bool sent;        /* the server may have seen the call */
    bool redirected;  /* a redirect was answered and not followed */
    bool cut;         /* the body is longer than max_response */
    const char *why;  /* for people; "" when answered */
    const char *body; /* the first bytes; NUL behind */
    size_t body_len;
    char retry_after[64]; /* the header; "" none */
};

/* One call.  The caller makes it (all zero first), http_start takes it, and done
 * gives it back, to be freed there. */
struct http_call {
    const char *method;
    char *url;
    struct curl_slist *headers;
    char *body; /* NULL: none */
    size_t body_len;
    /* Both on the client's thread.  done is called once, for every call that
     * http_start took; it must not block. */
    void (*done)(struct http_call *c, const struct http_reply *reply);
    bool (*wanted)(struct http_call *c); /* asked now and then */

    /* the client's own */
    struct http_call *next, *prev;
    CURL *easy;
    struct http_shard *shard;
    char *got;
    size_t got_len, got_cap, seen;
    unsigned hops;
    bool get, denied, cut, other_host;
    char retry_after[64];
};

/* Starts the thread.  0, or negative with a text in errbuf: -EINVAL a setting,
 * -ENOMEM, -EAGAIN. */
int http_open(struct http **ret, const struct http_conf *conf, char *errbuf,
              size_t errlen);

/* Any thread.  Waits for room while max_in_flight calls are open.  0: the call
 * is the client's until done.  -ECANCELED: wanted() said no while it waited; it
 * stays the caller's. */
int http_start(struct http *h, struct http_call *c);

/* From done only, and not after HTTP_UNWANTED: the call goes out again, with what
 * is set in it now (its own fields are made ready); it keeps its room. */
void http_again(struct http *h, struct http_call *c);

/* Ends all calls (done with HTTP_UNWANTED) and joins the thread; does not wait
 * for any server.  No http_start may run. */
void http_close(struct http **h);

/* Frees what a call points to, not the call. */
void http_call_clear(struct http_call *c);

/* What a Retry-After says, in ms from now: seconds, or an HTTP date.  -1 when it
 * is none. */
int64_t http_retry_after(const char *value, int64_t now_ms);

#endif
