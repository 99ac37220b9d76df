# SPDX-License-Identifier: Apache-2.0
#
# The configuration and the systemd unit.
#
# $(datadir)/ontime/etc holds the configuration as shipped.  A file of it goes
# to $(sysconfdir)/ontime when it is not there yet, or when the one there is
# still as it was shipped before; what somebody has changed is left alone.

etc_files = \
	etc/scheduler.cfg \
	etc/apps.d/http_call.cfg.example \
	etc/apps.d/payment.cfg.example \
	etc/apps.d/sms_retry.cfg \
	etc/apps.d/three-apps.cfg.example

EXTRA_DIST += $(etc_files) etc/ontimed.service.in

confdir = $(sysconfdir)/ontime
shippeddir = $(datadir)/ontime

install-data-hook: install-conf
install-conf:
	@for f in $(etc_files); do \
		to="$(DESTDIR)$(confdir)/$${f#etc/}"; \
		was="$(DESTDIR)$(shippeddir)/$$f"; \
		$(MKDIR_P) "`dirname "$$to"`" "`dirname "$$was"`" || exit 1; \
		if test ! -e "$$to" || cmp -s "$$to" "$$was"; then \
			$(INSTALL_DATA) "$(srcdir)/$$f" "$$to" || exit 1; \
		elif ! cmp -s "$$to" "$(srcdir)/$$f"; then \
			echo "kept as it was changed: $$to"; \
		fi; \
		$(INSTALL_DATA) "$(srcdir)/$$f" "$$was" || exit 1; \
	done
	@$(MKDIR_P) "$(DESTDIR)$(localstatedir)/lib/ontime" \
		"$(DESTDIR)$(runstatedir)/ontime"

uninstall-hook: uninstall-conf
uninstall-conf:
	@for f in $(etc_files); do \
		to="$(DESTDIR)$(confdir)/$${f#etc/}"; \
		was="$(DESTDIR)$(shippeddir)/$$f"; \
		if cmp -s "$$to" "$$was"; then rm -f "$$to"; fi; \
		rm -f "$$was"; \
	done

.PHONY: install-conf uninstall-conf

if SYSTEMD_UNIT
systemdsystemunit_DATA = etc/ontimed.service
endif
CLEANFILES += etc/ontimed.service

etc/ontimed.service: $(srcdir)/etc/ontimed.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) etc && sed \
		-e 's|@bindir[@]|$(bindir)|g' \
		-e 's|@sysconfdir[@]|$(sysconfdir)|g' \
		$(srcdir)/etc/ontimed.service.in >$@.tmp && mv $@.tmp $@
