# SPDX-License-Identifier: Apache-2.0
plugin_LTLIBRARIES += plugins/log/log.la
plugins_log_log_la_SOURCES = plugins/log/log.c
plugins_log_log_la_CPPFLAGS = $(plugin_common_cppflags)
plugins_log_log_la_CFLAGS = $(plugin_cflags)
plugins_log_log_la_LDFLAGS = $(plugin_ldflags)
plugins_log_log_la_LIBADD = plugins/common/libcommon.la
EXTRA_DIST += plugins/log/README.md
