/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/contract/store_mysql.c - the suite on MySQL or MariaDB.  The server is
 * named by ONTIME_TEST_MARIADB, the path of its socket; each test has a
 * database of its own there.
 */
#include "config.h"

#include "store_mysql.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static long main_pid; /* of a child, too */

static const char *the_socket(void)
{
    const char *path = getenv("ONTIME_TEST_MARIADB");

    if (path == NULL)
        fail_msg("ONTIME_TEST_MARIADB is not set (store_mysql.test does)");
    return path;
}

/* The database that belongs to a test's directory. */
static void database(const char *dir, char ret[64])
{
    const char *dot = strrchr(dir, '.');

    (void)snprintf(ret, 64, "contract_%ld_%s", main_pid,
                   dot != NULL ? dot + 1 : "x");
}

MYSQL *behind_open(const char *dir)
{
    MYSQL *db = mysql_init(NULL);
    char name[64], sql[128];

    database(dir, name);
    if (mysql_real_connect(db, NULL, "root", NULL, NULL, 0, the_socket(), 0) ==
        NULL)
        fail_msg("connect: %s", mysql_error(db));
    (void)snprintf(sql, sizeof(sql), "CREATE DATABASE IF NOT EXISTS `%s`",
                   name);
    if (mysql_query(db, sql) != 0 || mysql_select_db(db, name) != 0)
        fail_msg("%s: %s", sql, mysql_error(db));
    return db;
}

void behind_exec(const char *dir, const char *sql)
{
    MYSQL *db = behind_open(dir);

    if (mysql_query(db, sql) != 0)
        fail_msg("%s: %s", sql, mysql_error(db));
    mysql_close(db);
}

char *behind_ask(const char *dir, const char *sql)
{
    MYSQL *db = behind_open(dir);
    MYSQL_RES *res;
    MYSQL_ROW row;
    char *answer;

    if (mysql_query(db, sql) != 0 || (res = mysql_store_result(db)) == NULL)
        fail_msg("%s: %s", sql, mysql_error(db));
    row = mysql_fetch_row(res);
    answer = strdup(row != NULL && row[0] != NULL ? row[0] : "(null)");
    mysql_free_result(res);
    mysql_close(db);
    return answer;
}

void behind_assert(const char *dir, const char *sql, const char *want)
{
    char *got = behind_ask(dir, sql);

    assert_string_equal(got, want);
    free(got);
}

void behind_url(const char *dir, char *ret, size_t size)
{
    char name[64];

    database(dir, name);
    mysql_close(behind_open(dir));
    (void)snprintf(ret, size, "mysql://root@/%s?socket=%s", name, the_socket());
}

static void drop(const char *dir)
{
    char name[64], sql[128];

    database(dir, name);
    (void)snprintf(sql, sizeof(sql), "DROP DATABASE `%s`", name);
    behind_exec(dir, sql);
}

static void usurp(const char *dir)
{
    behind_exec(dir, "UPDATE slots SET epoch=epoch+1");
}

static int64_t count_rows(const char *dir)
{
    char *jobs = behind_ask(dir, "SELECT COUNT(*) FROM jobs");
    int64_t n = strtoll(jobs, NULL, 10);
    char *pending =
        behind_ask(dir, "SELECT COALESCE(SUM(pending),0) FROM app_counts");

    assert_int_equal(strtoll(pending, NULL, 10), n);
    /* Each key leads to its job. */
    behind_assert(dir,
                  "SELECT COUNT(*) FROM jobs j LEFT JOIN names n ON n.id=j.id "
                  "WHERE j.job_key IS NOT NULL AND n.id IS NULL",
                  "0");
    free(pending);
    free(jobs);
    return n;
}

static const struct contract_backend mysql_backend = {
    .name = "mysql",
    .url = behind_url,
    .usurp = usurp,
    .count_rows = count_rows,
    .remove = drop,
    .by_day = true,
    .slow = true,
};

int main(void)
{
    struct CMUnitTest tests[64];
    size_t n = 0;

    main_pid = (long)getpid();
    n += tests_mysql_seat(tests + n);
    n += tests_mysql_trouble(tests + n);
    return contract_run(&mysql_backend, tests, n);
}
