#pragma once
/*
 * Distinguished names and values in the one form in which they are compared. Pure functions over
 * octets from the directory or from an administrator's file.
 */
#include "ldap/replica.h"
#include "ldap/schemas.h"

struct dn {
    uint8_t text[REPLICA_DN_MAX];
    size_t len;
};

/*
 * RFC 4514 text to the form to compare: lower-case types with their short names, no spaces around
 * separators, ASCII lower case, runs of spaces as one, the parts of a multi-valued RDN sorted, only
 * what must be escaped is escaped. False for anything that is no DN, the empty one included.
 */
bool dn_normalise(struct bytes in, struct dn *ret_dn);
/* Whether type=value is part of the first RDN of a normalised DN; value as written in an entry. */
bool dn_rdn_is(struct bytes normalised, const char *type, struct bytes value);
/*
 * The octets under which a value is looked up. False when no such value can exist (a number with
 * letters, a malformed DN, blank text). They live in scratch, or are the value itself.
 */
bool value_fold(enum attribute_match match, struct bytes value, struct writer *scratch,
                struct bytes *ret_folded);
