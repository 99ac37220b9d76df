# SPDX-License-Identifier: Apache-2.0
plugin_LTLIBRARIES += plugins/sms/sms.la
plugins_sms_sms_la_SOURCES = plugins/sms/sms.c
plugins_sms_sms_la_CPPFLAGS = $(plugin_common_cppflags)
plugins_sms_sms_la_CFLAGS = $(plugin_cflags)
plugins_sms_sms_la_LDFLAGS = $(plugin_ldflags)
plugins_sms_sms_la_LIBADD = plugins/common/libcommon.la
EXTRA_DIST += plugins/sms/README.md
