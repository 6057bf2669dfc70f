#pragma once
/*
 * The `match` conditions of a mapping: anchored and typed tests of certificate attributes.
 *   subject.cn = "gateway 7"        the value itself
 *   san.email ~ *@corp.example      prefix* or *suffix
 *   eku has clientAuth              one of the values
 *   san.upn ~ re:^[a-z]+@corp$      a POSIX extended expression for the whole value
 *   issuer = "CN=Users CA,O=Corp"   whole names by their components (RFC 5280 7.1)
 *   subject ~ *,O=Corp              a whole name that ends (at its root) so
 */
#include "gatewayd/decide/mapping_values.h"

struct mapping_match;

/* The caller owns *ret_match. */
bool mapping_match_compile(struct bytes text, struct mapping_match **ret_match,
                           struct error *err) MUST_CHECK;
struct mapping_match *mapping_match_free(struct mapping_match *match); /* accepts NULL */
/* The text as it was written; lives as long as the match. */
const char *mapping_match_text(const struct mapping_match *match);
/* The attribute that it reads. */
const struct mapping_reference *mapping_match_reads(const struct mapping_match *match);
/* The attribute whose exact value it demands; NULL when it only limits it. */
const struct mapping_reference *mapping_match_pins(const struct mapping_match *match);
/* False with a reason when a value that it needs may not be used. No value at all holds nothing. */
bool mapping_match_holds(const struct mapping_match *match, const struct identity *identity,
                         bool *ret_holds, struct error *err) MUST_CHECK;
