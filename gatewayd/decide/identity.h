#pragma once
/*
 * Identity: what a certificate says about its holder, as a list of attributes in canonical form. A
 * pure function of the DER octets; walks TBSCertificate with the bounded reader. Does not validate
 * (the edge did) and knows no accounts. Read attributes.c for what is extracted.
 */
#include "gatewayd/decide/attributes.h"
#include "gatewayd/shared/messages.h"

enum {
    IDENTITY_VALUE_MAX = 256,  /* octets of one canonical value; longer ones are a fault */
    IDENTITY_NAME_MAX = 2048,  /* octets of a whole distinguished name or URI as text */
    IDENTITY_SANS_MAX = 64,    /* alternative names; with more, all of them are a fault */
    IDENTITY_VALUES_MAX = 512, /* values of one certificate in all; more are CERT_MALFORMED */
};

struct identity_value {
    const struct attribute *attribute;
    struct bytes text;  /* canonical, clean UTF-8; also terminated. Empty when there is a fault */
    struct bytes raw;   /* the content octets in the certificate that it was made from */
    const char *why;    /* what is wrong with it; static; NULL when nothing is */
    const uint8_t *oid; /* its identifier where the row is `open`: oid_len content octets */
    enum reason fault;  /* OK, BAD_ENCODING or MULTI_VALUE: a rule that uses it denies so */
    uint16_t position;  /* of a component: which relative name, 1 is the root; 0: no component */
    uint8_t oid_len;    /* 0: of all identifiers */
    uint8_t tag;        /* DER tag in front of raw */
    uint8_t header_len; /* octets of its DER header; 0: raw is no DER element */
    bool shared;        /* a component of a relative name that has several */
};

/* Immutable after extraction; counted references within one process. */
struct identity {
    unsigned refs;
    struct hash sha256;      /* of the certificate */
    struct hash spki_sha256; /* of its SubjectPublicKeyInfo */
    struct bytes der;
    struct bytes issuer, subject; /* DER of the two names */
    int64_t not_before_s, not_after_s;
    uint16_t n_subject, n_issuer; /* relative names of the two */
    size_t n_values;
    struct identity_value *values; /* fields first, then subject, issuer, extensions */
    uint8_t *texts;                /* what the texts point into */
};

/*
 * Extracts all attributes; the caller owns one reference of *ret_identity. False (CERT_MALFORMED)
 * when the octets are no certificate; a malformed single value is a fault of that value.
 */
bool identity_extract(struct bytes der, struct identity **ret_identity,
                      struct error *err) MUST_CHECK;
struct identity *identity_ref(struct identity *identity);
struct identity *identity_unref(struct identity *identity); /* accepts NULL, returns NULL */
/* The next value of an attribute behind `after` (NULL: the first), or NULL. */
const struct identity_value *identity_next(const struct identity *identity,
                                           const struct attribute *attribute,
                                           const struct identity_value *after);
/* The DER element behind a value, its header included; no octets where there is none. */
struct bytes identity_whole(const struct identity_value *value);
/* The first value's text of an attribute by its name, or no octets; for records and headers. */
struct bytes identity_text(const struct identity *identity, const char *name);

DEFINE_AUTO(struct identity *, identity_unrefp, identity_unref)
