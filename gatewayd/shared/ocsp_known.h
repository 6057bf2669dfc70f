#pragma once
/*
 * What OCSP has said of a certificate, and what may take its place. Pure; one rule for fetch and
 * the edges.
 */
#include "common/error.h"

#include <stdint.h>

/* The newest signed answer; all zeros: there has been none. */
struct ocsp_known {
    enum reason reason; /* OK, CERT_REVOKED, OCSP_UNKNOWN */
    int64_t this_update_s;
};

/*
 * Takes what an answer says (OK, CERT_REVOKED, OCSP_UNKNOWN), or that there was none (any other
 * reason), and returns what counts now. An answer that is older than the known one is none. A
 * revocation stays until a newer answer says "good": neither silence nor "unknown" ends it.
 */
enum reason ocsp_known_take(struct ocsp_known *known, enum reason said, int64_t this_update_s);
