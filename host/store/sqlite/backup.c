/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/backup.c - see backup.h.  The caller's thread, with connections
 * of its own.
 *
 * A reading transaction holds the moment that is copied, so a daemon's writing
 * does not make the copy begin again; until its end the write-ahead log cannot
 * start over and grows.  What was written is synced every so often: at the end
 * there is little left, and the daemon's own syncs do not wait for all of it.
 */
#include "config.h"

#include "store/sqlite/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/session.h"

#define SLICE 131072         /* bytes in one step */
#define SYNC_EVERY (4 << 20) /* bytes; also the most that waits to be written */
#define TELL_MS 200

struct backup {
    const struct backup_request *q;
    char partial[4096], dir[4096];
    int fd; /* of the copy, for syncing */
    sqlite3 *from, *to;
    sqlite3_backup *work;
    int64_t page; /* bytes */
    int64_t began_ms, told_ms;
    uint64_t done, synced;
};

/* ---- the two files ---------------------------------------------------------- */

static int open_source(struct backup *b, struct err *err)
{
    int r = sq_look(sq_path(b->q->url), &b->from, err);
    sqlite3_stmt *st = NULL;

    if (r < 0)
        return r;
    if (sqlite3_exec(b->from, "BEGIN", NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(b->from, "PRAGMA page_size", -1, &st, NULL) !=
            SQLITE_OK ||
        sqlite3_step(st) != SQLITE_ROW)
        r = sq_fail(b->from, err, "read the store");
    else
        b->page = sqlite3_column_int64(st, 0);
    (void)sqlite3_finalize(st);
    /* The moment that is copied. */
    if (r == 0)
        r = sq_exec(b->from, "SELECT count(*) FROM sqlite_master", err);
    return r;
}

static int names_of(struct backup *b, struct err *err)
{
    const char *path = b->q->path, *slash = strrchr(path, '/');

    if ((size_t)snprintf(b->partial, sizeof(b->partial), "%s.partial", path) >=
        sizeof(b->partial))
        return err_set(err, -ENAMETOOLONG, "the path is too long");
    (void)snprintf(b->dir, sizeof(b->dir), "%.*s",
                   slash == NULL ? 1 : (int)(slash - path + 1),
                   slash == NULL ? "." : path);
    if (access(path, F_OK) == 0)
        return err_set(err, -EEXIST, "%s exists already", path);
    return 0;
}

static int open_copy(struct backup *b, struct err *err)
{
    b->fd = open(b->partial, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (b->fd < 0 && errno == EEXIST)
        return err_set(err, -EEXIST,
                       "%s exists: a backup is under way, or was killed and "
                       "the file can be removed",
                       b->partial);
    if (b->fd < 0)
        return err_sys(err, errno, "create %s", b->partial);
    if (sqlite3_open_v2(b->partial, &b->to,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK)
        return sq_fail(b->to, err, b->partial);
    /* We sync it, and a half copy is thrown away. */
    return sq_exec(b->to,
                   "PRAGMA journal_mode=OFF;PRAGMA synchronous=OFF;"
                   "PRAGMA cache_size=-4096",
                   err);
}

/* ---- copying ------------------------------------------------------------------ */

static int sync_copy(struct backup *b, struct err *err)
{
    if (fdatasync(b->fd) < 0)
        return err_sys(err, errno, "sync %s", b->partial);
    /* It need not push others out of memory. */
    (void)posix_fadvise(b->fd, 0, 0, POSIX_FADV_DONTNEED);
    b->synced = b->done;
    return 0;
}

static int tell(struct backup *b, bool end, struct err *err)
{
    int64_t now = clock_boot_ms();
    struct move_progress p = {
        .what = "copied",
        .done = b->done,
        .total = (uint64_t)(sqlite3_backup_pagecount(b->work) * b->page),
        .bytes = true,
    };

    if (!end && now - b->told_ms < TELL_MS)
        return 0;
    b->told_ms = now;
    return move_tell(&b->q->tell, &p, err);
}

/* Waits as long as the rate asks for. */
static int pace(struct backup *b, struct err *err)
{
    int64_t wait = 0;
    int r = 0;

    if (b->q->rate <= 0)
        return 0;
    while (r == 0) {
        wait = b->began_ms + (int64_t)(b->done * 1000 / (uint64_t)b->q->rate) -
               clock_boot_ms();
        if (wait <= 0)
            break;
        (void)poll(NULL, 0, wait < TELL_MS ? (int)wait : TELL_MS);
        r = tell(b, false, err);
    }
    return r;
}

static int one_step(struct backup *b, bool *ret_end, struct err *err)
{
    int pages = b->page < SLICE ? (int)(SLICE / b->page) : 1;
    int rc = sqlite3_backup_step(b->work, pages);

    if (rc != SQLITE_OK && rc != SQLITE_DONE)
        return sq_fail(b->to, err, "copy the store");
    *ret_end = rc == SQLITE_DONE;
    b->done = (uint64_t)((sqlite3_backup_pagecount(b->work) -
                          sqlite3_backup_remaining(b->work)) *
                         b->page);
    if (b->done - b->synced >= SYNC_EVERY && sync_copy(b, err) < 0)
        return -EIO;
    if (tell(b, *ret_end, err) < 0)
        return -ECANCELED;
    return pace(b, err);
}

static int copy(struct backup *b, struct err *err)
{
    bool end = false;
    int r = 0;

    b->work = sqlite3_backup_init(b->to, "main", b->from, "main");
    if (b->work == NULL)
        return sq_fail(b->to, err, "copy the store");
    b->began_ms = clock_boot_ms();
    while (r == 0 && !end)
        r = one_step(b, &end, err);
    (void)sqlite3_backup_finish(b->work);
    b->work = NULL;
    return r;
}

/* The copy is whole: makes it last, and gives it its name. */
static int publish(struct backup *b, struct err *err)
{
    int dir, r;

    if (sqlite3_close(b->to) != SQLITE_OK)
        return sq_fail(b->to, err, "close the copy");
    b->to = NULL;
    if (fsync(b->fd) < 0)
        return err_sys(err, errno, "sync %s", b->partial);
    /* Not over another's; but not every file system has links. */
    if (link(b->partial, b->q->path) < 0 &&
        (errno == EEXIST || rename(b->partial, b->q->path) < 0))
        return err_sys(err, errno, "name the copy %s", b->q->path);
    (void)unlink(b->partial);
    dir = open(b->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    r = dir < 0 || fsync(dir) < 0 ? errno : 0;
    if (dir >= 0)
        (void)close(dir);
    return r != 0 ? err_sys(err, r, "sync %s", b->dir) : 0;
}

int sq_backup(const struct backup_request *q, uint64_t *ret_bytes,
              struct err *err)
{
    struct backup *b = calloc(1, sizeof(*b));
    int r;

    if (b == NULL)
        return err_again(err, -ENOMEM, "no memory for a backup");
    b->q = q;
    b->fd = -1;
    r = names_of(b, err);
    if (r == 0)
        r = open_source(b, err);
    if (r == 0)
        r = open_copy(b, err);
    if (r == 0)
        r = copy(b, err);
    if (r == 0)
        r = publish(b, err);
    *ret_bytes = b->done;
    (void)sqlite3_close(b->to);
    (void)sqlite3_close(b->from);
    if (b->fd >= 0) {
        (void)close(b->fd);
        (void)unlink(b->partial);
    }
    free(b);
    return r;
}

/* ---- looking at a whole one ------------------------------------------------------ */

/* What must be so, each a query that answers with a number, 0: it is. */
static const struct {
    const char *sql, *what;
} rules[] = {
    {"SELECT (SELECT count(*) FROM jobs)-"
     "(SELECT coalesce(sum(pending),0) FROM apps)",
     "the count of live jobs is not the number of their rows"},
    {"SELECT count(*) FROM job_order o LEFT JOIN jobs j ON j.id=o.id "
     "WHERE j.id IS NULL OR j.pos<>o.pos",
     "the order of firing names jobs that are not there"},
    {"SELECT count(*) FROM jobs j LEFT JOIN apps a ON a.id=j.app "
     "WHERE a.id IS NULL",
     "jobs are of apps that are not there"},
    {"SELECT count(*) FROM execution_rows e LEFT JOIN apps a ON a.id=e.app "
     "WHERE a.id IS NULL",
     "executions are of apps that are not there"},
    {"SELECT count(*)-1 FROM slots", "there is not one slot"},
};

static int ask(sqlite3 *db, const char *sql, int64_t *ret, struct err *err)
{
    sqlite3_stmt *st = NULL;
    int r = 0;

    if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK ||
        sqlite3_step(st) != SQLITE_ROW)
        r = sq_fail(db, err, "look at the store");
    else
        *ret = sqlite3_column_int64(st, 0);
    (void)sqlite3_finalize(st);
    return r;
}

static int integrity(sqlite3 *db, struct err *err)
{
    sqlite3_stmt *st = NULL;
    int r = 0;

    if (sqlite3_prepare_v2(db, "PRAGMA integrity_check(1)", -1, &st, NULL) !=
            SQLITE_OK ||
        sqlite3_step(st) != SQLITE_ROW)
        r = sq_fail(db, err, "check the database");
    else if (strcmp((const char *)sqlite3_column_text(st, 0), "ok") != 0)
        r = err_set(err, -EUCLEAN, "the database is damaged: %s",
                    (const char *)sqlite3_column_text(st, 0));
    (void)sqlite3_finalize(st);
    return r;
}

struct watch { /* of a long query */
    const struct move_tell *tell;
    struct move_progress at;
};

static int watching(void *arg)
{
    struct watch *w = arg;

    return move_tell(w->tell, &w->at, NULL) < 0;
}

static int check_rules(sqlite3 *db, struct watch *w, struct err *err)
{
    int64_t n = 0;
    int r = 0;

    for (size_t i = 0; r == 0 && i < sizeof(rules) / sizeof(rules[0]); i++) {
        w->at.done++;
        r = ask(db, rules[i].sql, &n, err);
        if (r == 0 && n != 0)
            r = err_set(err, -EUCLEAN, "%s (%lld)", rules[i].what,
                        (long long)n);
    }
    return r;
}

int sq_check(const char *url, const struct move_tell *tell,
             struct check_result *ret, struct err *err)
{
    struct watch w = {
        tell, {"checks", 0, sizeof(rules) / sizeof(rules[0]) + 1, false}};
    struct hash_key secret;
    sqlite3 *db = NULL;
    int r;

    memset(ret, 0, sizeof(*ret));
    r = sq_look(sq_path(url), &db, err);
    if (r == 0)
        r = sq_schema_look(db, ret->id, &secret, err);
    if (r < 0)
        goto out;
    sqlite3_progress_handler(db, 2000000, watching, &w);
    w.at.done = 1;
    r = integrity(db, err);
    if (r == 0)
        r = check_rules(db, &w, err);
    if (r == 0)
        r = ask(db, "SELECT count(*) FROM jobs", &ret->jobs, err);
    if (r == 0)
        r = ask(db, "SELECT count(*) FROM execution_rows", &ret->executions,
                err);
    if (r == 0)
        r = ask(db, "SELECT count(*) FROM source_positions", &ret->positions,
                err);
out:
    (void)sqlite3_close(db);
    return r;
}
