/*
 * CRC-32C bit by bit: headers of a few KiB, once per connection at most.
 */
#include "common/crc32c.h"

uint32_t crc32c(struct bytes octets)
{
    uint32_t crc = 0xffffffffu;

    for (size_t i = 0; i < octets.len; i++) {
        crc ^= octets.at[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    return ~crc;
}
