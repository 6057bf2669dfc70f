#pragma once
/*
 * What the rules of SSSD see of a certificate, read from its DER by the bounded reader. A value
 * that SSSD would cut at a NUL, or take in spite of an odd encoding, is kept with the reason why it
 * may not be used. Does not validate (the edge did) and knows no rules.
 */
#include "gatewayd/decide/certmap_name.h"
#include "gatewayd/decide/identity.h"

enum {
    CERTMAP_SANS_MAX = IDENTITY_SANS_MAX, /* with more of them none may be used */
    CERTMAP_TEXT_MAX = 2048,              /* octets of one alternative name (SPIFFE: 2048) */
    CERTMAP_USAGES_MAX = 64,              /* extended key usages */
};

/* In the order in which a prefix of a name ("<SAN:r>") is looked up. */
enum certmap_san_kind {
    CERTMAP_SAN_OTHER, /* an otherName by its octets; in certificates: STRING_OTHER */
    CERTMAP_SAN_EMAIL,
    CERTMAP_SAN_DNS,
    CERTMAP_SAN_X400,
    CERTMAP_SAN_DIRECTORY,
    CERTMAP_SAN_EDI,
    CERTMAP_SAN_URI,
    CERTMAP_SAN_IP,
    CERTMAP_SAN_RID,
    CERTMAP_SAN_PKINIT,
    CERTMAP_SAN_NT,
    CERTMAP_SAN_PRINCIPAL, /* each of the two before once more */
    CERTMAP_SAN_STRING_OTHER,
    CERTMAP_SAN__COUNT,
};

struct certmap_san {
    enum certmap_san_kind kind;
    const char *why;          /* why it may not be used; static; NULL: it may */
    struct bytes text;        /* of the text kinds; of STRING_OTHER the DER of the value */
    const char *oid;          /* of STRING_OTHER, dotted */
    struct certmap_name name; /* of DIRECTORY */
    char *own;                /* what text or oid point into when it is not the certificate */
};

/* Points into the octets that it was read from. */
struct certmap_certificate {
    struct bytes der;
    struct certmap_name issuer, subject;
    char *issuer_text, *subject_text; /* leaf first, the spelling of NSS */
    uint32_t key_usage;               /* bit n of RFC 5280 4.2.1.3 is 1 << n; all when absent */
    char (*usages)[DER_OID_TEXT_MAX];
    size_t n_usages;
    struct certmap_san *sans; /* in the order of the certificate */
    size_t n_sans;
    const char *sans_why; /* why none of them may be used */
    struct bytes serial;  /* without sign octet, never empty */
    struct bytes key_id;  /* of the extension; no octets: absent */
    struct bytes sid;     /* no octets: absent */
    const char *sid_why;
};

/*
 * False (BAD_ENCODING) for a certificate that SSSD refuses as a whole. The octets must be those of
 * an identity and stay. The caller owns *ret_certificate.
 */
bool certmap_certificate_read(struct bytes der, struct certmap_certificate **ret_certificate,
                              struct error *err) MUST_CHECK;
/* Accepts NULL, returns NULL. */
struct certmap_certificate *certmap_certificate_free(struct certmap_certificate *certificate);

DEFINE_AUTO(struct certmap_certificate *, certmap_certificate_freep, certmap_certificate_free)
