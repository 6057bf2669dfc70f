#pragma once
/*
 * Which lists in force stay in a section that fetches, until others for the same certificates have
 * come. Part of crl_build.
 */
#include "gatewayd/shared/crl_build.h"

/*
 * Whether crl, of the trust data in force, may stay beside lists: its issuer is among the stacks
 * and on no list, its anchor is one of the section, and it is not past nextUpdate + grace_s.
 */
bool crl_stay_may(const struct crl_build_request *request, const struct trust_crl *lists, size_t n,
                  const struct trust_crl *crl);
void crl_stay_tell(const struct crl_build_request *request, const struct trust_crl *crl);
/* DER of a name against a name by its meaning: the same may be written in other letters. */
bool crl_stay_is_name(struct bytes der, const X509_NAME *name);
