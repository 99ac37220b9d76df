/* SPDX-License-Identifier: Apache-2.0
 *
 * bench/daemon.c - the child and its socket; see daemon.h.
 */
#include "config.h"

#include "bench/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

#define READY_MS 30000
#define STOP_MS 40000
#define LOG_LINES 40
#define ARGS_MAX 160

/* ---- HTTP over the unix socket ------------------------------------------ */

static int dial(const struct daemon *d)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct timeval patience = {.tv_sec = 10};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    (void)snprintf(a.sun_path, sizeof(a.sun_path), "%.90s/http.sock", d->dir);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
        return fd;
    (void)close(fd);
    return -1;
}

/* The whole answer into d->page; its status, or 0 when there was none. */
static int get(struct daemon *d, const char *path)
{
    char request[160];
    int n, status = 0, fd = dial(d);
    size_t len = 0;

    if (fd < 0)
        return 0;
    n = snprintf(request, sizeof(request),
                 "GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n", path);
    if (send(fd, request, (size_t)n, MSG_NOSIGNAL) != n)
        goto out;
    while (len < sizeof(d->page) - 1) {
        ssize_t got = recv(fd, d->page + len, sizeof(d->page) - 1 - len, 0);

        if (got <= 0)
            break;
        len += (size_t)got;
    }
    d->page[len] = '\0';
    if (sscanf(d->page, "HTTP/%*s %d", &status) != 1)
        status = 0;
out:
    (void)close(fd);
    return status;
}

/* ---- the process --------------------------------------------------------- */

/* Whether it has ended, and how. */
static int ended(struct daemon *d, struct err *err)
{
    int status;

    if (d->pid == 0)
        return err_set(err, -EIO, "ontimed does not run");
    if (waitpid(d->pid, &status, WNOHANG) != d->pid)
        return 0;
    d->pid = 0;
    if (WIFSIGNALED(status))
        return err_set(err, -EIO, "ontimed was ended by signal %d",
                       WTERMSIG(status));
    return err_set(err, -EIO, "ontimed ended with status %d",
                   WEXITSTATUS(status));
}

static int is_ready(void *arg, struct err *err)
{
    struct daemon *d = arg;
    int r = ended(d, err);

    return r < 0 ? r : get(d, "/health/ready") == 200;
}

/* Nothing in our environment may change ontimed's settings. */
static void clean_environment(void)
{
    size_t kept = 0;

    for (size_t i = 0; environ[i] != NULL; i++)
        if (strncmp(environ[i], "ONTIME_", 7) != 0)
            environ[kept++] = environ[i];
    environ[kept] = NULL;
}

static void child(const struct daemon *d, char *const *argv)
{
    char path[200];
    int fd;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)snprintf(path, sizeof(path), "%s/log", d->dir);
    fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
        _exit(126);
    clean_environment();
    (void)execv(argv[0], argv);
    (void)dprintf(STDERR_FILENO, "%s: %s\n", argv[0], err_name(errno));
    _exit(127);
}

struct args {
    char *at[ARGS_MAX];
    size_t count;
    bool failed;
};

static void add_arg(struct args *a, const char *text)
{
    if (a->count < ARGS_MAX - 1)
        a->at[a->count] = strdup(text);
    if (a->count == ARGS_MAX - 1 || a->at[a->count] == NULL)
        a->failed = true;
    else
        a->at[++a->count] = NULL;
}

static void add_override(struct args *a, const char *text)
{
    add_arg(a, "-o");
    add_arg(a, text);
}

static void add_path(struct args *a, const char *format, const char *dir)
{
    char text[300];

    (void)snprintf(text, sizeof(text), "%s%s", format, dir);
    add_override(a, text);
}

static void build_args(struct args *a, const struct daemon *d,
                       const struct bench *b, const char *config,
                       const char *const *overrides)
{
    char path[200];

    add_arg(a, b->ontimed);
    add_arg(a, "-c");
    add_arg(a, config);
    add_path(a, "plugins.dir=", b->plugins);
    (void)snprintf(path, sizeof(path), "%s/run", d->dir);
    (void)mkdir(path, 0700);
    add_path(a, "plugins.run_dir=", path);
    (void)snprintf(path, sizeof(path), "%s/ontime.db", d->dir);
    if (d->store[0] != '\0')
        add_path(a, "store.url=", d->store);
    else
        add_path(a, "store.url=sqlite:", path);
    (void)snprintf(path, sizeof(path), "%s/http.sock", d->dir);
    add_path(a, "http.socket=", path);
    add_override(a, "http.listen=");
    for (size_t i = 0; i < b->setting_count; i++)
        add_override(a, b->settings[i]);
    while (overrides != NULL && *overrides != NULL)
        add_override(a, *overrides++);
}

int daemon_start(struct daemon *d, const struct bench *b, const char *config,
                 const char *const *overrides, struct err *err)
{
    struct args a = {.count = 0};
    int r = 0;

    build_args(&a, d, b, config, overrides);
    if (a.failed) {
        r = err_set(err, -E2BIG, "too many settings for ontimed");
        goto out;
    }
    (void)fflush(stdout);
    d->exec_wall_ms = clock_wall_ms();
    d->pid = fork();
    if (d->pid == 0)
        child(d, a.at);
    if (d->pid < 0) {
        d->pid = 0;
        r = err_sys(err, errno, "fork");
        goto out;
    }
    r = bench_wait("ontimed is ready", READY_MS, 10, is_ready, d, err);
out:
    while (a.count > 0)
        free(a.at[--a.count]);
    return r;
}

static int has_ended(void *arg, struct err *err)
{
    struct daemon *d = arg;
    int status;

    if (waitpid(d->pid, &status, WNOHANG) != d->pid)
        return 0;
    d->pid = 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 1;
    return err_set(err, -EIO, "ontimed ended with wait status 0x%x", status);
}

int daemon_stop(struct daemon *d, struct err *err)
{
    if (d->pid == 0)
        return err_set(err, -EIO, "ontimed does not run");
    (void)kill(d->pid, SIGTERM);
    return bench_wait("ontimed has ended after SIGTERM", STOP_MS, 10, has_ended,
                      d, err);
}

void daemon_kill(struct daemon *d)
{
    if (d->pid == 0)
        return;
    (void)kill(d->pid, SIGKILL);
    (void)waitpid(d->pid, NULL, 0);
    d->pid = 0;
}

/* ---- figures --------------------------------------------------------------- */

int daemon_metric(struct daemon *d, const char *name, double *ret,
                  struct err *err)
{
    size_t len = strlen(name);
    int status = get(d, "/metrics");
    const char *p = d->page;

    *ret = 0;
    if (status != 200) {
        int r = ended(d, err);

        return r < 0 ? r
                     : err_set(err, -EIO, "GET /metrics: status %d", status);
    }
    while ((p = strstr(p, name)) != NULL) {
        if (p > d->page && p[-1] == '\n' && p[len] == ' ') {
            *ret = strtod(p + len + 1, NULL);
            return 0;
        }
        p += len;
    }
    return 0;
}

struct awaited {
    struct daemon *d;
    const char *name;
    double least, seen;
};

static int is_reached(void *arg, struct err *err)
{
    struct awaited *w = arg;
    int r = daemon_metric(w->d, w->name, &w->seen, err);

    return r < 0 ? r : w->seen >= w->least;
}

int daemon_wait_metric(struct daemon *d, const char *name, double value,
                       int64_t timeout_ms, struct err *err)
{
    struct awaited w = {d, name, value, 0};
    char what[160];
    int r;

    (void)snprintf(what, sizeof(what), "%s >= %.0f", name, value);
    r = bench_wait(what, timeout_ms, 20, is_reached, &w, err);
    return r == -ETIMEDOUT ? err_wrap(err, "it was %.0f", w.seen) : r;
}

void daemon_show_log(const struct daemon *d, FILE *f)
{
    char path[200], *ring[LOG_LINES] = {NULL}, *line = NULL;
    size_t size = 0, n = 0;
    FILE *log;

    (void)snprintf(path, sizeof(path), "%s/log", d->dir);
    log = fopen(path, "r");
    if (log == NULL)
        return;
    while (getline(&line, &size, log) > 0) {
        free(ring[n % LOG_LINES]);
        ring[n++ % LOG_LINES] = line;
        line = NULL;
        size = 0;
    }
    free(line);
    (void)fclose(log);
    (void)fprintf(f, "--- the end of ontimed's log\n");
    for (size_t i = 0; i < LOG_LINES; i++) {
        char *l = ring[(n + i) % LOG_LINES];

        if (l != NULL)
            (void)fprintf(f, "    %.400s%s", l,
                          strchr(l, '\n') != NULL ? "" : "\n");
        free(l);
    }
}
