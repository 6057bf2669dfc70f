#pragma once
/*
 * What key signs: the TLS 1.3 CertificateVerify block of the key's own role, and for a server key
 * whose section allows TLS 1.2 the ServerKeyExchange of an ephemeral key. Pure check, no keys.
 */
#include "common/error.h"
#include "gatewayd/shared/messages.h"

/* TLS SignatureSchemes (RFC 8446 4.2.3) that a key may be asked for. */
enum {
    SCHEME_ECDSA_P256_SHA256 = 0x0403,
    SCHEME_ECDSA_P384_SHA384 = 0x0503,
    SCHEME_RSA_PSS_SHA256 = 0x0804,
    SCHEME_RSA_PSS_SHA384 = 0x0805,
    SCHEME_RSA_PSS_SHA512 = 0x0806,
    SCHEME_ED25519 = 0x0807,
};

/* 64 spaces, the role's context string with its NUL, a transcript hash of 32 or 48 octets. */
bool certificate_verify_check(enum key_role role, struct bytes content,
                              struct error *err) MUST_CHECK;
/*
 * TLS 1.2: client random, server random with the mark that keeps clients of TLS 1.3 from accepting
 * it (RFC 8446 4.1.3), ECDHE parameters of X25519, P-256 or P-384 of their exact length (RFC 8422
 * 5.4). No block passes both checks.
 */
bool server_key_exchange_check(struct bytes content, struct error *err) MUST_CHECK;
