/* Answers of any responder, about a certificate whose key nobody has: none may be believed. */
#include "gatewayd/fetch/ocsp.h"
#include "tests/unit/pki.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_revoked(void *context, const X509 *certificate)
{
    (void)context;
    (void)certificate;
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct ocsp_about about;
    struct ocsp_result result;

    if (!about.leaf) {
        EVP_PKEY *key = pki_key();

        about = (struct ocsp_about){.now_s = 1795000000, .is_revoked = is_revoked};
        about.issuer = pki_ca("CA", key, NULL, key, 1);
        about.leaf = pki_ca("leaf", NULL, about.issuer, key, 2);
        EVP_PKEY_free(key);
    }
    if (ocsp_answer((struct bytes){data, size}, &about, &result, NULL))
        abort();
    return 0;
}
