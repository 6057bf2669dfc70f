/*
 * The file of local locks: read or refused, and what is read can be found.
 */
#include "gatewayd/decide/locks.h"

#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd = memfd_create("locks", MFD_CLOEXEC);
    struct locks *locks;
    struct error err;

    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    if (!locks_open(fd, &locks, &err))
        return 0; /* the descriptor is gone with it */
    for (size_t i = 0; locks_at(locks, i); i++) {
        const struct lock *lock = locks_at(locks, i);

        if (lock->expires_s > 0 && !locks_find(locks, lock->kind, bytes_of(lock->value), 0))
            abort();
    }
    (void)locks_free(locks);
    return 0;
}
