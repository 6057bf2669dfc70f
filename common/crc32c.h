#pragma once
/*
 * CRC-32C (RFC 3720 B.4), as the PROXY protocol's checksum TLV has it. Finds accidents; proves
 * nothing.
 */
#include "common/bytes.h"

uint32_t crc32c(struct bytes octets);
