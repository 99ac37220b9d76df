/* SPDX-License-Identifier: Apache-2.0
 *
 * httpd/jobs.h - what the API does with jobs.  Handlers of routes.c's table; on
 * lanes' threads.
 */
#ifndef ONTIME_HTTPD_JOBS_H
#define ONTIME_HTTPD_JOBS_H

#include "httpd/lane.h"
#include "httpd/request.h"

/* Looking: jobs_read.c. */
void jobs_list(struct request *rq);
void jobs_get(struct request *rq);
void jobs_executions(struct request *rq);

/* Changing: jobs.c. */
void jobs_cancel(struct request *rq);
void jobs_cancel_key(struct request *rq);
void jobs_reschedule(struct request *rq);
void jobs_run(struct request *rq);

/* Creating: jobs_put.c.  The put lane's work: decodes all requests of the batch
 * and stores them in one call. */
#define JOBS_PUT_MAX 256
void jobs_put_all(struct lane *l, struct list *batch,
                  struct store_session **session);

#endif
