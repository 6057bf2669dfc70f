/*
 * A reserve of descriptors. Runs in every process.
 */
#include "gatewayd/shared/spare_files.h"

#include <assert.h>
#include <fcntl.h>
#include <unistd.h>

bool spare_files_take(struct spare_files *spare, int fd, size_t n)
{
    assert(n <= SPARE_FILES_MAX);
    while (spare->n < n) {
        int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

        if (copy < 0)
            return false;
        spare->fds[spare->n++] = copy;
    }
    return true;
}

void spare_files_give(struct spare_files *spare, size_t n)
{
    for (; n > 0 && spare->n > 0; n--)
        (void)close(spare->fds[--spare->n]);
}
