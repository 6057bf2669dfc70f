/* Whatever an edge wants signed: only one form passes, and its parts stand where they must. */
#include "gatewayd/key/certificate_verify.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err;

    if (certificate_verify_check((struct bytes){data, size}, &err) &&
        ((size != 64 + 34 + 32 && size != 64 + 34 + 48) || data[0] != ' ' ||
         memcmp(data + 64, "TLS 1.3, server CertificateVerify", 34) != 0))
        abort();
    return 0;
}
