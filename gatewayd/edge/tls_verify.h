#pragma once
/*
 * libssl's question whether a presented chain is good, answered by the chain cache.
 */
#include <openssl/x509_vfy.h>

/* For SSL_CTX_set_cert_verify_callback. Leaves the chain, or the denial, with the connection. */
int tls_verify(X509_STORE_CTX *ctx, void *context);
