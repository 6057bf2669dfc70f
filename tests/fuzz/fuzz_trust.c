/* Trust data as load might write it if it were taken: decoded, searched, encoded again. */
#include "gatewayd/shared/trust.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever the order of the serials: the search ends, within them. */
static void search(const struct trust_crl *crl)
{
    for (size_t i = 0; i < crl->n_revoked; i++)
        if (crl->revoked[i].n_serials > 0)
            (void)trust_revoked_has(&crl->revoked[i],
                                    (struct bytes){crl->revoked[i].serials, TRUST_SERIAL_LEN});
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(trust_freep) struct trust *trust = NULL;
    AUTO(writer_clear) struct writer again = writer_new(size);
    struct error err;

    if (!trust_decode((struct bytes){data, size}, &trust, &err))
        return 0;
    for (size_t i = 0; i < trust->n_cas; i++)
        for (size_t j = 0; j < trust->cas[i].n_crls; j++)
            search(&trust->cas[i].crls[j]);
    trust_encode(trust, &again);
    if (!bytes_equal(writer_bytes(&again), (struct bytes){data, size}))
        abort();
    return 0;
}
