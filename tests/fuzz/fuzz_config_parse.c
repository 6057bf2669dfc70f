/* Any text as gatewayd.conf: what is accepted prints, and is accepted again with the same values.
 */
#include "common/macros.h"
#include "gatewayd/shared/config.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ignore(void *context, const char *file, uint32_t line, const struct error *err)
{
    (void)context;
    (void)file;
    (void)line;
    (void)err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct config_errors errors = {.found = ignore};
    AUTO(writer_clear) struct writer first = writer_new(16 << 20), second = writer_new(16 << 20);
    AUTO(config_freep) struct config *config = NULL;
    AUTO(config_freep) struct config *again = NULL;

    if (!config_parse("fuzz", (struct bytes){data, size}, &errors, &config))
        return 0;
    config_print(config, &first);
    if (!config_parse("fuzz", writer_bytes(&first), &errors, &again))
        abort();
    config_print(again, &second);
    if (!bytes_equal(writer_bytes(&first), writer_bytes(&second)))
        abort();
    return 0;
}
