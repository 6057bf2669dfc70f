/*
 * The memory of OCSP answers. Runs in fetch and in the edges; whoever stands between us and the
 * responder can be silent, and repeat what was true once.
 */
#include "gatewayd/shared/ocsp_known.h"

static bool takes_over(const struct ocsp_known *known, enum reason said, int64_t this_update_s)
{
    bool is_revoked = known->this_update_s > 0 && known->reason == REASON_CERT_REVOKED;

    if (this_update_s <= 0 || this_update_s < known->this_update_s)
        return false;
    if (said == REASON_OK)
        return !is_revoked || this_update_s > known->this_update_s;
    if (said == REASON_OCSP_UNKNOWN)
        return !is_revoked;
    return said == REASON_CERT_REVOKED;
}

enum reason ocsp_known_take(struct ocsp_known *known, enum reason said, int64_t this_update_s)
{
    if (takes_over(known, said, this_update_s)) {
        *known = (struct ocsp_known){.reason = said, .this_update_s = this_update_s};
        return said;
    }
    return known->this_update_s > 0 && known->reason == REASON_CERT_REVOKED
               ? REASON_CERT_REVOKED
               : REASON_OCSP_UNAVAILABLE;
}
