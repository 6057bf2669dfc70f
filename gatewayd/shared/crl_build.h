#pragma once
/*
 * Revocation lists of one ca section out of files: form, signature and dates checked once, serials
 * sorted. Part of trust_build; a list that covers only some of its issuer's certificates, and that
 * verify could not use correctly, is refused.
 */
#include "gatewayd/shared/trust_build.h"

#include <openssl/x509.h>

struct crl_build;

/* Adds the list, or lists, of a file (PEM or DER); makes *build when it is NULL. */
bool crl_build_read(struct crl_build **build, const char *file, struct bytes octets,
                    struct error *err) MUST_CHECK;
struct crl_build *crl_build_free(struct crl_build *build); /* accepts NULL, returns NULL */
/*
 * Finds the issuer of each list among the two stacks and checks its signature; of several lists of
 * one issuer the newest stays. build may be NULL.
 */
void crl_build_check(struct crl_build *build, const STACK_OF(X509) * anchors,
                     const STACK_OF(X509) * intermediates, int64_t now_s,
                     const struct trust_errors *errors);
/* What crl_build_check has accepted; borrowed until crl_build_free. */
const struct trust_crl *crl_build_lists(const struct crl_build *build);
size_t crl_build_n_lists(const struct crl_build *build);
