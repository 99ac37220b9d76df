# SPDX-License-Identifier: Apache-2.0
# What plugins share, linked into each: libcommon needs nothing, libhttp
# libcurl.
plugin_common_cppflags = $(plugin_cppflags) -I$(top_srcdir)/plugins

noinst_LTLIBRARIES += plugins/common/libcommon.la plugins/common/libhttp.la

plugins_common_libcommon_la_SOURCES = \
	plugins/common/emitter.c plugins/common/emitter.h \
	plugins/common/flat.c plugins/common/flat.h \
	plugins/common/money.c plugins/common/money.h \
	plugins/common/order.c plugins/common/order.h \
	plugins/common/parts.h \
	plugins/common/render.c \
	plugins/common/template.c plugins/common/template.h \
	plugins/common/text.c plugins/common/text.h
plugins_common_libcommon_la_CPPFLAGS = $(plugin_common_cppflags)
plugins_common_libcommon_la_CFLAGS = $(plugin_cflags)

plugins_common_libhttp_la_SOURCES = \
	plugins/common/guard.c plugins/common/guard.h \
	plugins/common/http.c plugins/common/http.h \
	plugins/common/http_inside.h \
	plugins/common/transfer.c
plugins_common_libhttp_la_CPPFLAGS = $(plugin_common_cppflags)
plugins_common_libhttp_la_CFLAGS = $(plugin_cflags)
plugins_common_libhttp_la_LIBADD = $(CURL_LIBS)
