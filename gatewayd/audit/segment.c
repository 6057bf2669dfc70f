/*
 * The file that is being written. Runs in the audit process; trusts the directory's owner but not
 * that nobody touches the files: segment_damage looks before each batch.
 */
#include "gatewayd/audit/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

static const char reserve_name[] = "reserve";
enum { SEGMENT_MODE = 0640 };

static bool real_room(int dir_fd, uint64_t *ret_octets)
{
    struct statfs fs;

    if (fstatfs(dir_fd, &fs) != 0)
        return false;
    *ret_octets = (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize;
    return true;
}

const struct segment_disk segment_real_disk = {
    .write = write, .sync = fdatasync, .room = real_room};

void segment_init(struct segment *segment, int dir_fd, const struct segment_disk *disk)
{
    *segment = (struct segment){.disk = disk, .dir_fd = dir_fd, .fd = -1};
}

void segment_close(struct segment *segment)
{
    if (segment->fd >= 0)
        (void)close(segment->fd);
    segment->fd = -1;
}

void segment_clear(struct segment *segment)
{
    segment_close(segment);
    if (segment->dir_fd >= 0)
        (void)close(segment->dir_fd);
    segment->dir_fd = -1;
}

static bool is_full(int code)
{
    return code == ENOSPC || code == EDQUOT;
}

static int create(const struct segment *segment, const char *name)
{
    return openat(segment->dir_fd, name,
                  O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC, SEGMENT_MODE);
}

/* A file of that name holds nothing that was acknowledged: recovery would have found it. */
static int create_after_setting_aside(const struct segment *segment, const char *name)
{
    char aside[AUDIT_NAME_LEN + 8];

    (void)snprintf(aside, sizeof(aside), "%s.void", name);
    if (renameat(segment->dir_fd, name, segment->dir_fd, aside) != 0)
        return -1;
    return create(segment, name);
}

bool segment_begin(struct segment *segment, uint64_t seq, bool *ret_full, struct error *err)
{
    char name[AUDIT_NAME_LEN + 1];
    struct stat st;
    int fd;

    audit_name_format(seq, name);
    fd = create(segment, name);
    if (fd < 0 && errno == EEXIST)
        fd = create_after_setting_aside(segment, name);
    *ret_full = fd < 0 && is_full(errno);
    if (fd < 0)
        return err_set(err, REASON_AUDIT_UNAVAILABLE, "%s: %m", name);
    if (fstat(fd, &st) != 0 || fsync(segment->dir_fd) != 0) {
        (void)err_set(err, REASON_AUDIT_UNAVAILABLE, "%s: %m", name);
        (void)close(fd);
        (void)unlinkat(segment->dir_fd, name, 0);
        return false;
    }
    segment_close(segment);
    segment->fd = fd;
    segment->size = 0;
    segment->dev = st.st_dev;
    segment->ino = st.st_ino;
    memcpy(segment->name, name, sizeof(name));
    return true;
}

static bool write_all(const struct segment *segment, struct bytes lines)
{
    while (lines.len > 0) {
        ssize_t n = segment->disk->write(segment->fd, lines.at, lines.len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            errno = n == 0 ? EIO : errno;
            return false;
        }
        lines = (struct bytes){lines.at + n, lines.len - (size_t)n};
    }
    return true;
}

/* What was not acknowledged goes away, so that no reader takes it for a part of the log. */
static void abandon(struct segment *segment)
{
    if (segment->size == 0)
        (void)unlinkat(segment->dir_fd, segment->name, 0);
    else if (ftruncate(segment->fd, (off_t)segment->size) != 0 || fsync(segment->fd) != 0)
        errno = 0; /* the first line of the next file says how much of this one counts */
    segment_close(segment);
}

bool segment_append(struct segment *segment, struct bytes lines, bool *ret_full, struct error *err)
{
    if (!write_all(segment, lines) || segment->disk->sync(segment->fd) != 0) {
        *ret_full = is_full(errno);
        (void)err_set(err, REASON_AUDIT_UNAVAILABLE, "%s: %m", segment->name);
        abandon(segment);
        return false;
    }
    segment->size += lines.len;
    return true;
}

const char *segment_damage(const struct segment *segment)
{
    struct stat open_file, named;

    if (fstat(segment->fd, &open_file) != 0)
        return "the file cannot be looked at";
    if (open_file.st_nlink == 0)
        return "the file was deleted";
    if (fstatat(segment->dir_fd, segment->name, &named, AT_SYMLINK_NOFOLLOW) != 0)
        return "the file was moved away";
    if (named.st_ino != segment->ino || named.st_dev != segment->dev)
        return "the file was replaced";
    if ((uint64_t)open_file.st_size < segment->size)
        return "the file was cut";
    return (uint64_t)open_file.st_size > segment->size ? "somebody else wrote to the file" : NULL;
}

bool segment_room_below(const struct segment *segment, uint64_t octets)
{
    uint64_t room;

    return segment->disk->room(segment->dir_fd, &room) && room < octets;
}

bool segment_reserve_make(const struct segment *segment)
{
    int fd = openat(segment->dir_fd, reserve_name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
                    SEGMENT_MODE);
    bool made = fd >= 0 && posix_fallocate(fd, 0, SEGMENT_RESERVE) == 0;

    if (fd >= 0)
        (void)close(fd);
    if (fd >= 0 && !made)
        (void)unlinkat(segment->dir_fd, reserve_name, 0);
    return made;
}

bool segment_reserve_release(const struct segment *segment)
{
    return unlinkat(segment->dir_fd, reserve_name, 0) == 0;
}
