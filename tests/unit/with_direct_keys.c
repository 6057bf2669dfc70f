/* Linked to a test, it runs the whole test with keys that are decoded directly. */
#include "gatewayd/shared/direct_keys.h"

#include <openssl/opensslv.h>
#include <stdlib.h>

__attribute__((constructor)) static void use_direct_keys(void)
{
    if (!direct_keys_use() && OPENSSL_VERSION_NUMBER < 0x30200000L)
        abort();
}
