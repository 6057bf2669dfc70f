/*
 * Fuzz target: the settings file of mtls.
 */
#include "cli/mtls.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mtls_settings settings = {.gateway = NULL};
    struct mtls_target target;
    struct error err;

    if (mtls_settings_parse("config", (struct bytes){data, size}, &settings, &err) &&
        settings.gateway && mtls_target_parse(settings.gateway, &target, &err) &&
        (!target.host[0] || !target.port[0]))
        abort();
#define X(name, value, help) free((void *)settings.name);
    MTLS_SETTINGS(X)
#undef X
    return 0;
}
