/* SPDX-License-Identifier: Apache-2.0
 *
 * httpd/routes.h - the table of routes: what the API has.  Constant.
 */
#ifndef ONTIME_HTTPD_ROUTES_H
#define ONTIME_HTTPD_ROUTES_H

#include "httpd/request.h"

extern const struct route routes_table[];
extern const size_t routes_count;

/*
 * Finds rq's route by rq->method and rq->uri and checks path and parameters.
 * 0: rq->route and rq->id are set.  Negative: answered, 404, 405 with Allow,
 * 204 (OPTIONS) or 400; rq->route is set when there was one.
 */
int routes_find(struct request *rq);

/* The table as JSON: GET /api/v1. */
void routes_index(struct request *rq);

#endif
