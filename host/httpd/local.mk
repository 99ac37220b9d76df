# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += host/httpd/libhttpd.a
host_httpd_libhttpd_a_SOURCES = \
	host/httpd/guard.c host/httpd/guard.h \
	host/httpd/httpd.c host/httpd/httpd.h \
	host/httpd/jobs.c host/httpd/jobs.h \
	host/httpd/jobs_put.c \
	host/httpd/jobs_read.c \
	host/httpd/lane.c host/httpd/lane.h \
	host/httpd/listen.c host/httpd/listen.h \
	host/httpd/ops.c host/httpd/ops.h \
	host/httpd/request.c host/httpd/request.h \
	host/httpd/routes.c host/httpd/routes.h \
	host/httpd/serve.c host/httpd/serve.h \
	host/httpd/show.c host/httpd/show.h \
	host/httpd/uri.c host/httpd/uri.h
