/* The first octets of a PostgreSQL client; and an ErrorResponse with any sentence. */
#include "gatewayd/edge/postgres.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct writer out = writer_new(4096);
    size_t len = size < POSTGRES_REQUEST_LEN ? size : POSTGRES_REQUEST_LEN;

    /* The answer never depends on more than what is asked for, and comes at the latest then. */
    if (postgres_read((struct bytes){data, len}) == POSTGRES_MORE && len == POSTGRES_REQUEST_LEN)
        abort();
    postgres_error("28000", (struct bytes){data, size}, &out);
    if (!writer_ok(&out))
        abort();
    writer_clear(&out);
    return 0;
}
