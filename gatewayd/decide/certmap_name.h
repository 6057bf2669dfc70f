#pragma once
/*
 * Distinguished names as the rules of SSSD see them: a list of "TYPE=value" texts, flat, with the
 * spelling of NSS or of Active Directory. For certmap rules alone; native rules compare names by
 * their DER (dn.h). Knows no certificates.
 */
#include "gatewayd/decide/der.h"

enum {
    CERTMAP_COMPONENTS_MAX = 128, /* of one name; real ones have at most a dozen */
    CERTMAP_NAME_MAX = 8192,      /* octets of a name as text: 2048 characters that need escapes */
};

/* The conversions of the language: which spelling of types, and which end comes first. */
struct certmap_name_form {
    bool ad;   /* Active Directory's names of the types */
    bool x500; /* in the order of the DER, root first; else leaf first */
};

struct certmap_component {
    const char
        *type;       /* the spelling of NSS, static; "UNDEF" for one that OpenSSL has no name for */
    char *value;     /* escaped as RFC 4514 wants it; never empty */
    const char *why; /* why the value may not be used; static; NULL: it may */
};

/* Zeros are an empty name. Free with certmap_name_clear. */
struct certmap_name {
    struct certmap_component *at; /* in the order of the DER: root first */
    size_t n;
    const char *why; /* why not all of it may be used: the first component's reason */
};

/*
 * content: of the SEQUENCE. False when SSSD takes no certificate with such a name (an empty value)
 * or the DER is malformed; nothing is to be cleared then.
 */
bool certmap_name_read(struct bytes content, struct certmap_name *ret_name) MUST_CHECK;
void certmap_name_clear(struct certmap_name *name);
/* "nss", "nss_ldap", "nss_x500", "ad", "ad_ldap", "ad_x500"; false for others. */
bool certmap_name_form(struct bytes text, struct certmap_name_form *ret_form);
/* Appends the whole name. Breaks the writer at its limit alone; faults are the caller's to check.
 */
void certmap_name_text(const struct certmap_name *name, struct certmap_name_form form,
                       struct writer *out);
/*
 * {subject_dn_component.type[number]}: the number-th from the leaf, from the root when negative,
 * which must be of that type; number 0 is the first of the type from the leaf, or the leaf when
 * type is NULL. NULL when there is none.
 */
const struct certmap_component *certmap_name_component(const struct certmap_name *name,
                                                       const char *type, int number);
