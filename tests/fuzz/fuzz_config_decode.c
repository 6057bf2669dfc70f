/* Any octets as a configuration from another process. */
#include "common/macros.h"
#include "gatewayd/shared/config.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(writer_clear) struct writer out = writer_new(16 << 20);
    AUTO(config_freep) struct config *config = NULL;
    struct error err;

    if (!config_decode((struct bytes){data, size}, &config, &err))
        return 0;
    config_encode(config, &out);
    if (!bytes_equal(writer_bytes(&out), (struct bytes){data, size}))
        abort();
    return 0;
}
