# SPDX-License-Identifier: Apache-2.0
plugin_LTLIBRARIES += plugins/dummy/dummy.la
plugins_dummy_dummy_la_SOURCES = plugins/dummy/dummy.c
plugins_dummy_dummy_la_CPPFLAGS = $(plugin_common_cppflags)
plugins_dummy_dummy_la_CFLAGS = $(plugin_cflags)
plugins_dummy_dummy_la_LDFLAGS = $(plugin_ldflags)
plugins_dummy_dummy_la_LIBADD = plugins/common/libcommon.la
EXTRA_DIST += plugins/dummy/README.md
