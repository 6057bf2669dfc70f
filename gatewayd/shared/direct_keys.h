#pragma once
/*
 * OpenSSL 3.0 and 3.1 decode the public key of each certificate through a list of decoders that
 * they build anew each time, which costs more than verifying a signature with it. This makes the
 * process use libcrypto's direct decoder for EC and RSA keys instead. Says nothing about which keys
 * are accepted: verify.h does.
 */
#include <stdbool.h>

/*
 * For the whole process and all of its later certificates; call it once, before the first. False:
 * nothing has changed and nothing needs to, because this libcrypto has no such detour (3.2 and
 * later) or a FIPS provider is in charge, which the direct decoder would bypass.
 */
bool direct_keys_use(void);
