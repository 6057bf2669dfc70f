/*
 * The farewell that stock ssh prints. Runs in an edge for denied clients of `protocol = "ssh"`
 * services; nothing of the client is read.
 */
#include "gatewayd/edge/ssh_disconnect.h"

enum {
    MSG_DISCONNECT = 1,
    HOST_NOT_ALLOWED_TO_CONNECT = 1, /* RFC 4253 11.1 */
    BLOCK = 8,                       /* cipher block size while there is no cipher */
    PADDING_MIN = 4,
};

/* packet := u32 packet_length, u8 padding_length, payload, padding; in all a multiple of 8 */
void ssh_disconnect(struct bytes text, struct writer *out)
{
    static const uint8_t padding[PADDING_MIN + BLOCK] = {
        0}; /* random only matters under a cipher */
    size_t payload, pad;

    if (text.len > SSH_DISCONNECT_TEXT_MAX)
        text.len = SSH_DISCONNECT_TEXT_MAX;
    payload = 1 + 4 + 4 + text.len + 4;
    pad = BLOCK - (4 + 1 + payload) % BLOCK;
    if (pad < PADDING_MIN)
        pad += BLOCK;
    writer_text(out, "SSH-2.0-gatewayd\r\n");
    writer_u32(out, (uint32_t)(1 + payload + pad));
    writer_u8(out, (uint8_t)pad);
    writer_u8(out, MSG_DISCONNECT);
    writer_u32(out, HOST_NOT_ALLOWED_TO_CONNECT);
    writer_block32(out, text);
    writer_block32(out, (struct bytes){NULL, 0}); /* language tag */
    writer_put(out, (struct bytes){padding, pad});
}
