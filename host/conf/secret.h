/* SPDX-License-Identifier: Apache-2.0
 *
 * conf/secret.h - secrets that stand elsewhere.
 */
#ifndef ONTIME_CONF_SECRET_H
#define ONTIME_CONF_SECRET_H

#include "base/err.h"

/* As conf_secret(). */
int conf_secret_resolve(const char *value, char **ret, struct err *err);
/* As conf_secret_pair(). */
int conf_secret_resolve_pair(const char *pair, char **ret, struct err *err);

#endif
