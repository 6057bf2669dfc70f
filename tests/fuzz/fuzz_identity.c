/*
 * Certificates from outside: extraction must neither crash nor read outside, and every value that
 * is not a fault must be clean.
 */
#include "common/text.h"
#include "gatewayd/decide/identity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct identity *identity;
    struct error err;

    if (!identity_extract((struct bytes){data, size}, &identity, &err))
        return 0;
    for (size_t i = 0; i < identity->n_values; i++) {
        const struct identity_value *value = &identity->values[i];

        if (value->fault == REASON_OK && !value->attribute->binary &&
            (value->text.len == 0 || !text_is_clean(value->text)))
            abort();
    }
    (void)identity_unref(identity);
    return 0;
}
