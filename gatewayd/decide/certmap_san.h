#pragma once
/*
 * Alternative names as the rules of SSSD see them. A part of certmap_certificate.c.
 */
#include "gatewayd/decide/certmap_certificate.h"

/* content: of the extension's OCTET STRING. False when SSSD takes no certificate with it. */
bool certmap_sans_read(struct bytes content, struct certmap_certificate *certificate) MUST_CHECK;
