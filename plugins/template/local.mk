# SPDX-License-Identifier: Apache-2.0
# What a plugin author copies: not built here, but installed and tested
# (tests/integration/b05-template.test).
templatedir = $(datadir)/ontime/template
dist_template_DATA = \
	plugins/template/Makefile \
	plugins/template/README.md \
	plugins/template/template.c
