#pragma once
/*
 * What a certificate of a chain must be like beyond what X509_verify_cert looks at: numbers, keys,
 * use, names. One function per rule in one table. Part of verify; knows no revocation and no time.
 */
#include "common/error.h"

#include <openssl/x509.h>

#define EXTENSION_IS_WRONG "an extension is malformed or stands there twice"

struct verify_rules_chain {
    const STACK_OF(X509) * chain; /* the leaf first, the anchor last */
    bool server;                  /* a server's: serverAuth must be there, else clientAuth */
    bool eku_strict;              /* a missing extended key usage refuses; else it is only noted */
};

struct verify_rules_answer {
    enum reason reason; /* OK, or why not */
    int depth;          /* of the certificate that broke the rule */
    const char *what;   /* static text */
    bool eku_lacks;     /* it is missing somewhere, and that was not refused */
};

struct verify_rules_answer verify_rules(const struct verify_rules_chain *chain);
