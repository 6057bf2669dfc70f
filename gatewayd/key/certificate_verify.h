#pragma once
/*
 * The one thing that key signs: a TLS 1.3 server CertificateVerify block. Pure check, no keys.
 */
#include "common/error.h"

/* TLS SignatureSchemes (RFC 8446 4.2.3) that a server key may be asked for. */
enum {
    SCHEME_ECDSA_P256_SHA256 = 0x0403,
    SCHEME_ECDSA_P384_SHA384 = 0x0503,
    SCHEME_RSA_PSS_SHA256 = 0x0804,
    SCHEME_RSA_PSS_SHA384 = 0x0805,
    SCHEME_RSA_PSS_SHA512 = 0x0806,
    SCHEME_ED25519 = 0x0807,
};

/* 64 spaces, the server's context string with its NUL, a transcript hash of 32 or 48 octets. */
bool certificate_verify_check(struct bytes content, struct error *err) MUST_CHECK;
