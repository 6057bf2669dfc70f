/*
 * Reads FILE_LOCAL_USERS and FILE_LOCAL_GROUPS. Runs in decide and directory.
 */
#include "gatewayd/shared/local_names_read.h"

#include "gatewayd/shared/file_read.h"

#include <unistd.h>

bool local_names_read(int fd, struct local_names *names, bool *ret_changed, struct error *err)
{
    AUTO(writer_clear) struct writer octets = writer_new(LOCAL_NAMES_FILE_MAX);
    bool good = file_read(fd, LOCAL_NAMES_FILE_MAX, &octets, err) &&
                local_names_set(names, writer_bytes(&octets), ret_changed, err);

    (void)close(fd);
    return good;
}
