/*
 * Fuzz target: the index of the private CA, which may have been edited by hand. What is accepted is
 * printed again and gives the same octets.
 */
#include "cli/ca.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ca_index index;
    struct writer out = writer_new(1 << 24);
    struct error err;

    if (ca_index_parse((struct bytes){data, size}, &index, &err)) {
        ca_index_print(&index, &out);
        if (!bytes_equal(writer_bytes(&out), (struct bytes){data, size}))
            abort();
        ca_index_clear(&index);
    }
    writer_clear(&out);
    return 0;
}
