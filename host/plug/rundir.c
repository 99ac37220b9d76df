/* SPDX-License-Identifier: Apache-2.0
 *
 * plug/rundir.c - the private directory with copies; see rundir.h.
 */
#include "config.h"

#include "plug/rundir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"

#define FILE_MAX (256u << 20)
#define PREFIX "run-"

static char *join(const char *dir, const char *name)
{
    char *path;

    return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

static int no_memory(struct err *err)
{
    return err_set(err, -ENOMEM, "out of memory");
}

/* ---- the directory ------------------------------------------------------- */

static char *default_base(void)
{
    const char *tmp = getenv("TMPDIR");
    char *path;

    if (tmp == NULL || tmp[0] != '/')
        tmp = "/tmp";
    if (asprintf(&path, "%s/ontime-%u", tmp, (unsigned)geteuid()) < 0)
        return NULL;
    return path;
}

/* The base directory, made when missing; nobody else may write to it, for what
 * lies there is loaded as code. */
static int make_base(const char *base, struct err *err)
{
    struct stat st;

    if (mkdir(base, 0700) < 0 && errno != EEXIST)
        return err_sys(err, errno, "plugins.run_dir %s", base);
    if (lstat(base, &st) < 0)
        return err_sys(err, errno, "plugins.run_dir %s", base);
    if (!S_ISDIR(st.st_mode))
        return err_set(err, -ENOTDIR, "plugins.run_dir %s: not a directory",
                       base);
    if (st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return err_set(err, -EPERM,
                       "plugins.run_dir %s: others may write to it; it must "
                       "be owned by uid %u with mode 0700",
                       base, (unsigned)geteuid());
    return 0;
}

/* A lock file, held: its descriptor, or -errno (-EWOULDBLOCK: somebody's). */
static int hold(const char *dir, int how)
{
    char *path = join(dir, "lock");
    int fd, r;

    if (path == NULL)
        return -ENOMEM;
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    r = fd < 0 ? -errno : fd;
    free(path);
    if (fd < 0)
        return r;
    while (flock(fd, how) < 0) {
        if (errno == EINTR)
            continue;
        r = -errno;
        (void)close(fd);
        return r;
    }
    return fd;
}

static void remove_dir(const char *dir)
{
    struct dirent *e;
    DIR *d = opendir(dir);

    if (d == NULL)
        return;
    while ((e = readdir(d)) != NULL)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            (void)unlinkat(dirfd(d), e->d_name, 0);
    (void)closedir(d);
    (void)rmdir(dir);
}

/* Removes the directories whose processes are gone: their locks are free. */
static void remove_stale(const char *base)
{
    struct dirent *e;
    DIR *d = opendir(base);

    if (d == NULL)
        return;
    while ((e = readdir(d)) != NULL) {
        char *path;
        int fd;

        if (strncmp(e->d_name, PREFIX, strlen(PREFIX)) != 0)
            continue;
        path = join(base, e->d_name);
        fd = path != NULL ? hold(path, LOCK_EX | LOCK_NB) : -1;
        if (fd >= 0) {
            remove_dir(path);
            (void)close(fd);
        }
        free(path);
    }
    (void)closedir(d);
}

static int make_own(struct rundir *d, const char *base, struct err *err)
{
    char *path;

    if (asprintf(&path, "%s/" PREFIX "%ld-XXXXXX", base, (long)getpid()) < 0)
        return no_memory(err);
    if (mkdtemp(path) == NULL) {
        int r = err_sys(err, errno, "plugins.run_dir: %s", path);

        free(path);
        return r;
    }
    d->path = path;
    d->lock = hold(path, LOCK_EX | LOCK_NB);
    if (d->lock < 0)
        return err_sys(err, -d->lock, "lock %s", path);
    return 0;
}

int rundir_open(struct rundir *d, const char *base, struct err *err)
{
    bool given = base != NULL && base[0] != '\0';
    char *own = given ? strdup(base) : default_base();
    int fd = -1, r;

    *d = (struct rundir){.lock = -1};
    if (own == NULL)
        return no_memory(err);
    r = make_base(own, err);
    if (r < 0)
        goto out;
    /* While this is held nobody sees a directory that is not locked yet. */
    fd = hold(own, LOCK_EX);
    if (fd < 0) {
        r = err_sys(err, -fd, "lock %s", own);
        goto out;
    }
    remove_stale(own);
    r = make_own(d, own, err);
out:
    if (fd >= 0)
        (void)close(fd);
    free(own);
    if (r < 0)
        rundir_close(d);
    return r;
}

void rundir_close(struct rundir *d)
{
    if (d->path != NULL)
        remove_dir(d->path);
    if (d->lock >= 0)
        (void)close(d->lock);
    free(d->path);
    *d = (struct rundir){.lock = -1};
}

/* ---- files --------------------------------------------------------------- */

static int read_all(int fd, const char *file, char *data, size_t len,
                    struct err *err)
{
    size_t got = 0;

    while (got < len) {
        ssize_t n = read(fd, data + got, len - got);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(err, errno, "read %s", file);
        if (n == 0)
            break;
        got += (size_t)n;
    }
    if (got < len)
        return err_again(err, -EAGAIN,
                         "%s: became shorter while it was read; write a new "
                         "file and rename it into place",
                         file);
    return 0;
}

static int check_file(const char *file, const struct stat *st, struct err *err)
{
    if (!S_ISREG(st->st_mode))
        return err_set(err, -EINVAL, "%s: not a regular file", file);
    if (st->st_size == 0)
        return err_set(err, -ENOEXEC, "%s: is empty", file);
    if (st->st_size > (off_t)FILE_MAX)
        return err_set(err, -EFBIG, "%s: larger than %u MiB", file,
                       FILE_MAX >> 20);
    return 0;
}

static int read_open(int fd, const char *file, void **ret, size_t *ret_len,
                     struct err *err)
{
    struct stat st, after;
    char *data;
    int r;

    if (fstat(fd, &st) < 0)
        return err_sys(err, errno, "%s", file);
    r = check_file(file, &st, err);
    if (r < 0)
        return r;
    data = malloc((size_t)st.st_size);
    if (data == NULL)
        return no_memory(err);
    r = read_all(fd, file, data, (size_t)st.st_size, err);
    if (r == 0 && (fstat(fd, &after) < 0 || after.st_size != st.st_size ||
                   after.st_mtim.tv_sec != st.st_mtim.tv_sec ||
                   after.st_mtim.tv_nsec != st.st_mtim.tv_nsec))
        r = err_again(err, -EAGAIN,
                      "%s: changed while it was read; write a new file and "
                      "rename it into place",
                      file);
    if (r < 0) {
        free(data);
        return r;
    }
    *ret = data;
    *ret_len = (size_t)st.st_size;
    return 0;
}

int rundir_read(const char *file, void **ret, size_t *ret_len, struct err *err)
{
    /* Not blocking: it may be a pipe that nobody writes to. */
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    int r;

    if (fd < 0)
        return err_sys(err, errno, "%s", file);
    r = read_open(fd, file, ret, ret_len, err);
    (void)close(fd);
    return r;
}

void rundir_hash(const void *data, size_t len, char ret[33])
{
    /* A fixed key: the hash names content, and is shown to people. */
    static const struct hash_key key = {0x6f6e74696d65u, 0x706c7567696eu};
    uint64_t h[2];

    hash128(&key, data, len, h);
    (void)snprintf(ret, 33, "%016llx%016llx", (unsigned long long)h[0],
                   (unsigned long long)h[1]);
}

static int write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        data += n;
        len -= (size_t)n;
    }
    return fchmod(fd, 0500) < 0 ? -errno : 0;
}

int rundir_write(struct rundir *d, const struct rundir_file *f, char **ret_path,
                 struct err *err)
{
    char *path = NULL, *temp = NULL;
    int fd = -1, r = 0;

    if (asprintf(&path, "%s/%s-%s.so", d->path, f->name, f->hash) < 0)
        return no_memory(err);
    if (asprintf(&temp, "%s/.%s-XXXXXX", d->path, f->name) < 0) {
        free(path);
        return no_memory(err);
    }
    fd = mkostemp(temp, O_CLOEXEC);
    if (fd < 0) {
        r = err_sys(err, errno, "copy %s to %s", f->name, d->path);
        goto out;
    }
    r = write_all(fd, f->data, f->len);
    if (close(fd) < 0 && r == 0)
        r = -errno;
    if (r == 0 && rename(temp, path) < 0)
        r = -errno;
    if (r < 0) {
        (void)unlink(temp);
        r = err_sys(err, -r, "copy %s to %s", f->name, d->path);
    }
out:
    free(temp);
    if (r < 0)
        free(path);
    else
        *ret_path = path;
    return r;
}
