/* SPDX-License-Identifier: Apache-2.0
 *
 * store/mysql/url.h - where the database is and how to get in:
 *
 *     mysql://[user[:password]@][host[:port]]/database[?option=value&...]
 *
 * Options: socket=PATH (in place of host), password_file=PATH (read at each
 * connect; the first line), password_env=NAME, connect_timeout=SECONDS,
 * ssl=on, ssl_ca=PATH, ssl_cert=PATH, ssl_key=PATH, ssl_verify=on|off.  Parts
 * may be %-encoded.  No thread affinity.
 */
#ifndef ONTIME_STORE_MYSQL_URL_H
#define ONTIME_STORE_MYSQL_URL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define MD_SCHEME "mysql:"

enum md_part {
    MD_USER,
    MD_PASSWORD,
    MD_HOST,
    MD_DATABASE,
    MD_SOCKET,
    MD_PASSWORD_FILE,
    MD_PASSWORD_ENV,
    MD_SSL_CA,
    MD_SSL_CERT,
    MD_SSL_KEY,
    MD_PARTS
};

struct md_url {
    char *part[MD_PARTS]; /* NULL: not given */
    unsigned port;        /* 0: the usual one */
    unsigned connect_timeout;
    bool ssl, ssl_verify;
};

/* -EINVAL: the text names what is wrong, but never a password.  *ret is to be
 * given to md_url_done also then. */
int md_url_parse(const char *text, struct md_url *ret, struct err *err);
void md_url_done(struct md_url *u);

/* The password as it stands now, the caller's to free (it is wiped by
 * md_password_done); NULL in *ret: none. */
int md_url_password(const struct md_url *u, char **ret, struct err *err);
void md_password_done(char **pp);

#endif
