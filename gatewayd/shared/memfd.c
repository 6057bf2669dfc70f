/*
 * Sealed memfds. Used by load, directory and the parent to make them, by edge and decide to map
 * them; the mapping side trusts the seals, never the maker.
 */
#include "gatewayd/shared/memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE };

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

int memfd_new(const char *name, struct bytes octets, struct error *err)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0 || !write_all(fd, octets) || fcntl(fd, F_ADD_SEALS, SEALS | F_SEAL_SEAL) < 0) {
        (void)err_set(err, REASON_SYSTEM, "memfd %s: %m", name);
        if (fd >= 0)
            (void)close(fd);
        return -1;
    }
    return fd;
}

bool memfd_map(int fd, size_t max, struct bytes *ret_octets, struct error *err)
{
    int seals = fcntl(fd, F_GET_SEALS);
    struct stat st;
    void *at;

    if (seals < 0 || (seals & SEALS) != SEALS)
        return err_set(err, REASON_MSG_MALFORMED, "a descriptor that is no sealed memfd");
    if (fstat(fd, &st) < 0)
        return err_set(err, REASON_SYSTEM, "memfd: %m");
    if (st.st_size < 0 || (uint64_t)st.st_size > max)
        return err_set(err, REASON_MSG_MALFORMED, "memfd of %lld octets", (long long)st.st_size);
    if (st.st_size == 0) {
        *ret_octets = (struct bytes){NULL, 0};
        return true;
    }
    at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED)
        return err_set(err, REASON_SYSTEM, "memfd: %m");
    *ret_octets = (struct bytes){at, (size_t)st.st_size};
    return true;
}

void memfd_unmap(struct bytes octets)
{
    if (octets.len > 0)
        (void)munmap((void *)octets.at, octets.len);
}
