#pragma once
/*
 * The trust data as fetch uses them: per ca section who may sign lists, and which presented chains
 * end in an anchor. No revocation is looked at here: what is asked for is just that.
 */
#include "gatewayd/shared/trust.h"

#include <openssl/x509.h>

enum { AUTHORITY_CHAIN_MAX = 17 }; /* certificates presented: VERIFY_CHAIN_MAX */

struct authority {
    const struct trust_ca *trust;
    X509_STORE *store;           /* the anchors */
    STACK_OF(X509) * issuers;    /* anchors and intermediates */
    STACK_OF(X509) * in_between; /* intermediates, borrowed from issuers */
};

struct authorities {
    struct bytes octets;
    struct trust *trust;
    struct authority *at;
    size_t n;
};

/* Maps trust data; keeps no descriptor. */
bool authorities_map(int fd, struct authorities **ret_authorities, struct error *err) MUST_CHECK;
struct authorities *authorities_free(struct authorities *authorities); /* accepts NULL */
/* NULL: no such section. authorities may be NULL. */
const struct authority *authorities_find(const struct authorities *authorities, struct bytes title);
/*
 * The path from the leaf to an anchor, out of DER certificates one behind the other, the leaf
 * first. The caller frees *ret_path with sk_X509_pop_free.
 */
bool authority_path(const struct authority *authority, struct bytes chain, int64_t now_s,
                    STACK_OF(X509) * *ret_path, struct error *err) MUST_CHECK;
