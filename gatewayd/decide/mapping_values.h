#pragma once
/*
 * How a rule reads an attribute that may have several values: "san.email" or "san.email!only" wants
 * exactly one, "!any" takes each for itself, "!all" all of them together. Used by match and find.
 */
#include "gatewayd/decide/identity.h"

enum mapping_many { MAPPING_ONLY, MAPPING_ANY, MAPPING_ALL };

enum { MAPPING_VALUES_MAX = IDENTITY_SANS_MAX };

struct mapping_reference {
    const struct attribute *attribute;
    enum mapping_many many;
};

struct mapping_values {
    const struct identity_value *at[MAPPING_VALUES_MAX];
    size_t n;
};

/* "san.email!only", "cert!sha256". */
bool mapping_reference_parse(struct bytes text, struct mapping_reference *ret_reference,
                             struct error *err) MUST_CHECK;
/* The values, none included; false (MULTI_VALUE, BAD_ENCODING) when they may not be used. */
bool mapping_values_of(const struct mapping_reference *reference, const struct identity *identity,
                       struct mapping_values *ret_values, struct error *err) MUST_CHECK;
