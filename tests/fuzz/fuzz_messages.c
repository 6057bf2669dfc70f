/*
 * Any octets from another process: decoded and encoded again they are the same octets, and the
 * reader of other versions accepts them as well.
 */
#include "common/macros.h"
#include "gatewayd/shared/messages.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(writer_clear) struct writer again = writer_new(MESSAGE_MAX);
    enum message_id id, other_id;
    bool other;
    union message msg;
    struct error err;

    if (size > MESSAGE_MAX)
        return 0;
    other = message_decode_other((struct bytes){data, size}, &other_id, &msg, &err);
    if (!message_decode((struct bytes){data, size}, &id, &msg, &err))
        return 0;
    if (!other || other_id != id)
        abort();
    message_encode(id, &msg, &again);
    if (!bytes_equal(writer_bytes(&again), (struct bytes){data, size}))
        abort();
    return 0;
}
