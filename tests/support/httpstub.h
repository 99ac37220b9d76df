/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/support/httpstub.h - an HTTP/1.1 server for tests, on one thread, that
 * can do wrong.  The path says what it does:
 *
 *     /ok              200 with the body "fine"
 *     /status/NNN      that status
 *     /after/TEXT      429 with Retry-After: TEXT
 *     /stall           no answer
 *     /reset           a reset in place of an answer
 *     /half            the connection ends in the middle of the body
 *     /big             200 with 4 MiB
 *     /wild            200 with bytes that are no text
 *     /redirect/NNN/X  that status with Location: X
 *     /mad             by chance one of: 200, 404, 429, 503, half, reset, and
 *                      now and then stall
 */
#ifndef ONTIME_TESTS_HTTPSTUB_H
#define ONTIME_TESTS_HTTPSTUB_H

#include <stdbool.h>
#include <stdint.h>

struct httpstub;

struct httpstub *httpstub_open(void); /* on 127.0.0.1; fails the test */
int httpstub_port(const struct httpstub *s);
/* The next request, whatever its path, has this answer; several are kept, in
 * order.  Status 0: a reset; -1: no answer.  body is borrowed. */
void httpstub_say(struct httpstub *s, int status, const char *body);
/* "POST /x\nGET /y\n": the requests since the last call of this. */
void httpstub_heads(struct httpstub *s, char *out, unsigned long cap);
/* The last request, head and body, NUL behind; copied. */
void httpstub_last(struct httpstub *s, char *out, unsigned long cap);
uint64_t httpstub_count(struct httpstub *s);       /* requests so far */
uint64_t httpstub_connections(struct httpstub *s); /* so far */
void httpstub_close(struct httpstub **s);

#endif
