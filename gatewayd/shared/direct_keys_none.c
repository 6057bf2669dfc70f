/*
 * With OpenSSL 3.2 and later there is nothing to go around: see direct_keys.c.
 */
#include "gatewayd/shared/direct_keys.h"

bool direct_keys_use(void)
{
    return false;
}
