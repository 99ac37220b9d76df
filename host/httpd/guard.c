/* SPDX-License-Identifier: Apache-2.0
 *
 * httpd/guard.c - whom a browser may speak for; see guard.h.
 */
#include "config.h"

#include "httpd/guard.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#define HOST_MAX 256

static bool is_port(const char *s)
{
    return *s != '\0' && strlen(s) <= 5 && strspn(s, "0123456789") == strlen(s);
}

/* Splits "name:port" or "[v6]:port" in place; NULL when it is neither. */
static char *host_name(char *host, bool *ret_v6)
{
    char *end;

    *ret_v6 = host[0] == '[';
    if (*ret_v6) {
        end = strchr(host++, ']');
        if (end == NULL)
            return NULL;
        *end++ = '\0';
        if (*end != '\0' && *end != ':')
            return NULL;
    } else {
        end = host + strcspn(host, ":");
    }
    if (*end == ':') {
        *end++ = '\0';
        if (!is_port(end))
            return NULL;
    }
    return host;
}

bool guard_host(const char *host)
{
    static const char tail[] = ".localhost";
    unsigned char addr[sizeof(struct in6_addr)];
    char copy[HOST_MAX];
    const char *name;
    bool v6;
    size_t n;

    if (host == NULL)
        return true;
    n = strlen(host);
    if (n >= sizeof(copy))
        return false;
    memcpy(copy, host, n + 1);
    name = host_name(copy, &v6);
    if (name == NULL)
        return false;
    if (v6)
        return inet_pton(AF_INET6, name, addr) == 1;
    if (inet_pton(AF_INET, name, addr) == 1)
        return true;
    n = strlen(name);
    return strcasecmp(name, "localhost") == 0 ||
           (n > strlen(tail) && strcasecmp(name + n - strlen(tail), tail) == 0);
}

bool guard_origin(const char *origin, const char *host)
{
    static const char *const schemes[] = {"http://", "https://"};

    if (origin == NULL)
        return true;
    if (host == NULL)
        return false;
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        size_t n = strlen(schemes[i]);

        if (strncasecmp(origin, schemes[i], n) == 0)
            return strcasecmp(origin + n, host) == 0;
    }
    return false;
}
