/* SPDX-License-Identifier: Apache-2.0
 *
 * job/zone.c - reads TZif files (RFC 8536) into one sorted table of spans with
 * their offsets.  Any thread; a zone is immutable.
 *
 * The rule at the end of the file is written out up to the year 2300, so that
 * a look-up is one binary search whatever the time.
 */
#include "config.h"

#include "job/zone.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "job/civil.h"
#include "job/tzrule.h"

#define ZONE_DIR "/usr/share/zoneinfo/"
#define NAME_MAX_LEN 100
#define FILE_MAX 65536
#define RULE_FIRST_YEAR 1969u
#define RULE_LAST_YEAR 2300u
#define RULE_SPANS (2 * (RULE_LAST_YEAR - RULE_FIRST_YEAR + 1))
#define OFFSET_MAX_S (26 * 3600)

struct zone {
    char name[NAME_MAX_LEN + 1];
    size_t n;        /* spans; >= 1 */
    int64_t *from;   /* their first seconds; from[0] is INT64_MIN */
    int32_t *offset; /* seconds east of UTC */
};

/* A file's block of data: counts, and where its parts begin. */
struct block {
    uint32_t isut, isstd, leap, times, types, chars;
    const unsigned char *at, *index, *type;
};

static uint32_t be32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 |
           p[3];
}

static int64_t be64(const unsigned char *p)
{
    return (int64_t)((uint64_t)be32(p) << 32 | be32(p + 4));
}

#define HEADER_LEN 44

/* Reads the header and passes by the block behind it, whose times have `width`
 * bytes.  0 or -EINVAL. */
static int take_block(const unsigned char **at, const unsigned char *end,
                      size_t width, struct block *b)
{
    const unsigned char *p = *at;
    size_t len;

    if (end - p < HEADER_LEN || memcmp(p, "TZif", 4) != 0 || p[4] < '2')
        return -EINVAL;
    b->isut = be32(p + 20);
    b->isstd = be32(p + 24);
    b->leap = be32(p + 28);
    b->times = be32(p + 32);
    b->types = be32(p + 36);
    b->chars = be32(p + 40);
    if ((b->isut | b->isstd | b->leap | b->times | b->types | b->chars) >
        FILE_MAX) /* so that nothing below overflows */
        return -EINVAL;
    p += HEADER_LEN;
    len = b->times * (width + 1) + b->types * (size_t)6 + b->chars +
          b->leap * (width + 4) + b->isstd + b->isut;
    if ((size_t)(end - p) < len)
        return -EINVAL;
    b->at = p;
    b->index = p + b->times * width;
    b->type = b->index + b->times;
    *at = p + len;
    return 0;
}

static struct zone *zone_alloc(const char *name, size_t max_spans)
{
    struct zone *z = calloc(1, sizeof(*z));

    if (z == NULL)
        return NULL;
    z->from = calloc(max_spans, sizeof(*z->from));
    z->offset = calloc(max_spans, sizeof(*z->offset));
    if (z->from == NULL || z->offset == NULL) {
        zone_free(&z);
        return NULL;
    }
    memcpy(z->name, name, strlen(name));
    z->from[0] = INT64_MIN;
    z->n = 1;
    return z;
}

/* 0, or -EINVAL when out of order or out of range. */
static int add_span(struct zone *z, int64_t from, int64_t offset)
{
    if (offset < -OFFSET_MAX_S || offset > OFFSET_MAX_S ||
        from < z->from[z->n - 1])
        return -EINVAL;
    z->from[z->n] = from;
    z->offset[z->n] = (int32_t)offset;
    z->n++;
    return 0;
}

static int add_explicit(struct zone *z, const struct block *b)
{
    int r = 0;

    z->offset[0] = (int32_t)be32(b->type);
    if (z->offset[0] < -OFFSET_MAX_S || z->offset[0] > OFFSET_MAX_S)
        return -EINVAL;
    for (uint32_t i = 0; r == 0 && i < b->times; i++) {
        uint32_t type = b->index[i];

        if (type >= b->types)
            return -EINVAL;
        r = add_span(z, be64(b->at + 8 * (size_t)i),
                     (int32_t)be32(b->type + 6 * (size_t)type));
    }
    return r;
}

static int add_later(struct zone *z, int64_t after, int64_t from,
                     int32_t offset)
{
    return from > after ? add_span(z, from, offset) : 0;
}

/* Writes the rule out, for what comes after the explicit spans. */
static int add_rule(struct zone *z, const struct tzrule *rule)
{
    int64_t after = z->from[z->n - 1];
    int r = 0;

    if (!rule->has_dst)
        return 0;
    for (uint32_t y = RULE_FIRST_YEAR; r == 0 && y <= RULE_LAST_YEAR; y++) {
        int64_t start = tzrule_start(rule, y);
        int64_t end = tzrule_end(rule, y);

        if (start <= end)
            r = add_later(z, after, start, rule->dst_s);
        if (r == 0)
            r = add_later(z, after, end, rule->std_s);
        if (r == 0 && start > end)
            r = add_later(z, after, start, rule->dst_s);
    }
    return r;
}

/* The text between the two line feeds at the end of the file. */
static int take_footer(const unsigned char *at, const unsigned char *end,
                       struct tzrule *ret)
{
    const unsigned char *stop;

    *ret = (struct tzrule){0};
    if (end - at < 2 || *at++ != '\n')
        return -EINVAL;
    stop = memchr(at, '\n', (size_t)(end - at));
    if (stop == NULL)
        return -EINVAL;
    if (stop == at)
        return 0;
    return tzrule_parse((const char *)at, (size_t)(stop - at), ret);
}

static bool name_ok(const char *name)
{
    size_t len = strlen(name);

    if (len == 0 || len > NAME_MAX_LEN || name[0] == '/' ||
        strstr(name, "..") != NULL)
        return false;
    for (const char *c = name; *c != '\0'; c++) {
        if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
              (*c >= '0' && *c <= '9') || strchr("_+-/.", *c) != NULL))
            return false;
    }
    return true;
}

int zone_parse(const char *name, const void *data, size_t len,
               struct zone **ret, struct err *err)
{
    const unsigned char *at = data, *end = at + len;
    struct tzrule rule;
    struct block b;
    struct zone *z;
    int r;

    if (!name_ok(name))
        return err_set(err, -EINVAL, "not the name of a time zone");
    if (len > FILE_MAX || take_block(&at, end, 4, &b) < 0 ||
        take_block(&at, end, 8, &b) < 0 || b.types == 0 ||
        take_footer(at, end, &rule) < 0)
        return err_set(err, -EINVAL,
                       "time zone %s: its file is damaged or too old", name);
    if (b.leap > 0)
        return err_set(err, -EINVAL,
                       "time zone %s counts leap seconds, which jobs do not",
                       name);
    z = zone_alloc(name, 1 + b.times + RULE_SPANS);
    if (z == NULL)
        return err_again(err, -ENOMEM, "time zone %s: out of memory", name);
    r = add_explicit(z, &b);
    if (r == 0)
        r = add_rule(z, &rule);
    if (r < 0) {
        zone_free(&z);
        return err_set(err, r, "time zone %s: its file is damaged", name);
    }
    *ret = z;
    return 0;
}

/* Reads up to max bytes; their number or -errno. */
static ssize_t read_all(const char *path, unsigned char *data, size_t max)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    size_t len = 0;
    ssize_t n = 0;

    if (fd < 0)
        return -errno;
    while (len < max) {
        n = read(fd, data + len, max - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    n = n < 0 ? -errno : (ssize_t)len;
    (void)close(fd);
    return n;
}

static int load_file(const char *name, struct zone **ret, struct err *err)
{
    char path[sizeof(ZONE_DIR) + NAME_MAX_LEN] = ZONE_DIR;
    unsigned char *data = malloc(FILE_MAX + 1);
    ssize_t len;
    int r;

    if (data == NULL)
        return err_again(err, -ENOMEM, "time zone %s: out of memory", name);
    memcpy(path + sizeof(ZONE_DIR) - 1, name, strlen(name) + 1);
    len = read_all(path, data, FILE_MAX + 1);
    if (len == -ENOENT || len == -ENOTDIR || len == -EISDIR)
        r = err_set(err, -ENOENT, "time zone %s is unknown here (no file %s)",
                    name, path);
    else if (len < 0)
        r = err_sys(err, (int)-len, "time zone %s: %s", name, path);
    else
        r = zone_parse(name, data, (size_t)len, ret, err);
    free(data);
    return r;
}

int zone_load(const char *name, struct zone **ret, struct err *err)
{
    *ret = NULL;
    if (name == NULL || !name_ok(name))
        return err_set(err, -EINVAL, "not the name of a time zone");
    if (strcmp(name, "UTC") != 0)
        return load_file(name, ret, err);
    *ret = zone_alloc(name, 1);
    return *ret != NULL ? 0 : err_again(err, -ENOMEM, "out of memory");
}

void zone_free(struct zone **pz)
{
    if (pz == NULL || *pz == NULL)
        return;
    free((*pz)->from);
    free((*pz)->offset);
    free(*pz);
    *pz = NULL;
}

const char *zone_name(const struct zone *z)
{
    return z != NULL ? z->name : "UTC";
}

/* The span that a second is in: the last one that begins at or before it. */
static size_t span_at(const struct zone *z, int64_t s)
{
    const int64_t *base = z->from;
    size_t n = z->n;

    while (n > 1) {
        size_t half = n / 2;

        base += base[half] <= s ? half : 0;
        n -= half;
    }
    return (size_t)(base - z->from);
}

int32_t zone_offset(const struct zone *z, int64_t utc_ms)
{
    int64_t s = utc_ms / 1000 - (utc_ms % 1000 < 0);

    return z == NULL ? 0 : z->offset[span_at(z, s)];
}

int64_t zone_from_local(const struct zone *z, int64_t local_s)
{
    size_t i;

    if (z == NULL)
        return local_s;
    /* A span that surely begins before the moment, then on to the first one
     * that ends after it by its own clock. */
    i = span_at(z, local_s - OFFSET_MAX_S - 1);
    while (i + 1 < z->n && z->from[i + 1] <= local_s - z->offset[i])
        i++;
    /* The gap before a span is read by the clock of the span before. */
    if (i > 0 && local_s - z->offset[i] < z->from[i])
        i--;
    return local_s - z->offset[i];
}
