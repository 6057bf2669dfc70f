/*
 * gw-pam/1 both ways: whatever is accepted can be written again and reads the same. The first octet
 * chooses the direction, the rest is the message.
 */
#include "common/protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool decode(bool request, struct bytes in, struct protocol_message *ret_msg)
{
    return request ? protocol_decode_request(in, ret_msg, NULL)
                   : protocol_decode_reply(in, ret_msg, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(writer_clear) struct writer first = writer_new(PROTOCOL_REPLY_MAX);
    AUTO(writer_clear) struct writer second = writer_new(PROTOCOL_REPLY_MAX);
    struct protocol_message msg, again;
    bool request = size > 0 && data[0] & 1;

    if (size == 0 || !decode(request, (struct bytes){data + 1, size - 1}, &msg))
        return 0;
    protocol_encode(&msg, &first);
    /* What had unknown fields is shorter now; nothing that was accepted is refused. */
    if (!decode(request, writer_bytes(&first), &again))
        abort();
    protocol_encode(&again, &second);
    if (!bytes_equal(writer_bytes(&first), writer_bytes(&second)))
        abort();
    return 0;
}
