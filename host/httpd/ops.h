/* SPDX-License-Identifier: Apache-2.0
 *
 * httpd/ops.h - what operators ask: health, metrics, status, apps, reload, the
 * newest executions.  Handlers of routes.c's table.
 */
#ifndef ONTIME_HTTPD_OPS_H
#define ONTIME_HTTPD_OPS_H

#include "httpd/request.h"

/* On the listener's thread: these never block. */
void ops_metrics(struct request *rq);
void ops_live(struct request *rq);
void ops_ready(struct request *rq);

/* On a lane's thread. */
void ops_status(struct request *rq);
void ops_apps(struct request *rq);
void ops_reload(struct request *rq);
void ops_accept_ledger_loss(struct request *rq);
void ops_executions(struct request *rq);
void ops_history(struct request *rq);

#endif
