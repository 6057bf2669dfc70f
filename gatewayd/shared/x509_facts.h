#pragma once
/*
 * Small facts of OpenSSL's certificate objects in the forms of the house: seconds, octets, hashes,
 * clean names. Knows no path validation (verify.h) and no identity (decide).
 */
#include "gatewayd/shared/messages.h"

#include <openssl/x509.h>

/* Seconds since 1970; false for a time that is not well-formed. */
bool x509_time_s(const ASN1_TIME *time, int64_t *ret_s) MUST_CHECK;
/* Big-endian magnitude without leading zeros, borrowed. False for negative ones and zero. */
bool x509_serial(const ASN1_INTEGER *serial, struct bytes *ret_serial) MUST_CHECK;
/* SHA-256 of the DER SubjectPublicKeyInfo. */
struct hash x509_key_hash(const X509 *certificate);
/* RFC 2253 in printable ASCII, shortened to fit. */
void x509_name_text(const X509_NAME *name, char *out, size_t room);

DEFINE_AUTO(X509 *, x509_freep, X509_free)
DEFINE_AUTO(X509_CRL *, x509_crl_freep, X509_CRL_free)
DEFINE_AUTO(BIO *, bio_freep, BIO_free)
