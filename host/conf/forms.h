/* SPDX-License-Identifier: Apache-2.0
 *
 * conf/forms.h - what a text must look like to be a topic, an address, a
 * librdkafka setting.  Each function returns NULL when the value is good, else
 * a static text that says what is wrong, to be read after "name: ".  Pure.
 */
#ifndef ONTIME_CONF_FORMS_H
#define ONTIME_CONF_FORMS_H

#include <stdbool.h>
#include <stddef.h>

const char *conf_form_topic(const char *v);         /* a Kafka topic */
const char *conf_form_topic_or_none(const char *v); /* or "" */
const char *conf_form_name(const char *v);          /* [A-Za-z0-9_.-]{1,64} */
const char *conf_form_name_or_none(const char *v);
const char *conf_form_plugin(const char *v); /* [A-Za-z0-9_-]{1,64} */
const char *conf_form_text(const char *v);   /* not empty */
const char *conf_form_group(const char *v);  /* a consumer group's id */
const char *conf_form_store_url(const char *v);
const char *conf_form_listen(const char *v);     /* "host:port", "" */
const char *conf_form_socket(const char *v);     /* fits a socket address, "" */
const char *conf_form_log_levels(const char *v); /* "info,store=debug" */
const char *conf_form_kafka(const char *v); /* "name=value", not one of ours */

/* The name of a block: [A-Za-z][A-Za-z0-9_-]{0,63}. */
const char *conf_form_key(const char *v);
/* A plugin setting's name: [A-Za-z][A-Za-z0-9_-]{0,63}. */
const char *conf_form_setting(const char *v);

/* Whether an accepted listen address is reachable from this machine only. */
bool conf_form_is_loopback(const char *listen);

/* The librdkafka settings that ontime keeps to itself: the i-th name, and what
 * to use in its place; NULL behind the last. */
const char *conf_form_owned(size_t i, const char **ret_instead);

/* Whether the name of a setting says that its value is to be kept secret. */
bool conf_form_is_secret(const char *name);
/* Whether a value only refers to a secret: "file:..." or "env:...". */
bool conf_form_is_reference(const char *value);

#endif
