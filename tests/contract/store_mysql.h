/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/contract/store_mysql.h - what the tests of the backend "mysql" share:
 * a look behind its back, on a connection of root's.
 */
#ifndef ONTIME_TESTS_CONTRACT_STORE_MYSQL_H
#define ONTIME_TESTS_CONTRACT_STORE_MYSQL_H

#include <mysql.h>
#undef list_rest
#undef list_push
#undef list_pop

#include "store.h"

/* The test's database, made when it is not there. */
MYSQL *behind_open(const char *dir);
void behind_exec(const char *dir, const char *sql);
/* The first value of the first row, as text; the caller frees it. */
char *behind_ask(const char *dir, const char *sql);
void behind_assert(const char *dir, const char *sql, const char *want);
void behind_url(const char *dir, char *ret, size_t size);

size_t tests_mysql_seat(struct CMUnitTest *into);
size_t tests_mysql_trouble(struct CMUnitTest *into);

#endif
