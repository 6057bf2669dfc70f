/* Any octets as /etc/passwd: whatever was read is found again. */
#include "ldap/local_names.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(local_names_freep) struct local_names *names = local_names_new();
    struct bytes file = {data, size};
    struct error err;
    bool changed = false;
    size_t len = 0;

    if (!local_names_set(names, file, &changed, &err))
        return 0;
    while (len < size && data[len] != ':' && data[len] != '\n')
        len++;
    if (len > 0 && data[0] != ' ' && data[0] != '\t' &&
        !local_names_has(names, (struct bytes){data, len}))
        abort();
    (void)local_names_has_id(names, 1000);
    return 0;
}
