#pragma once
/*
 * libssl's question whether a presented chain is good, answered by the chain cache.
 */
#include <openssl/x509_vfy.h>
#include <stdint.h>

/* The verify error that libssl turns into this alert. */
int tls_verify_code(uint8_t alert);
/* For SSL_CTX_set_cert_verify_callback. Leaves the chain, or the denial, with the connection. */
int tls_verify(X509_STORE_CTX *ctx, void *context);
