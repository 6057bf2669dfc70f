#pragma once
/*
 * The issuer of a revocation list among the certificates of a ca section, and its signature. Part
 * of crl_build.
 */
#include "gatewayd/shared/crl_build.h"
#include "gatewayd/shared/crl_form.h"

/*
 * Sets signer (borrowed from the request) and anchor of the list. False: err says why the list is
 * not used, *ret_stops whether the whole set is refused.
 */
bool crl_signer_find(const struct crl_build_request *request, struct crl_list *list,
                     bool *ret_stops, struct error *err) MUST_CHECK;
