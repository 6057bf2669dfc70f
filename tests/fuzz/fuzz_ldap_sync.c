/* Any octets as a Sync State control and as a Sync Info message. */
#include "ldap/sync.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = {data, size};
    struct sync_entry entry;
    struct sync_info info;
    struct error err;

    if (sync_state_decode(in, &entry, &err) && entry.cookie.len > size)
        abort();
    if (!sync_info_decode(in, &info, &err))
        return 0;
    if (info.n_uuids * sizeof(info.uuids[0]) > size)
        abort();
    free(info.uuids);
    return 0;
}
