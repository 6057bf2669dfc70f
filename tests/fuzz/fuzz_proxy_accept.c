/* A PROXY header of version 1 or 2 (the first octet), given in growing pieces. */
#include "gatewayd/edge/proxy_accept.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum config_accept_proxy version;
    size_t have = 0;

    if (size == 0)
        return 0;
    version = data[0] & 1 ? CONFIG_ACCEPT_PROXY_V1 : CONFIG_ACCEPT_PROXY_V2;
    data++;
    size--;
    for (;;) {
        struct proxy_header header;
        size_t want = 0;

        switch (proxy_read(version, (struct bytes){data, have}, &header, &want)) {
        case PROXY_DONE:
            if (!header.local && (!header.source.known || !header.destination.known))
                abort();
            return 0;
        case PROXY_BAD:
            return 0;
        case PROXY_MORE:
            if (want == 0 || have + want > PROXY_V2_MAX)
                abort();
            if (have + want > size)
                return 0;
            have += want;
        }
    }
}
