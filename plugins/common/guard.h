/* SPDX-License-Identifier: Apache-2.0
 *
 * guard.h - whom a plugin may call: rules on the host's name in a URL, and on
 * the address that it is about to connect to, whatever the name was.
 *
 * Without rules every name may be called, and every address that is public:
 * loopback, private, link-local, multicast and reserved ranges are refused, also
 * when they are wrapped in an IPv6 address (mapped, NAT64, 6to4, Teredo).
 *
 * Constant after guard_open: any thread, no lock, no blocking.
 */
#ifndef PLUGINS_COMMON_GUARD_H
#define PLUGINS_COMMON_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

struct guard;

/* Lists of items with commas or blanks between them; NULL or "": none. */
struct guard_rules {
    const char *allow_hosts;    /* names, or *.name for all below; none: all */
    const char *deny_hosts;     /* wins over allow_hosts */
    const char *allow_networks; /* exceptions from what is refused by itself:
                                   addresses or networks as 10.1.0.0/16 */
    const char *deny_networks;  /* wins over allow_networks */
};

/* 0, or -EINVAL (with a text), -ENOMEM. */
int guard_open(struct guard **ret, const struct guard_rules *rules,
               char *errbuf, size_t errlen);
bool guard_host(const struct guard *g, const char *host);
bool guard_address(const struct guard *g, const struct sockaddr *address);
void guard_close(struct guard **g);

#endif
