# SPDX-License-Identifier: Apache-2.0
plugin_LTLIBRARIES += plugins/payment/payment.la
plugins_payment_payment_la_SOURCES = \
	plugins/payment/answer.c \
	plugins/payment/mask.c \
	plugins/payment/payment.c plugins/payment/payment.h \
	plugins/payment/request.c \
	plugins/payment/sign.c
plugins_payment_payment_la_CPPFLAGS = $(plugin_common_cppflags)
plugins_payment_payment_la_CFLAGS = $(plugin_cflags) $(CRYPTO_CFLAGS)
plugins_payment_payment_la_LDFLAGS = $(plugin_ldflags)
plugins_payment_payment_la_LIBADD = plugins/common/libhttp.la \
	plugins/common/libcommon.la $(CRYPTO_LIBS)
EXTRA_DIST += plugins/payment/README.md
