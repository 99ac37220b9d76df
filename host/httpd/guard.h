/* SPDX-License-Identifier: Apache-2.0
 *
 * httpd/guard.h - whom a browser may speak for.  Pure; any thread.
 *
 * The API on a loopback port has no password, so a web page that somebody
 * looks at on the same machine must not be able to use it: neither with a name
 * of its own that resolves to 127.0.0.1 (the Host is then not ours), nor by
 * posting a form across origins.
 */
#ifndef ONTIME_HTTPD_GUARD_H
#define ONTIME_HTTPD_GUARD_H

#include <stdbool.h>

/* Is this Host header one that only somebody on this machine would use: an
 * address literal, localhost or *.localhost, with or without a port?  NULL
 * (HTTP/1.0) is. */
bool guard_host(const char *host);
/* May this Origin change things?  Only the very server it talks to; NULL (no
 * browser) may. */
bool guard_origin(const char *origin, const char *host);

#endif
