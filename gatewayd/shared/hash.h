#pragma once
/*
 * SHA-256 for those who shall not know OpenSSL.
 */
#include "gatewayd/shared/messages.h"

struct hash hash_of(struct bytes octets);
bool hash_equal(const struct hash *a, const struct hash *b); /* not constant-time */
