/* SPDX-License-Identifier: Apache-2.0
 *
 * plug/host.h - the services that a plugin gets: one constant table.
 */
#ifndef ONTIME_PLUG_HOST_H
#define ONTIME_PLUG_HOST_H

#include <ontime/plugin.h>

extern const struct ontime_host plugin_host;

#endif
