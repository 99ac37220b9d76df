/* SPDX-License-Identifier: Apache-2.0
 *
 * httpd/show.h - jobs and executions as JSON.  Pure; any thread.
 */
#ifndef ONTIME_HTTPD_SHOW_H
#define ONTIME_HTTPD_SHOW_H

#include "base/buf.h"
#include "store/store.h"

/* ,"name":"2026-01-31T10:00:00.000Z","nameMs":1769853600000  The comma is left
 * out at the start of an object or list. */
void show_time(struct buf *out, const char *name, int64_t ms);
/* ,"name":"text"; as "nameBase64" when it is not UTF-8; null when data is. */
void show_text(struct buf *out, const char *name, struct span text);
/* ,"jobId":"123": a text, because JavaScript's numbers end at 2^53. */
void show_id(struct buf *out, int64_t id);

/* jobId, version, attempt and the rest, without braces. */
void show_job_fields(struct buf *out, const struct job *j);
/* What is known before it is stored: app, key, state, priority and times. */
void show_job_rest(struct buf *out, const struct job *j);
/*
 * The job as an object: the fields, and "payload" as a JSON value when it is
 * one, else "payloadBase64".  payload_max > 0: a longer one is left out, and
 * "payloadBytes" says so; 0: all, with the headers.
 */
void show_job(struct buf *out, const struct job *j, size_t payload_max);

void show_execution(struct buf *out, const struct execution *e);
/* The short form, for long lists. */
void show_history(struct buf *out, const struct execution *e);
/* The state that a job has reached by an attempt that ended so. */
enum job_state show_state(enum outcome_kind k);

/* Standard base64 with padding, without quotes. */
void show_base64(struct buf *out, struct span data);

#endif
