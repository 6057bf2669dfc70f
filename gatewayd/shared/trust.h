#pragma once
/*
 * Trust data as octets: per ca section its anchors, helping intermediates and revocation lists with
 * sorted serial numbers. Written once by load (and by gatewayctl), mapped read-only by edges and
 * decide. No pointers in the octets, no signature is checked here, no OpenSSL: see trust_build.h
 * (files -> trust) and verify.h (trust + chain -> answer).
 */
#include "gatewayd/shared/messages.h"

enum {
    TRUST_FORMAT = 2, /* of the octets: an upgrade keeps edges only between equal ones */
    TRUST_MAX = 1 << 30,           /* octets of one set: 50 million serials */
    TRUST_CAS_MAX = 1024,          /* ca sections */
    TRUST_CERTIFICATES_MAX = 4096, /* anchors, or intermediates, of one ca */
    TRUST_CRLS_MAX = 65536,        /* revocation lists of one ca */
    TRUST_NAMES_MAX = 64,          /* names of one distribution point */
    TRUST_ISSUERS_MAX = 65536,     /* issuers of whose certificates one indirect list speaks */
    TRUST_POLICIES_MAX = 64,       /* policies of one ca */
    TRUST_SERIAL_LEN = 20, /* RFC 5280 4.1.2.2: at most 20 octets; shorter ones zeros in front */
};

/* What a revocation list speaks for (RFC 5280 5.2.5). */
enum { TRUST_SCOPE_USERS = 1, TRUST_SCOPE_CAS = 2, TRUST_SCOPE_ALL = 3 };
/* Reasons as in ReasonFlags (RFC 5280 4.2.1.13): bit n is reason n; 0, unused, is never set. */
enum { TRUST_REASONS_ALL = 0x1fe };

/* The certificates of one issuer that a list names. An indirect list has several. */
struct trust_revoked {
    struct bytes issuer;    /* DER of the name of the certificates' issuer */
    const uint8_t *serials; /* n_serials x TRUST_SERIAL_LEN octets, strictly ascending */
    uint32_t n_serials;
};

struct trust_crl {
    struct bytes issuer; /* DER of the name of who signed it */
    struct hash anchor;  /* SHA-256 of the SubjectPublicKeyInfo that its signer's path ends in */
    uint8_t scope;
    bool indirect; /* speaks for certificates of others that name its issuer (cRLIssuer) */
    uint16_t reasons;
    int64_t this_update_s, next_update_s; /* seconds since 1970 */
    struct bytes number;                  /* cRLNumber, big-endian; empty: it has none */
    const struct bytes *names; /* DER of GeneralNames: its distribution point; none: any */
    size_t n_names;
    const struct trust_revoked *revoked;
    size_t n_revoked;
};

struct trust_ca {
    struct bytes name;  /* title of the ca section */
    uint8_t revocation; /* enum config_revocation */
    uint32_t crl_grace_s;
    uint32_t max_depth;   /* certificates below the anchor */
    int64_t eku_strict_s; /* from then on an extended key usage with clientAuth must be there */
    const struct bytes *policies; /* DER of OIDs: one of them must be valid; none: any policy */
    size_t n_policies;
    const struct bytes *anchors, *intermediates; /* DER */
    size_t n_anchors, n_intermediates;
    const struct trust_crl *crls;
    size_t n_crls;
};

struct trust {
    struct trust_ca *cas; /* in the order of the configuration's ca sections */
    size_t n_cas;
};

/* Serials must be sorted. */
void trust_encode(const struct trust *trust, struct writer *out);
/*
 * Borrows from `in`: keep the mapping as long as the trust. Refuses what encode does not write
 * (names twice, limits, trailing octets). Looks at no serial, so that a list of millions costs
 * nothing here: that they ascend is as much load's word as that none is left out. The caller owns
 * *ret_trust.
 */
bool trust_decode(struct bytes in, struct trust **ret_trust, struct error *err) MUST_CHECK;
struct trust *trust_free(struct trust *trust); /* of decode; accepts NULL, returns NULL */
/* Big-endian magnitude of a serial, without sign octet, at most TRUST_SERIAL_LEN octets. */
bool trust_revoked_has(const struct trust_revoked *revoked, struct bytes serial);

DEFINE_AUTO(struct trust *, trust_freep, trust_free)
