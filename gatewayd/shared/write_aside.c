/*
 * Writes files by way of a second name. Runs in directory and fetch, below descriptors of their own
 * folders.
 */
#include "gatewayd/shared/write_aside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_LEN_MAX = 128 }; /* our own names */

static bool write_all(int fd, struct bytes octets)
{
    while (octets.len > 0) {
        ssize_t n = write(fd, octets.at, octets.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        octets.at += n;
        octets.len -= (size_t)n;
    }
    return true;
}

bool write_aside(int dir, const char *name, mode_t mode, enum write_aside how, struct bytes octets,
                 struct error *err)
{
    char aside[NAME_LEN_MAX];
    bool done;
    int fd;

    (void)snprintf(aside, sizeof(aside), "%s.new", name);
    fd = openat(dir, aside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0)
        return err_set(err, REASON_FILE_WRITE, "%s: %m", aside);
    done = fchmod(fd, mode) == 0 && write_all(fd, octets) &&
           (how == WRITE_ASIDE_FAST || fdatasync(fd) == 0);
    if (!done)
        (void)err_set(err, REASON_FILE_WRITE, "%s: %m", aside);
    (void)close(fd);
    if (done && renameat(dir, aside, dir, name) < 0)
        done = err_set(err, REASON_FILE_WRITE, "%s: %m", name);
    if (!done)
        (void)unlinkat(dir, aside, 0);
    return done;
}
