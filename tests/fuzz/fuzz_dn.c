/* Any octets as a DN; a normal form must be its own normal form. */
#include "ldap/dn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dn once, twice;

    if (!dn_normalise((struct bytes){data, size}, &once))
        return 0;
    if (!dn_normalise((struct bytes){once.text, once.len}, &twice))
        abort();
    if (!bytes_equal((struct bytes){once.text, once.len}, (struct bytes){twice.text, twice.len}))
        abort();
    (void)dn_rdn_is((struct bytes){once.text, once.len}, "uid", (struct bytes){data, size});
    return 0;
}
