#pragma once
/*
 * Whether revocation lists speak for a certificate, and what they say (RFC 5280 6.3.3): complete,
 * partitioned and indirect lists whose signatures load has checked. Part of verify; decides
 * nothing: what a missing list means is the ca section's option.
 */
#include "gatewayd/shared/trust.h"

#include <openssl/x509v3.h>

struct revocation; /* the lists of one ca section, found by their issuers */

/* Borrows ca, which must outlive it. */
bool revocation_new(const struct trust_ca *ca, struct revocation **ret_revocation,
                    struct error *err) MUST_CHECK;
struct revocation *revocation_free(struct revocation *revocation); /* accepts NULL, returns NULL */

struct revocation_answer {
    enum reason reason;    /* OK, CERT_REVOKED, CRL_MISSING, CRL_INCOMPLETE, CRL_EXPIRED */
    int64_t this_update_s; /* oldest list used; 0: none */
    int64_t next_update_s; /* earliest one of those used; INT64_MAX: none */
};

struct revocation_question {
    struct hash anchor; /* key hash of the chain's last certificate */
    int64_t now_s;
    uint32_t grace_s; /* a list is used until nextUpdate + grace_s */
};

/* A list that has ended still revokes those that it names. */
struct revocation_answer revocation_ask(const struct revocation *revocation, X509 *certificate,
                                        const struct revocation_question *question);
