/* SPDX-License-Identifier: Apache-2.0
 *
 * plug/probe.c - the parent's side of a probe; see probe.h.  Any thread.
 */
#include "config.h"

#include "plug/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

#define STEP_MS 20

struct child {
    pid_t pid;
    int out; /* what it says; -1: closed */
    char said[400];
    size_t len;
    int status; /* of waitpid */
};

static int setup(posix_spawn_file_actions_t *files, posix_spawnattr_t *attr,
                 int out)
{
    sigset_t none, all;
    int r;

    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    r = posix_spawn_file_actions_addopen(files, 0, "/dev/null", O_RDONLY, 0);
    if (r == 0)
        r = posix_spawn_file_actions_adddup2(files, out, 1);
    if (r == 0)
        r = posix_spawnattr_setsigmask(attr, &none);
    if (r == 0)
        r = posix_spawnattr_setsigdefault(attr, &all);
    if (r == 0) /* a group of its own: what it starts is ended with it */
        r = posix_spawnattr_setpgroup(attr, 0);
    if (r == 0)
        r = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK |
                                               POSIX_SPAWN_SETSIGDEF |
                                               POSIX_SPAWN_SETPGROUP);
    return r;
}

static int spawn_with(const char *program, const char *path, int out,
                      pid_t *ret)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    char *argv[4] = {strdup(program), strdup("--probe"), strdup(path), NULL};
    int r = ENOMEM;

    if (argv[0] == NULL || argv[1] == NULL || argv[2] == NULL)
        goto out;
    r = posix_spawn_file_actions_init(&files);
    if (r != 0)
        goto out;
    r = posix_spawnattr_init(&attr);
    if (r == 0) {
        r = setup(&files, &attr, out);
        if (r == 0)
            r = posix_spawn(ret, program, &files, &attr, argv, environ);
        (void)posix_spawnattr_destroy(&attr);
    }
    (void)posix_spawn_file_actions_destroy(&files);
out:
    for (int i = 0; i < 3; i++)
        free(argv[i]);
    return -r;
}

static int start(struct child *c, const char *program, const char *path,
                 struct err *err)
{
    int pipes[2], r;

    if (pipe2(pipes, O_CLOEXEC) < 0)
        return err_sys(err, errno, "probe %s: pipe", path);
    (void)fcntl(pipes[0], F_SETFL, O_NONBLOCK);
    r = spawn_with(program, path, pipes[1], &c->pid);
    (void)close(pipes[1]);
    if (r < 0) {
        (void)close(pipes[0]);
        return err_sys(err, -r, "probe %s: start %s", path, program);
    }
    c->out = pipes[0];
    return 0;
}

static void keep(struct child *c, const char *more, size_t n)
{
    size_t room = sizeof(c->said) - 1 - c->len;

    if (n > room) { /* the end is what counts: drop from the front */
        memmove(c->said, c->said + (n - room), c->len - (n - room));
        c->len -= n - room;
    }
    memcpy(c->said + c->len, more, n);
    c->len += n;
}

/* Keeps the end of what the child says. */
static void hear(struct child *c)
{
    for (;;) {
        char more[128];
        ssize_t n = read(c->out, more, sizeof(more));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return;
        if (n == 0) {
            (void)close(c->out);
            c->out = -1;
            return;
        }
        keep(c, more, (size_t)n);
    }
}

/* 1 when the child has ended, 0 not yet, -errno. */
static int ended(struct child *c)
{
    for (;;) {
        pid_t p = waitpid(c->pid, &c->status, WNOHANG);

        if (p == c->pid)
            return 1;
        if (p == 0)
            return 0;
        if (errno != EINTR)
            return -errno;
    }
}

static int wait_for(struct child *c, int64_t timeout_ms)
{
    int64_t end = clock_boot_ms() + timeout_ms;

    for (;;) {
        struct pollfd p = {.fd = c->out, .events = POLLIN};
        int64_t left = end - clock_boot_ms();
        int step = c->out < 0 ? 1 : STEP_MS;
        int r;

        if (c->out >= 0)
            hear(c);
        r = ended(c);
        if (r != 0)
            return r;
        if (left <= 0)
            return -ETIMEDOUT;
        /* An end of file comes a moment before the end of the process. */
        (void)poll(&p, c->out >= 0, left < step ? (int)left : step);
    }
}

static void finish(struct child *c, bool alive)
{
    if (alive) {
        (void)kill(-c->pid, SIGKILL);
        (void)kill(c->pid, SIGKILL);
        while (waitpid(c->pid, &c->status, 0) < 0 && errno == EINTR)
            ;
    }
    if (c->out >= 0) {
        hear(c);
        if (c->out >= 0)
            (void)close(c->out);
    }
    while (c->len > 0 && c->said[c->len - 1] == '\n')
        c->len--;
    c->said[c->len] = '\0';
}

static int judge(const struct child *c, struct err *err)
{
    const char *newline = strrchr(c->said, '\n');
    const char *last = newline != NULL ? newline + 1 : c->said;

    if (WIFSIGNALED(c->status)) {
        const char *name = sigabbrev_np(WTERMSIG(c->status));

        return err_set(err, -ENOEXEC,
                       "crashed with SIG%s when it was loaded for a trial: a "
                       "constructor is broken, or the file is damaged",
                       name != NULL ? name : "?");
    }
    /* Without its last line a constructor called exit(), as it would here. */
    if (WEXITSTATUS(c->status) == 0 && strstr(last, " abi=") != NULL)
        return 0;
    return err_set(err, -ENOEXEC, "%s",
                   WEXITSTATUS(c->status) == 1 && last[0] != '\0'
                       ? last
                       : "ended the trial process when it was loaded");
}

int plugin_probe(const char *program, const char *path, int64_t timeout_ms,
                 struct err *err)
{
    struct child c = {.out = -1};
    int r = start(&c, program, path, err);

    if (r < 0)
        return r;
    r = wait_for(&c, timeout_ms);
    finish(&c, r == -ETIMEDOUT);
    if (r == -ETIMEDOUT)
        return err_set(err, -ETIMEDOUT,
                       "did not come back within %lld ms when it was loaded "
                       "for a trial: a constructor hangs",
                       (long long)timeout_ms);
    if (r < 0)
        return err_sys(err, -r, "wait for the trial process");
    return judge(&c, err);
}
