# SPDX-License-Identifier: Apache-2.0
dist_man_MANS = \
	man/ontime-plugin.7 \
	man/ontimectl.1 \
	man/ontimed.8 \
	man/scheduler.cfg.5
