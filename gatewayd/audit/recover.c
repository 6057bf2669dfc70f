/*
 * Where the log ended. Runs in the audit process at its start. A log may have been torn by a crash
 * or touched by others, so each line is parsed like outside data.
 */
#include "gatewayd/audit/recover.h"

#include "gatewayd/shared/xalloc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    TAIL_MAX = 1 << 20, /* octets read from the end of one file; several of the longest lines */
    FILES_BACK = 64,    /* files looked through for the last key */
    TORN_MODE = 0640,
};

struct names {
    uint64_t *seq; /* in no order until sorted, oldest first */
    size_t n, room;
};

static void names_clear(struct names *names)
{
    free(names->seq);
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

DEFINE_AUTO(DIR *, closedirp, closedir)

static bool list(int dir_fd, struct names *names, struct error *err)
{
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    AUTO(closedirp) DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *entry;
    uint64_t seq;

    if (!dir)
        return err_set(err, REASON_AUDIT_UNAVAILABLE, "audit directory: %m");
    while ((entry = readdir(dir)) != NULL) {
        if (!audit_name_parse(bytes_of(entry->d_name), &seq))
            continue;
        if (names->n == names->room) {
            names->room = names->room ? 2 * names->room : 64;
            names->seq = xrealloc(names->seq, names->room, sizeof(*names->seq));
        }
        names->seq[names->n++] = seq;
    }
    if (names->n > 0)
        qsort(names->seq, names->n, sizeof(*names->seq), by_number);
    return true;
}

/* The end of a file. begin: where in the file the octets stand. */
struct tail {
    int fd;
    uint64_t size, begin;
    uint8_t *octets;
    size_t len;
};

static void tail_clear(struct tail *tail)
{
    close_fd(&tail->fd);
    free(tail->octets);
}

static bool tail_read(int dir_fd, const char *name, struct tail *tail, struct error *err)
{
    struct stat st;
    size_t want;

    tail->fd = openat(dir_fd, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (tail->fd < 0 || fstat(tail->fd, &st) != 0)
        return err_set(err, REASON_AUDIT_UNAVAILABLE, "%s: %m", name);
    if (!S_ISREG(st.st_mode))
        return err_set(err, REASON_AUDIT_UNAVAILABLE, "%s is no plain file", name);
    tail->size = (uint64_t)st.st_size;
    want = tail->size > TAIL_MAX ? TAIL_MAX : (size_t)tail->size;
    tail->begin = tail->size - want;
    tail->octets = xcalloc(1, want + 1);
    while (tail->len < want) {
        ssize_t n = pread(tail->fd, tail->octets + tail->len, want - tail->len,
                          (off_t)(tail->begin + tail->len));

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_set(err, REASON_AUDIT_UNAVAILABLE, "%s: %m", name);
        tail->len += (size_t)n;
    }
    return true;
}

/* Goes through the lines of a tail; the last one that is a record, and the last key. */
struct found {
    bool any;
    struct bytes line;
    struct audit_line parsed;
    size_t end; /* behind its newline, within the tail */
    bool has_key;
    uint64_t epoch, counter;
};

static void search(const struct tail *tail, struct found *ret_found)
{
    struct bytes rest = {tail->octets, tail->len}, line;
    struct found found = {.any = false};

    if (tail->begin > 0 && !audit_next_line(&rest, &line)) /* the first may be cut */
        rest.len = 0;
    while (audit_next_line(&rest, &line)) {
        struct audit_line parsed;

        if (!audit_line_parse(line, &parsed, NULL))
            continue;
        found.any = true;
        found.line = line;
        found.parsed = parsed;
        found.end = tail->len - rest.len;
        if (audit_key_parse(parsed.key, &found.epoch, &found.counter))
            found.has_key = true;
    }
    *ret_found = found;
}

static bool write_torn(int dir_fd, const char *torn, struct bytes octets)
{
    AUTO(close_fd)
    int fd =
        openat(dir_fd, torn, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, TORN_MODE);

    return fd >= 0 && write(fd, octets.at, octets.len) == (ssize_t)octets.len && fsync(fd) == 0 &&
           fsync(dir_fd) == 0;
}

/* Moves what stands behind the last record to a file of its own. */
static bool set_aside(int dir_fd, const char *name, const struct tail *tail, size_t end,
                      struct recovered *recovered, struct error *err)
{
    struct bytes rest = {tail->octets + end, tail->len - end};

    if (rest.len == 0)
        return true;
    (void)snprintf(recovered->torn, sizeof(recovered->torn), "%s.torn", name);
    if (!write_torn(dir_fd, recovered->torn, rest) ||
        ftruncate(tail->fd, (off_t)(tail->begin + end)) != 0)
        return err_set(err, REASON_AUDIT_UNAVAILABLE, "%s: %m", recovered->torn);
    return true;
}

static void keep(struct recovered *recovered, struct audit_hasher *hasher, const char *name,
                 const struct found *found)
{
    recovered->found = true;
    recovered->point = (struct chain_point){found->parsed.seq, audit_hash(hasher, found->line)};
    (void)snprintf(recovered->file, sizeof(recovered->file), "%s", name);
    if (found->parsed.log.len == AUDIT_LOG_NAME_LEN)
        memcpy(recovered->log, found->parsed.log.at, AUDIT_LOG_NAME_LEN);
}

/* What is to be looked at after a file. */
enum next { NEXT_NOTHING, NEXT_OLDER, NEXT_SAME };

/* The file that the log ended in, or one that holds nothing of it. */
static bool look_at_last(int dir_fd, struct audit_hasher *hasher, const char *name,
                         const struct tail *tail, const struct found *found,
                         struct recovered *recovered, struct error *err)
{
    if (!set_aside(dir_fd, name, tail, found->any ? found->end : 0, recovered, err))
        return false;
    /* Octets that are read but not on the disk must not make us drop a repeated record. */
    if (fsync(tail->fd) != 0)
        return err_set(err, REASON_AUDIT_UNAVAILABLE, "%s: %m", name);
    if (found->any)
        keep(recovered, hasher, name, found);
    else if (tail->begin == 0 && unlinkat(dir_fd, name, 0) != 0)
        return err_set(err, REASON_AUDIT_UNAVAILABLE, "%s: %m", name);
    return true;
}

/* One file, from the newest backwards. */
static bool look(int dir_fd, struct audit_hasher *hasher, uint64_t seq, struct recovered *recovered,
                 enum next *ret_next, struct error *err)
{
    char name[AUDIT_NAME_LEN + 1];
    AUTO(tail_clear) struct tail tail = {.fd = -1};
    struct found found;

    audit_name_format(seq, name);
    if (!tail_read(dir_fd, name, &tail, err))
        return false;
    search(&tail, &found);
    if (!recovered->found && !look_at_last(dir_fd, hasher, name, &tail, &found, recovered, err))
        return false;
    if (found.has_key) {
        recovered->epoch = found.epoch;
        recovered->counter = found.counter;
    }
    *ret_next = found.has_key                         ? NEXT_NOTHING
                : !recovered->found && tail.begin > 0 ? NEXT_SAME
                                                      : NEXT_OLDER;
    return true;
}

bool recover(int dir_fd, struct recovered *ret_recovered, struct error *err)
{
    AUTO(names_clear) struct names names = {0};
    AUTO(audit_hasher_freep) struct audit_hasher *hasher = audit_hasher_new();
    struct recovered recovered;
    enum next next = NEXT_OLDER;
    size_t older = 0;

    memset(&recovered, 0, sizeof(recovered));
    if (!list(dir_fd, &names, err))
        return false;
    while (next != NEXT_NOTHING && older < names.n && older < FILES_BACK) {
        if (!look(dir_fd, hasher, names.seq[names.n - 1 - older], &recovered, &next, err))
            return false;
        older += next == NEXT_OLDER;
    }
    *ret_recovered = recovered;
    return true;
}
