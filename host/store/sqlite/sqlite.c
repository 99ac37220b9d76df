/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/sqlite.c - the backend "sqlite": opening, the lock that makes
 * us the only instance, and its table of operations.
 *
 * Opened by one thread; sessions are other files' business.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "store/sqlite/backup.h"
#include "store/sqlite/change.h"
#include "store/sqlite/export.h"
#include "store/sqlite/finish.h"
#include "store/sqlite/history.h"
#include "store/sqlite/look.h"
#include "store/sqlite/prune.h"
#include "store/sqlite/put.h"
#include "store/sqlite/scan.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/slot.h"
#include "store/sqlite/wish.h"

/* The lock file stays when we go: removing it would let two others lock two
 * different files.  It holds the pid of its holder. */
static int lock_take(struct sq_store *st, struct err *err)
{
    char path[4096], pid[32] = "";
    ssize_t n;

    if ((size_t)snprintf(path, sizeof(path), "%s.lock", st->path) >=
        sizeof(path))
        return err_set(err, -ENAMETOOLONG, "the store's path is too long");
    st->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (st->lock_fd < 0) {
        int e = errno;

        return err_again(err, -e,
                         "open %s: %s (its folder must exist and be "
                         "ours)",
                         path, err_name(e));
    }
    if (flock(st->lock_fd, LOCK_EX | LOCK_NB) < 0) {
        n = pread(st->lock_fd, pid, sizeof(pid) - 1, 0);
        pid[n > 0 ? strcspn(pid, "\n") : 0] = '\0';
        return err_again(err, -EBUSY, "%s is in use by process %s", st->path,
                         pid[0] != '\0' ? pid : "(unknown)");
    }
    n = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
    if (ftruncate(st->lock_fd, 0) < 0 ||
        pwrite(st->lock_fd, pid, (size_t)n, 0) != n)
        return err_again(err, -EIO, "write %s", path);
    return 0;
}

static void sq_close(struct store *s)
{
    struct sq_store *st = (struct sq_store *)(void *)s;

    if (st->lock_fd >= 0)
        (void)close(st->lock_fd);
    sq_names_done(st);
    free(st->path);
    free(st);
}

/* Makes or migrates the schema, over a connection of its own. */
static int prepare(struct sq_store *st, enum store_use use, struct err *err)
{
    bool look = use == STORE_LOOK;
    sqlite3 *db = NULL;
    int r;

    r = look ? sq_look(st->path, &db, err)
             : sq_connect(st->path, 2048, true, &db, err);
    if (r == 0) {
        r = look ? sq_schema_look(db, st->base.id, &st->secret, err)
                 : sq_schema_open(db, st->base.id, &st->secret, err);
        if (r == 0 && use == STORE_IMPORT)
            r = sq_exec(db, "INSERT INTO meta VALUES('incomplete',1)", err);
        if (r == 0)
            r = sq_names_load(st, db, err);
        if (r < 0)
            (void)err_wrap(err, "%s", st->path);
    }
    (void)sqlite3_close(db);
    return r;
}

/* SQLite's count of its memory is a lock that all connections share, taken at
 * each allocation; nobody reads it. */
static void configure(void)
{
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static int sq_open(const struct store_settings *set, struct store **ret,
                   struct err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    bool look = set->use == STORE_LOOK;
    struct sq_store *st;
    int r = -ENOMEM;

    (void)pthread_once(&once, configure);
    if (*sq_path(set->url) == '\0')
        return err_set(err, -EINVAL, "store url \"%s\" has no path", set->url);
    if (set->use == STORE_IMPORT && access(sq_path(set->url), F_OK) == 0)
        return err_set(err, -EEXIST, "%s is there already", sq_path(set->url));
    st = calloc(1, sizeof(*st));
    if (st == NULL)
        return err_again(err, r, "no memory for a store");
    st->base.ops = &store_sqlite;
    st->base.shards = 1;
    st->lock_fd = -1;
    sq_names_init(st);
    st->cache_kb = set->cache_kb > 0 ? set->cache_kb : 16384;
    st->idempotency_ms = set->idempotency_ms;
    st->history_ms = set->history_ms;
    st->sync_full = set->sync_full;
    atomic_flag_clear(&st->writing);
    st->path = strdup(sq_path(set->url));
    if (st->path == NULL)
        r = err_again(err, r, "no memory for a store");
    else
        r = look ? 0 : lock_take(st, err);
    if (r == 0)
        r = prepare(st, set->use, err);
    if (r < 0) {
        sq_close(&st->base);
        return r;
    }
    *ret = &st->base;
    return 0;
}

static int64_t remembered(struct store *s)
{
    struct sq_store *st = (struct sq_store *)(void *)s;

    return atomic_load(&st->remembered);
}

const struct store_ops store_sqlite = {
    .name = "sqlite",
    .scheme = SQ_SCHEME,
    .open = sq_open,
    .close = sq_close,
    .session_open = sq_session_open,
    .session_close = sq_session_close,
    .put = sq_put,
    .position_get = sq_position_get,
    .load_due = sq_load_due,
    .finish = sq_finish,
    .mark_running = sq_mark_running,
    .change = sq_change,
    .wishes = sq_wishes,
    .decide = sq_decide,
    .verdict = sq_verdict,
    .get = sq_get,
    .find = sq_find,
    .list = sq_list,
    .executions = sq_executions,
    .history = sq_history_walk,
    .counts = sq_counts,
    .remembered = remembered,
    .prune = sq_prune,
    .slots = sq_slots,
    .shard_owners = sq_shard_owners,
    .clock = sq_clock,
    .verify = sq_verify,
    .ledger_begin = sq_ledger_begin,
    .backup = sq_backup,
    .check = sq_check,
    .export = sq_export,
    .import = sq_import,
    .import_end = sq_import_end,
};
