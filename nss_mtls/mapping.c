/*
 * Maps the snapshot. Runs inside of every process of the host that looks up a user, setuid programs
 * included: no environment, no locks, no IPC, four system calls.
 */
#include "nss_mtls/mapping.h"

#include "common/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static enum nss_status failed(void)
{
    bool short_of = errno == ENOMEM || errno == EMFILE || errno == ENFILE || errno == EAGAIN;

    return short_of ? NSS_STATUS_TRYAGAIN : NSS_STATUS_UNAVAIL;
}

static enum nss_status map(int fd, struct mapping *mapping)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return failed();
    if (!S_ISREG(st.st_mode) || (st.st_mode & (S_IWGRP | S_IWOTH)) || st.st_size <= 0 ||
        st.st_size > NSS_SNAPSHOT_MAX)
        return NSS_STATUS_UNAVAIL;
    mapping->len = (size_t)st.st_size;
    mapping->at = mmap(NULL, mapping->len, PROT_READ, MAP_PRIVATE, fd, 0);
    if (mapping->at == MAP_FAILED) {
        mapping->at = NULL;
        return failed();
    }
    return NSS_STATUS_SUCCESS;
}

enum nss_status mapping_open(struct mapping *ret_mapping)
{
    int fd = open(mapping_path(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    struct mapping mapping = {0};
    enum nss_status status;

    if (fd < 0)
        return failed();
    status = map(fd, &mapping);
    (void)close(fd);
    if (status != NSS_STATUS_SUCCESS)
        return status;
    if (!nss_snapshot_open((struct bytes){mapping.at, mapping.len}, &mapping.snapshot, NULL) ||
        !nss_snapshot_fresh(&mapping.snapshot, clock_realtime_s())) {
        mapping_close(&mapping);
        return NSS_STATUS_UNAVAIL;
    }
    *ret_mapping = mapping;
    return NSS_STATUS_SUCCESS;
}

void mapping_close(struct mapping *mapping)
{
    if (mapping->at)
        (void)munmap(mapping->at, mapping->len);
    mapping->at = NULL;
}

enum nss_status mapping_status(enum nss_answer answer)
{
    switch (answer) {
    case NSS_FOUND:
        return NSS_STATUS_SUCCESS;
    case NSS_ABSENT:
        return NSS_STATUS_NOTFOUND;
    case NSS_BROKEN:
        break;
    }
    return NSS_STATUS_UNAVAIL;
}

/* A TRYAGAIN with ERANGE asks for a larger buffer and is made where the buffer is filled. */
enum nss_status mapping_end(enum nss_status status, int saved, int *errnop)
{
    switch (status) {
    case NSS_STATUS_UNAVAIL:
        *errnop = ENOENT;
        break;
    case NSS_STATUS_TRYAGAIN:
        *errnop = EAGAIN;
        break;
    default:
        *errnop = saved;
        break;
    }
    return status;
}
