#pragma once
/*
 * Path validation: a presented chain and trust data in, one reason and the facts of the chain out
 * (RFC 5280 section 6; docs/architecture.md). The same for edges and for `gatewayctl verify`. Reads
 * no clock and no file; checks no proof of possession (TLS does).
 */
#include "gatewayd/shared/trust.h"

#include <openssl/x509.h>

enum {
    VERIFY_CHAIN_MAX = 17, /* certificates presented: depth 16 and the leaf */
    VERIFY_SECURITY_LEVEL =
        2, /* 112 bits: RSA 2048, curves of 224, SHA-224 (SSL_CTX_set_security_level) */
    VERIFY_SUBJECT_MAX = 96, /* octets of a subject in an answer, which names it; shortened */
};

struct verify; /* stores made once from one set of trust data */

struct verify_request {
    int64_t now_s;
    const size_t
        *cas; /* indexes into the trust data: the ca sections that are accepted, in order */
    size_t n_cas;
    bool
        server; /* a server's chain: extended key usage serverAuth. Names are the caller's matter */
};

struct verify_result {
    enum reason reason; /* OK, CERT_..., CRL_..., TRUST_MISSING */
    uint8_t alert;      /* TLS alert for it (RFC 8446 6.2); 0 with OK */
    size_t ca;          /* index of the section that the chain ends in; with OK only */
    int64_t not_before_s, not_after_s; /* the time that all certificates share */
    enum revocation_state revocation;
    int64_t crl_this_update_s; /* oldest list used; 0: none */
    int64_t
        crl_valid_until_s; /* when the first one used reaches nextUpdate + grace; INT64_MAX: none */
    bool eku_lacks; /* let through without clientAuth, as the ca section's eku says */
    /* Of the certificate that failed, and of the one that lacks clientAuth: */
    int depth;                        /* 0 the leaf */
    char subject[VERIFY_SUBJECT_MAX]; /* clean text; "" unknown */
    const char *check;                /* what failed; static clean text; "" nothing */
    char detail[ERROR_DETAIL_MAX];    /* depth, subject and check in one line; "" nothing */
};

/* Borrows trust, which must outlive it. Fails on certificates that OpenSSL does not take. */
bool verify_new(const struct trust *trust, struct verify **ret_verify,
                struct error *err) MUST_CHECK;
struct verify *verify_free(struct verify *verify); /* accepts NULL, returns NULL */
const struct trust *verify_trust(const struct verify *verify);
/* verify may be NULL: TRUST_MISSING. leaf may also be part of presented. */
void verify_certificates(const struct verify *verify, const struct verify_request *request,
                         X509 *leaf, const STACK_OF(X509) * presented,
                         struct verify_result *ret_result);
/* The same from DER, the leaf first. */
void verify_chain(const struct verify *verify, const struct verify_request *request,
                  const struct bytes *certificates, size_t n, struct verify_result *ret_result);
/* The TLS alert for a reason. */
uint8_t verify_alert(enum reason reason);

DEFINE_AUTO(struct verify *, verify_freep, verify_free)
