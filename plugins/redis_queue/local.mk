# SPDX-License-Identifier: Apache-2.0
plugin_LTLIBRARIES += plugins/redis_queue/redis_queue.la
plugins_redis_queue_redis_queue_la_SOURCES = \
	plugins/redis_queue/redis_queue.c plugins/redis_queue/redis_queue.h \
	plugins/redis_queue/sender.c
plugins_redis_queue_redis_queue_la_CPPFLAGS = $(plugin_common_cppflags)
plugins_redis_queue_redis_queue_la_CFLAGS = $(plugin_cflags) $(HIREDIS_CFLAGS)
plugins_redis_queue_redis_queue_la_LDFLAGS = $(plugin_ldflags)
plugins_redis_queue_redis_queue_la_LIBADD = plugins/common/libcommon.la \
	$(HIREDIS_LIBS)
EXTRA_DIST += plugins/redis_queue/README.md
