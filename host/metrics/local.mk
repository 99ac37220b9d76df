# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += host/metrics/libmetrics.a
host_metrics_libmetrics_a_SOURCES = \
	host/metrics/metrics.c host/metrics/metrics.h \
	host/metrics/render.c \
	host/metrics/series.c host/metrics/series.h \
	host/metrics/table.c host/metrics/table.h
