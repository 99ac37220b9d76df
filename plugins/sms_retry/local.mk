# SPDX-License-Identifier: Apache-2.0
# The plugin of the main job: failed SMS, back to SMS_Send at their time.
plugin_LTLIBRARIES += plugins/sms_retry/sms_retry.la
plugins_sms_retry_sms_retry_la_SOURCES = \
	plugins/sms_retry/sms_retry.c \
	plugins/sms_retry/stamp.c plugins/sms_retry/stamp.h
plugins_sms_retry_sms_retry_la_CPPFLAGS = $(plugin_common_cppflags) \
	-I$(top_srcdir)/plugins/sms_retry
plugins_sms_retry_sms_retry_la_CFLAGS = $(plugin_cflags)
plugins_sms_retry_sms_retry_la_LDFLAGS = $(plugin_ldflags)
plugins_sms_retry_sms_retry_la_LIBADD = plugins/common/libcommon.la
