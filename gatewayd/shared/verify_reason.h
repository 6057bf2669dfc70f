#pragma once
/*
 * What OpenSSL's verdicts on a chain are called here. The alerts of the reasons: verify.h.
 */
#include "common/reason.h"

/* The reason for an X509_V_ERR_ code; CERT_INVALID for one without a row. */
enum reason verify_reason(int code);
