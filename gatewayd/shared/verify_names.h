#pragma once
/*
 * Name constraints (RFC 5280 4.2.1.10) as far as X509_verify_cert leaves them to the caller: their
 * own form, names that have none under them, wildcards. Part of verify_rules.
 */
#include "common/reason.h"

#include <openssl/x509.h>

struct verify_names_answer {
    enum reason reason; /* OK, CERT_EXTENSION or CERT_NAME_CONSTRAINT */
    int depth;          /* of the certificate that broke the rule */
    const char *what;   /* static text */
};

/* chain: the leaf first, the anchor last. Costs next to nothing where nobody constrains names. */
struct verify_names_answer verify_names(const STACK_OF(X509) * chain);
