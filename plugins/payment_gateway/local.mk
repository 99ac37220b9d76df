# SPDX-License-Identifier: Apache-2.0
plugin_LTLIBRARIES += plugins/payment_gateway/payment_gateway.la
plugins_payment_gateway_payment_gateway_la_SOURCES = plugins/payment_gateway/payment_gateway.c
plugins_payment_gateway_payment_gateway_la_CPPFLAGS = $(plugin_common_cppflags)
plugins_payment_gateway_payment_gateway_la_CFLAGS = $(plugin_cflags)
plugins_payment_gateway_payment_gateway_la_LDFLAGS = $(plugin_ldflags)
plugins_payment_gateway_payment_gateway_la_LIBADD = plugins/common/libcommon.la
EXTRA_DIST += plugins/payment_gateway/README.md
