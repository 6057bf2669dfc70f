#pragma once
/*
 * Reasons: the closed list of why something was allowed, denied or failed. One row per reason in
 * reasons.h; no other file holds a sentence for any of them.
 */
#include "common/bytes.h"

enum reason {
#define REASON(id, class, text, hint) REASON_##id,
#include "common/reasons.h"
#undef REASON
    REASON__COUNT
};

enum reason_class { REASON_ALLOW, REASON_DENY, REASON_FAULT };

/* All three take any value; one outside of the table reads as REASON_SYSTEM. The strings are
 * static. */
enum reason_class reason_class(enum reason reason);
const char *reason_text(enum reason reason);
const char *reason_hint(enum reason reason);
/* The name used in audit records, metrics and tests: "cert_expired". Static. */
const char *reason_name(enum reason reason);
/* Finds a reason by its name. False when there is none; *ret_reason is then untouched. */
bool reason_from_name(struct bytes name, enum reason *ret_reason);
