#pragma once
/*
 * How a rule reads an attribute that may have several values: "san.email" or "san.email!only" wants
 * exactly one, "!any" takes each for itself, "!all" all of them together. Used by match and find.
 */
#include "gatewayd/decide/ad_strings.h"
#include "gatewayd/decide/identity.h"

enum mapping_many { MAPPING_ONLY, MAPPING_ANY, MAPPING_ALL };

enum { MAPPING_VALUES_MAX = IDENTITY_SANS_MAX };

/* One of the two is set. */
struct mapping_reference {
    const struct attribute *attribute;
    const struct ad_string *ad; /* a string of Active Directory, made of several attributes */
    enum mapping_many many;
};

/* Free with mapping_values_clear. */
struct mapping_values {
    struct bytes at[MAPPING_VALUES_MAX]; /* of the identity, or of `own` */
    size_t n;
    struct ad_values own;
};

/* "san.email!only", "cert!sha256", "ad.issuer_serial". */
bool mapping_reference_parse(struct bytes text, struct mapping_reference *ret_reference,
                             struct error *err) MUST_CHECK;
/* As it is written in rules; static. */
const char *mapping_reference_name(const struct mapping_reference *reference);
/* The value is octets that are no text: it can only be the whole value of a find. */
bool mapping_reference_is_binary(const struct mapping_reference *reference);
/* The values, none included; false (MULTI_VALUE, BAD_ENCODING) when they may not be used. */
bool mapping_values_of(const struct mapping_reference *reference, const struct identity *identity,
                       struct mapping_values *ret_values, struct error *err) MUST_CHECK;
void mapping_values_clear(struct mapping_values *values); /* fits AUTO */
