/* SPDX-License-Identifier: Apache-2.0
 *
 * guard.c - whom a plugin may call; see guard.h.
 *
 * All addresses are kept as 16 bytes, IPv4 ones as ::ffff:a.b.c.d.
 */
#include "config.h"

#include "common/guard.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ITEM_MAX 256
#define LIST_MAX 256

struct net {
    uint8_t at[16];
    unsigned bits;
};

struct nets {
    struct net *item;
    size_t count;
};

struct names {
    char **item;
    size_t count;
};

struct guard {
    struct names allow_hosts, deny_hosts;
    struct nets allow_nets, deny_nets, closed;
};

/* What nobody calls by accident: the IANA special-purpose registries. */
static const char closed_nets[] =
    "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 "
    "172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 192.168.0.0/16 "
    "198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4 "
    "::/128 ::1/128 64:ff9b:1::/48 100::/64 2001::/23 2001:db8::/32 "
    "5f00::/16 fc00::/7 fe80::/10 fec0::/10 ff00::/8";

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/* ---- reading lists -------------------------------------------------------- */

/* The next item of a list into out; its length, 0 at the end, -EINVAL when it
 * is too long. */
static int next_item(const char **at, char out[ITEM_MAX])
{
    size_t n;

    *at += strspn(*at, ", \t\n");
    n = strcspn(*at, ", \t\n");
    if (n >= ITEM_MAX)
        return -EINVAL;
    memcpy(out, *at, n);
    out[n] = '\0';
    *at += n;
    return (int)n;
}

/* An address, perhaps with /bits. */
static int net_parse(struct net *net, char *text)
{
    char *slash = strchr(text, '/'), *end = NULL;
    unsigned long bits = 0, all;
    struct in_addr v4;

    if (slash != NULL)
        *slash = '\0';
    if (inet_pton(AF_INET, text, &v4) == 1) {
        memcpy(net->at, mapped, 12);
        memcpy(net->at + 12, &v4, 4);
        all = 32;
    } else if (inet_pton(AF_INET6, text, net->at) == 1) {
        all = 128;
    } else {
        return -EINVAL;
    }
    if (slash != NULL && slash[1] >= '0' && slash[1] <= '9')
        bits = strtoul(slash + 1, &end, 10);
    if (slash != NULL && (end == NULL || *end != '\0' || bits > all))
        return -EINVAL;
    net->bits = (unsigned)(slash != NULL ? bits + 128 - all : 128);
    return 0;
}

static int nets_parse(struct nets *nets, const char *list, char *bad)
{
    char item[ITEM_MAX];
    int n = 0;

    if (list == NULL)
        return 0;
    nets->item = calloc(LIST_MAX, sizeof(*nets->item));
    if (nets->item == NULL)
        return -ENOMEM;
    while ((n = next_item(&list, item)) > 0) {
        (void)snprintf(bad, ITEM_MAX, "%s", item);
        if (nets->count == LIST_MAX ||
            net_parse(&nets->item[nets->count], item) < 0)
            return -EINVAL;
        nets->count++;
    }
    return n;
}

static bool name_ok(const char *name)
{
    if (strncmp(name, "*.", 2) == 0)
        name += 2;
    return name[0] != '\0' && strpbrk(name, "*/@?#") == NULL;
}

static int names_parse(struct names *names, const char *list, char *bad)
{
    char item[ITEM_MAX];
    int n = 0;

    if (list == NULL)
        return 0;
    names->item = calloc(LIST_MAX, sizeof(*names->item));
    if (names->item == NULL)
        return -ENOMEM;
    while ((n = next_item(&list, item)) > 0) {
        (void)snprintf(bad, ITEM_MAX, "%s", item);
        if (names->count == LIST_MAX || !name_ok(item))
            return -EINVAL;
        names->item[names->count] = strdup(item);
        if (names->item[names->count] == NULL)
            return -ENOMEM;
        names->count++;
    }
    return n;
}

/* ---- matching -------------------------------------------------------------- */

static bool in_net(const struct net *net, const uint8_t at[16])
{
    unsigned whole = net->bits / 8, rest = net->bits % 8;

    if (memcmp(net->at, at, whole) != 0)
        return false;
    return rest == 0 || (net->at[whole] ^ at[whole]) >> (8 - rest) == 0;
}

static bool in_nets(const struct nets *nets, const uint8_t at[16])
{
    for (size_t i = 0; i < nets->count; i++)
        if (in_net(&nets->item[i], at))
            return true;
    return false;
}

static bool in_names(const struct names *names, const char *host, size_t len)
{
    for (size_t i = 0; i < names->count; i++) {
        const char *n = names->item[i];
        size_t of = strlen(n);

        if (n[0] == '*') {
            if (len > of - 1 &&
                strncasecmp(host + len - (of - 1), n + 1, of - 1) == 0)
                return true;
        } else if (len == of && strncasecmp(host, n, len) == 0) {
            return true;
        }
    }
    return false;
}

bool guard_host(const struct guard *g, const char *host)
{
    size_t len = strlen(host);

    while (len > 0 && host[len - 1] == '.') /* the root */
        len--;
    if (len == 0 || in_names(&g->deny_hosts, host, len))
        return false;
    return g->allow_hosts.count == 0 || in_names(&g->allow_hosts, host, len);
}

/* The IPv4 address that an IPv6 one carries, as a mapped one. */
static bool unwrap(const uint8_t at[16], uint8_t out[16])
{
    static const uint8_t nat64[12] = {0, 0x64, 0xff, 0x9b};
    static const uint8_t zero[12] = {0};
    const uint8_t *v4 = NULL;

    if (memcmp(at, nat64, 12) == 0 || memcmp(at, zero, 12) == 0)
        v4 = at + 12;
    else if (at[0] == 0x20 && at[1] == 0x02) /* 6to4 */
        v4 = at + 2;
    if (v4 == NULL)
        return false;
    memcpy(out, mapped, 12);
    memcpy(out + 12, v4, 4);
    return true;
}

static bool open_to(const struct guard *g, const uint8_t at[16])
{
    if (in_nets(&g->deny_nets, at))
        return false;
    return in_nets(&g->allow_nets, at) || !in_nets(&g->closed, at);
}

bool guard_address(const struct guard *g, const struct sockaddr *address)
{
    uint8_t at[16], inner[16];

    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;

        memcpy(&in, address, sizeof(in));
        memcpy(at, mapped, 12);
        memcpy(at + 12, &in.sin_addr, 4);
        return open_to(g, at);
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;

        memcpy(&in6, address, sizeof(in6));
        memcpy(at, &in6.sin6_addr, 16);
        if (in_nets(&g->allow_nets, at) || !unwrap(at, inner))
            return open_to(g, at);
        return open_to(g, at) && open_to(g, inner);
    }
    return false;
}

/* ---- life ------------------------------------------------------------------ */

static int parse_all(struct guard *g, const struct guard_rules *rules,
                     char *bad, const char **what)
{
    int r = nets_parse(&g->closed, closed_nets, bad);

    *what = "allow_hosts";
    if (r == 0)
        r = names_parse(&g->allow_hosts, rules->allow_hosts, bad);
    if (r == 0) {
        *what = "deny_hosts";
        r = names_parse(&g->deny_hosts, rules->deny_hosts, bad);
    }
    if (r == 0) {
        *what = "allow_networks";
        r = nets_parse(&g->allow_nets, rules->allow_networks, bad);
    }
    if (r == 0) {
        *what = "deny_networks";
        r = nets_parse(&g->deny_nets, rules->deny_networks, bad);
    }
    return r;
}

int guard_open(struct guard **ret, const struct guard_rules *rules,
               char *errbuf, size_t errlen)
{
    char bad[ITEM_MAX] = "";
    const char *what;
    struct guard *g = calloc(1, sizeof(*g));
    int r = -ENOMEM;

    *ret = NULL;
    if (g != NULL)
        r = parse_all(g, rules, bad, &what);
    if (r == -EINVAL)
        (void)snprintf(errbuf, errlen, "%s: \"%s\" is none", what, bad);
    else if (r < 0)
        (void)snprintf(errbuf, errlen, "out of memory");
    if (r < 0) {
        guard_close(&g);
        return r;
    }
    *ret = g;
    return 0;
}

static void names_free(struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->item[i]);
    free(names->item);
}

void guard_close(struct guard **g)
{
    if (*g == NULL)
        return;
    names_free(&(*g)->allow_hosts);
    names_free(&(*g)->deny_hosts);
    free((*g)->allow_nets.item);
    free((*g)->deny_nets.item);
    free((*g)->closed.item);
    free(*g);
    *g = NULL;
}
