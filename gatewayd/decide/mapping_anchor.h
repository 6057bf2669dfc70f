#pragma once
/*
 * Traps of patterns: what "*corp.example" would let in beside what was meant. Asked when a
 * condition is compiled.
 */
#include "gatewayd/decide/attributes.h"

enum anchor_side { ANCHOR_EXACT, ANCHOR_PREFIX, ANCHOR_SUFFIX };

/*
 * Refuses a text that, as the start or end of the attribute's values, also fits a longer domain
 * name, or that no value can have because domains are in lower case.
 */
bool anchor_check(const struct attribute *attribute, enum anchor_side side, struct bytes text,
                  struct error *err) MUST_CHECK;
