/* SPDX-License-Identifier: Apache-2.0
 *
 * kafka/rdconf.h - internal to kafka/: librdkafka's configuration objects,
 * error codes and log lines in the house's terms.
 */
#ifndef ONTIME_KAFKA_RDCONF_H
#define ONTIME_KAFKA_RDCONF_H

#include "base/err.h"
#include "kafka/client.h"

#include <librdkafka/rdkafka.h>

enum rdconf_role { RDCONF_CLIENT, RDCONF_PRODUCER, RDCONF_CONSUMER };

struct rdconf_pair {
    const char *name, *value;
};

struct rdconf_want {
    const struct kafka_settings *set;
    enum rdconf_role role;
    const char *name; /* of the client, for client.id; NULL: none */
    const struct rdconf_pair
        *defaults; /* ends with name NULL; what users may change */
    const struct rdconf_pair *fixed; /* ends with name NULL; applied last */
    const char *const *passthrough;  /* further "name=value", NULL: none */
};

/* Defaults, then the user's settings, then what the host owns.  -EINVAL names
 * the setting.  *ret is the caller's (rd_kafka_conf_destroy or rd_kafka_new). */
int rdconf_make(const struct rdconf_want *want, rd_kafka_conf_t **ret,
                struct err *err);

/* rd_kafka_new; takes *pconf in any case. */
int rdconf_new(rd_kafka_type_t type, rd_kafka_conf_t **pconf, rd_kafka_t **ret,
               struct err *err);

/* Negative errno of an error code; 0 for none. */
int rdconf_errno(rd_kafka_resp_err_t code);

/* librdkafka's log line goes to ours, module "kafka".  Any thread. */
void rdconf_log(const rd_kafka_t *rk, int level, const char *fac,
                const char *text);

/* Counts an error of the client of that name (kafka_errors_total). */
void rdconf_count_error(const char *client);

#endif
