/* Any octets from another process: decoded and encoded again they are the same octets. */
#include "common/macros.h"
#include "gatewayd/shared/messages.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(writer_clear) struct writer again = writer_new(MESSAGE_MAX);
    enum message_id id;
    union message msg;
    struct error err;

    if (size > MESSAGE_MAX || !message_decode((struct bytes){data, size}, &id, &msg, &err))
        return 0;
    message_encode(id, &msg, &again);
    if (!bytes_equal(writer_bytes(&again), (struct bytes){data, size}))
        abort();
    return 0;
}
