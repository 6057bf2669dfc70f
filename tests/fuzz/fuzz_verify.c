/*
 * A presented chain of any octets against one trust anchor, as an edge judges it: u16 length and
 * octets for each certificate. Whatever is said of it is clean text.
 */
#include "common/reader.h"
#include "common/text.h"
#include "gatewayd/shared/verify.h"
#include "tests/unit/pki.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Made once: a trust set with one anchor, of a key that nobody keeps. */
static struct verify *make_verify(void)
{
    static struct bytes anchor;
    static struct trust_ca ca = {.name = {(const uint8_t *)"a", 1},
                                 .revocation = 2,
                                 .max_depth = 6,
                                 .anchors = &anchor,
                                 .n_anchors = 1};
    static struct trust trust = {.cas = &ca, .n_cas = 1};
    EVP_PKEY *key = pki_key();
    X509 *root = pki_ca("Root", key, NULL, key, 1);
    struct verify *verify;
    struct error err;

    anchor = pki_der(root);
    X509_free(root);
    EVP_PKEY_free(key);
    if (!verify_new(&trust, &verify, &err))
        abort();
    return verify;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct verify *verify;
    static const size_t first = 0;
    const struct verify_request request = {.now_s = 1800000000, .cas = &first, .n_cas = 1};
    struct reader r = reader_over((struct bytes){data, size});
    struct bytes presented[VERIFY_CHAIN_MAX + 1];
    struct verify_result result;
    size_t n = 0;

    if (!verify)
        verify = make_verify();
    while (reader_left(&r) > 0 && n < VERIFY_CHAIN_MAX + 1)
        presented[n++] = reader_block16(&r);
    verify_chain(verify, &request, presented, n, &result);
    if (result.reason == REASON_OK || result.alert == 0 || !text_is_clean(bytes_of(result.detail)))
        abort();
    return 0;
}
