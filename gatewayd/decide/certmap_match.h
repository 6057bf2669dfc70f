#pragma once
/*
 * Matching rules of SSSD: "KRB5:<ISSUER>regex<EKU>clientAuth" (sss-certmap(5)). The same texts are
 * accepted and the same certificates match; what is refused beyond that stands in docs/identity.md,
 * "Rules from SSSD". Knows no accounts.
 */
#include "gatewayd/decide/certmap_certificate.h"

enum {
    CERTMAP_CONDITIONS_MAX = 64, /* conditions of one rule; our choice */
    CERTMAP_RULE_MAX = 4096,     /* octets of a rule's text; our choice */
};

struct certmap_match;

/* The caller owns *ret_match. CONFIG_VALUE in err when the text is no matching rule. */
bool certmap_match_parse(const char *text, struct certmap_match **ret_match,
                         struct error *err) MUST_CHECK;
struct certmap_match *certmap_match_free(struct certmap_match *match); /* accepts NULL */
/* False (BAD_ENCODING) when a value that decides may not be used. */
bool certmap_match_holds(const struct certmap_match *match,
                         const struct certmap_certificate *certificate, bool *ret_holds,
                         struct error *err) MUST_CHECK;

DEFINE_AUTO(struct certmap_match *, certmap_match_freep, certmap_match_free)
