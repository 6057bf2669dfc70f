#pragma once
/*
 * Revocation lists of one ca section out of files: form, signer and signature checked once, deltas
 * joined to their bases, serials sorted. Part of trust_build.
 */
#include "gatewayd/shared/trust_build.h"

#include <openssl/x509.h>

struct crl_build;

/* Adds the list, or lists, of a file (PEM or DER); makes *build when it is NULL. */
bool crl_build_read(struct crl_build **build, const char *file, struct bytes octets,
                    struct error *err) MUST_CHECK;
struct crl_build *crl_build_new(void); /* without lists */
struct crl_build *crl_build_free(struct crl_build *build); /* accepts NULL, returns NULL */

struct crl_build_request {
    const STACK_OF(X509) * anchors, *intermediates;
    const struct trust_ca *in_force; /* the section as it is in force, or NULL; borrowed for life */
    int64_t now_s;                   /* for warnings, and for the end of what stays in force */
    bool fetches;                    /* the section has addresses: see crl_build_check */
    int64_t grace_s;                 /* crl_grace of the section */
    const struct trust_errors *errors;
};

/*
 * Finds the signer of each list among the two stacks, its path to an anchor, and checks the
 * signature; of several lists for the same certificates the newest stays, a list in force also
 * against older ones that come now. build may be NULL.
 * Where the section fetches, a list in force stays when none for the same certificates is there: its
 * issuer must be among the stacks, not revoked and not with a list that is refused, its anchor must
 * still be one, and it must not be past nextUpdate + grace_s.
 */
void crl_build_check(struct crl_build *build, const struct crl_build_request *request);
/* What crl_build_check has accepted; borrowed until crl_build_free. */
const struct trust_crl *crl_build_lists(const struct crl_build *build);
size_t crl_build_n_lists(const struct crl_build *build);
