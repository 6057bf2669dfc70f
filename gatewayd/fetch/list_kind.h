#pragma once
/*
 * What a revocation list is for: whose it is, and which part of what its issuer has revoked it
 * covers. An address brings lists of one kind: another one in its place, however well signed, would
 * take away what the one that is here revokes.
 */
#include "common/error.h"
#include "gatewayd/shared/hash.h"

#include <openssl/x509.h>

struct list_kind {
    struct hash issuer; /* of its name, DER */
    struct hash key;    /* of the authority key id (RFC 5280 5.2.1); zeros: it has none */
    struct hash point;  /* of the issuing distribution point (5.2.5), DER; zeros: it has none */
    bool delta;         /* 5.2.4 */
};

/* FETCH_REFUSED: one of these extensions is there twice or malformed. */
bool list_kind_read(const X509_CRL *crl, struct list_kind *ret_kind, struct error *err) MUST_CHECK;
/* FETCH_REFUSED and what differs, if it is not of the kind that the address is bound to. */
bool list_kind_check(const struct list_kind *kind, const struct list_kind *bound,
                     struct error *err) MUST_CHECK;
