#pragma once
/*
 * What Active Directory stores in altSecurityIdentities to bind a certificate to an account
 * (MS-PKCA 3.1.5.2.1.3): "X509:<I>issuer<SR>serial" and the like. Knows no rules and no directory.
 */
#include "gatewayd/decide/identity.h"

enum ad_what { AD_SUBJECT, AD_SERIAL, AD_ATTRIBUTE };

struct ad_string {
    const char *name; /* as in rules: "ad.issuer_serial" */
    enum attribute_strength strength;
    bool issuer;           /* begins with <I> and the issuer */
    const char *tag;       /* "<SR>" */
    enum ad_what what;     /* what stands behind the tag */
    const char *attribute; /* for AD_ATTRIBUTE: its text */
    const char *help;
};

enum {
    AD_VARIANTS = 2, /* a serial with its top bit set is stored with or without the 00 */
    AD_STRING_MAX = 2 * IDENTITY_NAME_MAX + IDENTITY_VALUE_MAX,
};

struct ad_values {
    struct bytes at[AD_VARIANTS]; /* owned */
    size_t n;
};

/* The table; ret_n rows, static. */
const struct ad_string *ad_strings_all(size_t *ret_n);
/* By name, ASCII case ignored; NULL when there is none. */
const struct ad_string *ad_string_find(struct bytes name);
/*
 * Every way to write the string for this certificate; none when it lacks a value. False
 * (BAD_ENCODING, MULTI_VALUE) when a value may not be used: a name whose text could also be read as
 * another name is refused. The caller clears *ret_values.
 */
bool ad_string_make(const struct ad_string *string, const struct identity *identity,
                    struct ad_values *ret_values, struct error *err) MUST_CHECK;
void ad_values_clear(struct ad_values *values);
