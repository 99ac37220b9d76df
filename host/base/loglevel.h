/* SPDX-License-Identifier: Apache-2.0
 *
 * base/loglevel.h - which log lines are wanted, per module.  Any thread.
 */
#ifndef ONTIME_BASE_LOGLEVEL_H
#define ONTIME_BASE_LOGLEVEL_H

#include "base/err.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_OFF };

/* One lookup without a lock.  LOG_OFF is never wanted. */
bool log_wanted(enum log_level level, const char *module);
/* "debug" .. "error", "off". */
const char *log_level_name(enum log_level level);

/* Any thread, effective at once.  spec is "info" or
 * "info,store=debug,kafka=warn" (spaces after commas are fine): a level for
 * all, and exceptions; exceptions of an earlier call end, and without a level
 * for all it is info.  -EINVAL (nothing changed) names the bad word. */
#define LOG_MODULES_MAX 128 /* different names ever; more: -ENOSPC */
int log_set_levels(const char *spec, struct err *err);

#endif
