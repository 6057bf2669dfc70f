/*
 * Trusted files. Runs in the parent and in gatewayctl; trusts root, the user it runs as, and no
 * path that others could turn elsewhere.
 */
#include "gatewayd/shared/files.h"

#include "gatewayd/shared/xalloc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAMES_MAX = 10000 }; /* files of one directory */

static bool owner_is_trusted(uid_t owner)
{
    return owner == 0 || owner == geteuid();
}

static bool check_one_dir(const char *path, struct error *err)
{
    struct stat st;

    if (stat(path, &st) < 0)
        return err_set(err, REASON_FILE_UNREADABLE, "%s: %m", path);
    if (!owner_is_trusted(st.st_uid))
        return err_set(err, REASON_FILE_UNSAFE, "%s belongs to uid %u", path, st.st_uid);
    if ((st.st_mode & (S_IWGRP | S_IWOTH)) && !(st.st_mode & S_ISVTX))
        return err_set(err, REASON_FILE_UNSAFE, "%s may be written by others", path);
    return true;
}

/* Every directory above the last part of the path. */
static bool check_dirs(const char *path, struct error *err)
{
    char part[PATH_MAX];
    size_t len = strlen(path);

    if (path[0] != '/' || len >= sizeof(part))
        return err_set(err, REASON_FILE_UNREADABLE, "%s: not an absolute path", path);
    for (size_t i = 0; i < len; i++) {
        if (path[i] != '/')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (!check_one_dir(i == 0 ? "/" : part, err))
            return false;
    }
    return true;
}

static bool check_file(int fd, const char *path, enum file_guard guard, struct error *err)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return err_set(err, REASON_FILE_UNREADABLE, "%s: %m", path);
    if (!S_ISREG(st.st_mode))
        return err_set(err, REASON_FILE_UNREADABLE, "%s: not a regular file", path);
    if (guard == FILE_GUARD_SIGNED)
        return true;
    if (!owner_is_trusted(st.st_uid))
        return err_set(err, REASON_FILE_UNSAFE, "%s belongs to uid %u", path, st.st_uid);
    if (st.st_mode & (S_IWGRP | S_IWOTH))
        return err_set(err, REASON_FILE_UNSAFE, "%s may be written by others", path);
    if (guard == FILE_GUARD_SECRET && (st.st_mode & (S_IRGRP | S_IROTH)))
        return err_set(err, REASON_FILE_UNSAFE, "%s may be read by others", path);
    return true;
}

/* Follows symbolic links once; afterwards the way is free of them. */
static bool resolve(const char *path, char real[PATH_MAX], struct error *err)
{
    if (!check_dirs(path, err))
        return false;
    if (!realpath(path, real))
        return err_set(err, REASON_FILE_UNREADABLE, "%s: %m", path);
    return check_dirs(real, err);
}

int file_open(const char *path, enum file_guard guard, struct error *err)
{
    char real[PATH_MAX];
    int fd;

    if (!resolve(path, real, err))
        return -1;
    fd = open(real, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) {
        (void)err_set(err, REASON_FILE_UNREADABLE, "%s: %m", path);
        return -1;
    }
    if (!check_file(fd, path, guard, err)) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

int file_open_dir(const char *path, struct error *err)
{
    char real[PATH_MAX];
    int fd;

    if (!resolve(path, real, err) || !check_one_dir(real, err))
        return -1;
    fd = open(real, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        (void)err_set(err, REASON_FILE_UNREADABLE, "%s: %m", path);
    return fd;
}

int file_open_in(int dir, const char *name, enum file_guard guard, struct error *err)
{
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

    if (fd < 0) {
        (void)err_set(err, REASON_FILE_UNREADABLE, "%s: %m", name);
        return -1;
    }
    if (!check_file(fd, name, guard, err)) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

bool file_read_all(int fd, size_t max, uint8_t **ret_octets, size_t *ret_len, struct error *err)
{
    AUTO(octets_freep) uint8_t *octets = NULL;
    size_t len = 0, room = 0;

    for (;;) {
        ssize_t n;

        if (len == room) {
            room = room ? room * 2 : 4096;
            octets = xrealloc(octets, room, 1);
        }
        n = pread(fd, octets + len, room - len, (off_t)len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set(err, REASON_FILE_UNREADABLE, "%m");
        if (n == 0)
            break;
        len += (size_t)n;
        if (len > max)
            return err_set(err, REASON_FILE_TOO_LARGE, "more than %zu octets", max);
    }
    *ret_octets = STEAL(octets);
    *ret_len = len;
    return true;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool ends_in(const char *name, const char *suffix)
{
    size_t len = strlen(name), suffix_len = strlen(suffix);

    return name[0] != '.' && len > suffix_len && strcmp(name + len - suffix_len, suffix) == 0;
}

void file_names_free(char **names)
{
    for (size_t i = 0; names && names[i]; i++)
        free(names[i]);
    free(names);
}

char **file_names_in(int dir, const char *suffix, struct error *err)
{
    int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = copy >= 0 ? fdopendir(copy) : NULL;
    char **names = xcalloc(1, sizeof(*names));
    struct dirent *entry;
    size_t n = 0;

    if (!stream) {
        (void)err_set(err, REASON_FILE_UNREADABLE, "directory: %m");
        if (copy >= 0)
            (void)close(copy);
        file_names_free(names);
        return NULL;
    }
    while ((entry = readdir(stream)) != NULL && n < NAMES_MAX) {
        if (!ends_in(entry->d_name, suffix))
            continue;
        names = xrealloc(names, n + 2, sizeof(*names));
        names[n++] = xstrdup(entry->d_name);
        names[n] = NULL;
    }
    (void)closedir(stream);
    qsort(names, n, sizeof(*names), by_name);
    return names;
}
