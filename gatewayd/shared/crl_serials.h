#pragma once
/*
 * The certificates that a revocation list names, as sorted serial numbers per issuer; a delta's
 * entries are joined to its base's. Part of crl_build.
 */
#include "gatewayd/shared/trust.h"

#include <openssl/x509.h>

/*
 * delta may be NULL. Serials that no acceptable certificate can have (verify.h refuses those) are
 * left out. The caller frees the result with crl_serials_free.
 */
const struct trust_revoked *crl_serials_collect(X509_CRL *base, X509_CRL *delta, bool indirect,
                                                size_t *ret_n);
void crl_serials_free(const struct trust_revoked *revoked, size_t n); /* accepts NULL, 0 */
