# SPDX-License-Identifier: Apache-2.0
plugin_LTLIBRARIES += plugins/sipcall/sipcall.la
plugins_sipcall_sipcall_la_SOURCES = plugins/sipcall/sipcall.c
plugins_sipcall_sipcall_la_CPPFLAGS = $(plugin_common_cppflags)
plugins_sipcall_sipcall_la_CFLAGS = $(plugin_cflags)
plugins_sipcall_sipcall_la_LDFLAGS = $(plugin_ldflags)
plugins_sipcall_sipcall_la_LIBADD = plugins/common/libcommon.la
EXTRA_DIST += plugins/sipcall/README.md
