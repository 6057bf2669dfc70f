#pragma once
/*
 * One revocation list as it stands in its file: which certificates it may speak for, of which base
 * it is a delta, and that nothing in it is unknown (RFC 5280 section 5). Part of crl_build; knows
 * no issuer's key and no time.
 */
#include "gatewayd/shared/trust.h"

#include <openssl/x509v3.h>

struct crl_list {
    X509_CRL *crl;
    char *file;
    uint8_t scope; /* TRUST_SCOPE_ */
    bool indirect, delta;
    uint16_t reasons;     /* TRUST_REASONS_ALL, or what onlySomeReasons says */
    GENERAL_NAMES *names; /* of its distribution point, as full names; NULL: none */
    int64_t this_update_s, next_update_s;
    struct bytes number, base; /* owned; cRLNumber, and BaseCRLNumber of a delta; may be empty */
    X509 *signer;              /* borrowed: whose key fits, and ... */
    struct hash anchor;        /* ... the key hash of the anchor above; set by crl_build */
};

/* Takes crl and copies file. False: nothing is left of either. */
bool crl_form_read(X509_CRL *crl, const char *file, struct crl_list *ret_list,
                   struct error *err) MUST_CHECK;
void crl_form_clear(struct crl_list *list);
/* Numbers as big-endian magnitudes: like memcmp. */
int crl_form_compare_numbers(struct bytes a, struct bytes b);
/* The names that a distribution point stands for; NULL: none, or no memory. The caller owns it. */
GENERAL_NAMES *crl_form_point_names(DIST_POINT_NAME *point, const X509_NAME *issuer);
/* The bits of a ReasonFlags; all reasons where there is none. */
uint16_t crl_form_reasons(const ASN1_BIT_STRING *flags);
