/*
 * Reading and writing of small files. Runs with the rights of the person who calls the tool.
 */
#include "cli/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}

bool files_path(const char *dir, const char *name, char out[FILES_PATH_MAX], struct error *err)
{
    int len = snprintf(out, FILES_PATH_MAX, "%s/%s", dir, name);

    if (len < 0 || len >= FILES_PATH_MAX)
        return err_set(err, REASON_USAGE, "%s: the path is too long", name);
    return true;
}

bool files_read_fd(int fd, const char *name, size_t max, unsigned char **ret_octets,
                   size_t *ret_len, struct error *err)
{
    AUTO(octets_freep) unsigned char *octets = NULL;
    struct stat st;
    size_t len = 0, room;

    if (fstat(fd, &st) != 0)
        return err_set(err, REASON_FILE_UNREADABLE, "%s: %m", name);
    if (S_ISREG(st.st_mode) && (uint64_t)st.st_size > max)
        return err_set(err, REASON_FILE_TOO_LARGE, "%s", name);
    /* Pipes are read as well: their size is not known before. */
    room = S_ISREG(st.st_mode) ? (size_t)st.st_size : max;
    octets = malloc(room + 1);
    if (!octets)
        return err_set(err, REASON_NO_MEMORY, "%s", name);
    while (len < room) {
        ssize_t n = read(fd, octets + len, room - len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set(err, REASON_FILE_UNREADABLE, "%s: %m", name);
        if (n == 0)
            break;
        len += (size_t)n;
    }
    octets[len] = '\0';
    *ret_octets = STEAL(octets);
    *ret_len = len;
    return true;
}

bool files_read(const char *path, size_t max, unsigned char **ret_octets, size_t *ret_len,
                struct error *err)
{
    AUTO(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return err_set(err, REASON_FILE_UNREADABLE, "%s: %m", path);
    return files_read_fd(fd, path, max, ret_octets, ret_len, err);
}

static bool write_all(int fd, struct bytes content)
{
    while (content.len > 0) {
        ssize_t n = write(fd, content.at, content.len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        content = (struct bytes){content.at + n, content.len - (size_t)n};
    }
    return fsync(fd) == 0;
}

/* Makes the new name durable too. */
static bool sync_directory(const char *path)
{
    char dir[FILES_PATH_MAX];
    const char *slash = strrchr(path, '/');
    AUTO(close_fd) int fd = -1;

    if (!slash)
        (void)snprintf(dir, sizeof(dir), ".");
    else
        (void)snprintf(dir, sizeof(dir), "%.*s", (int)(slash == path ? 1 : slash - path), path);
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 && fsync(fd) == 0;
}

static bool put_in_place(const char *aside, const char *path, enum files_existing existing)
{
    bool good = existing == FILES_REPLACE ? rename(aside, path) == 0 : link(aside, path) == 0;

    if (!good || existing == FILES_KEEP) {
        int saved = errno;

        (void)unlink(aside);
        errno = saved;
    }
    return good && sync_directory(path);
}

bool files_write(const char *path, struct bytes content, mode_t mode, enum files_existing existing,
                 struct error *err)
{
    char aside[FILES_PATH_MAX];
    AUTO(close_fd) int fd = -1;
    int len = snprintf(aside, sizeof(aside), "%s.XXXXXX", path);

    if (len < 0 || len >= FILES_PATH_MAX)
        return err_set(err, REASON_USAGE, "%s: the path is too long", path);
    fd = mkostemp(aside, O_CLOEXEC);
    if (fd < 0)
        return err_set(err, REASON_FILE_WRITE, "%s: %m", path);
    if (fchmod(fd, mode) != 0 || !write_all(fd, content)) {
        (void)err_set(err, REASON_FILE_WRITE, "%s: %m", path);
        (void)unlink(aside);
        return false;
    }
    if (!put_in_place(aside, path, existing))
        return err_set(err, errno == EEXIST ? REASON_FILE_EXISTS : REASON_FILE_WRITE, "%s: %m",
                       path);
    return true;
}
