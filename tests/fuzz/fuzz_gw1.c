/* What a client or a gateway says in mtls-gw/1: what is read is written again as it was. */
#include "common/gw1.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct writer *again, struct bytes in, size_t used)
{
    if (used > in.len || !bytes_equal(writer_bytes(again), (struct bytes){in.at, used}))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(writer_clear) struct writer again = writer_new(GW1_STATUS_MAX);
    struct bytes in = {data, size};
    struct gw1_request request;
    struct gw1_status status;
    size_t used;

    if (gw1_request_decode(in, &request, &used) == GW1_DONE) {
        gw1_request_encode(&request, &again);
        check(&again, in, used);
    }
    writer_reset(&again);
    if (gw1_status_decode(in, &status, &used) == GW1_DONE) {
        gw1_status_encode(&status, &again);
        check(&again, in, used);
    }
    return 0;
}
