/* SPDX-License-Identifier: Apache-2.0
 *
 * ctl/ask.h - asking the daemon, and saying what went wrong.
 */
#ifndef ONTIME_CTL_ASK_H
#define ONTIME_CTL_ASK_H

#include "commands.h"

/* One request.  CTL_OK: a is a good answer, to be ended with answer_done().
 * Otherwise all has been said. */
enum ctl_exit ask(struct ctl *c, const char *method, struct buf *path,
                  struct span body, struct answer *a);
/* What the daemon sent, untouched; on a terminal still harmless, and JSON. */
void ask_raw(struct ctl *c, const struct buf *body);
/* Says err and where help is; CTL_USAGE. */
enum ctl_exit ask_usage(struct ctl *c, const struct err *err);
/* Says why it was not done; CTL_REFUSED. */
enum ctl_exit ask_failed(struct ctl *c, const struct err *err);

#endif
