#pragma once
/*
 * How far a rule names one holder for all time (strong) or only by a name, which may be given to
 * somebody else (weak). Knows rules and what their authorities promise; no certificate.
 */
#include "gatewayd/decide/mapping_find.h"
#include "gatewayd/decide/mapping_match.h"

/* What every ca section of a rule promises (options ski, san and trust_domain of ca). */
struct mapping_promises {
    bool ski_computed;      /* the key identifier is a digest of the key, never chosen */
    bool san_authoritative; /* alternative names are the authority's words, not the requester's */
    bool trust_domain;      /* SPIFFE ids are of one trust domain: mapping.c compares it */
};

/*
 * Strong when every way through the filter compares the certificate, its key, or issuer and serial
 * in one value.
 */
bool mapping_find_is_strong(const struct mapping_find *find,
                            const struct mapping_promises *promises);
/* No name of the certificate decides who is found: every reference in it is strong. */
bool mapping_find_is_fixed(const struct mapping_find *find,
                           const struct mapping_promises *promises);
/* Whether exact conditions pin the one certificate, its key, or issuer and serial. */
bool mapping_matches_are_strong(struct mapping_match *const *matches, size_t n,
                                const struct mapping_promises *promises);
/* Whether the find or a condition reads the SPIFFE id, so that its trust domain matters. */
bool mapping_find_reads(const struct mapping_find *find, const char *attribute);
