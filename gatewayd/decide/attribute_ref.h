#pragma once
/*
 * A reference to an attribute as rules write it: "san.email", "subject.uid[2]", "issuer.[-1]",
 * "san.other.1.2.3!der", "serial!ms", "ski!rfc". Parsed once at load, read per certificate. What
 * to do with several values (!only, !any, !all) is the caller's matter.
 */
#include "gatewayd/decide/conversions.h"
#include "gatewayd/decide/der.h"
#include "gatewayd/decide/identity.h"

enum { ATTRIBUTE_INDEX_MAX = 128 };

struct attribute_ref {
    const struct attribute *attribute;
    const struct conversion *conversion; /* NULL: the canonical form */
    struct conversion_hex hex;
    int index; /* which relative name: 1 is the leaf, -1 the root; 0: not asked for */
    uint8_t oid_len;
    uint8_t oid[DER_OID_MAX]; /* of an attribute that is `open` */
};

/* False (CONFIG_VALUE) with what is wrong with the text. */
bool attribute_ref_parse(struct bytes text, struct attribute_ref *ret_ref,
                         struct error *err) MUST_CHECK;
/* What it gives is octets that are no text. */
bool attribute_ref_is_binary(const struct attribute_ref *ref);
/*
 * The next value that it means behind `after` (NULL: the first), or NULL. A value with a fault is
 * one too: whoever uses it denies.
 */
const struct identity_value *attribute_ref_next(const struct attribute_ref *ref,
                                                const struct identity *identity,
                                                const struct identity_value *after);
/* Appends the value as the reference writes it. False: BAD_ENCODING, MULTI_VALUE. */
bool attribute_ref_put(const struct attribute_ref *ref, const struct identity *identity,
                       const struct identity_value *value, struct writer *out,
                       struct error *err) MUST_CHECK;
