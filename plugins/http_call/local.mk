# SPDX-License-Identifier: Apache-2.0
plugin_LTLIBRARIES += plugins/http_call/http_call.la
plugins_http_call_http_call_la_SOURCES = \
	plugins/http_call/http_call.c plugins/http_call/http_call.h \
	plugins/http_call/outcome.c \
	plugins/http_call/request.c
plugins_http_call_http_call_la_CPPFLAGS = $(plugin_common_cppflags)
plugins_http_call_http_call_la_CFLAGS = $(plugin_cflags)
plugins_http_call_http_call_la_LDFLAGS = $(plugin_ldflags)
plugins_http_call_http_call_la_LIBADD = plugins/common/libhttp.la \
	plugins/common/libcommon.la
EXTRA_DIST += plugins/http_call/README.md
