#pragma once
/*
 * What a rule of SSSD may do that its author does not expect: read out of the compiled rules, for
 * `gatewayctl check` and `identity lint`. A warning never keeps a rule from working.
 */
#include "gatewayd/decide/certmap_map.h"

/* name: of the row, as "unanchored"; text: a sentence; value: what of the rule it is about, or "".
 */
typedef void certmap_warn(void *context, const char *name, const char *text, const char *value);

/* Tells every row that applies, in the order of the table; a row once per condition or field. */
void certmap_warnings(const struct certmap_match *match, const struct certmap_map *map,
                      certmap_warn *warn, void *context);
