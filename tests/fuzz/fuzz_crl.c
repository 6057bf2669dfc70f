/*
 * A revocation list as a CA might write it: its form, then its entries as if its signature were
 * right, joined to itself as a delta; what comes out must be sorted.
 */
#include "gatewayd/shared/crl_form.h"
#include "gatewayd/shared/crl_serials.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_order(const struct trust_revoked *revoked)
{
    for (uint32_t i = 1; i < revoked->n_serials; i++)
        if (memcmp(revoked->serials + (size_t)(i - 1) * TRUST_SERIAL_LEN,
                   revoked->serials + (size_t)i * TRUST_SERIAL_LEN, TRUST_SERIAL_LEN) >= 0)
            abort();
}

static void collect(const struct crl_list *list, X509_CRL *delta)
{
    size_t n;
    const struct trust_revoked *revoked = crl_serials_collect(list->crl, delta, list->indirect, &n);

    for (size_t i = 0; i < n; i++)
        check_order(&revoked[i]);
    crl_serials_free(revoked, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const unsigned char *at = data;
    X509_CRL *crl = d2i_X509_CRL(NULL, &at, (long)size);
    struct crl_list list;
    struct error err;

    ERR_clear_error();
    if (!crl || !crl_form_read(crl, "fuzzed", &list, &err))
        return 0;
    collect(&list, NULL);
    collect(&list, list.crl);
    crl_form_clear(&list);
    return 0;
}
