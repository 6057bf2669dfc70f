/* URLs out of certificates and redirections. */
#include "gatewayd/shared/fetch_url.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(char_freep) char *text = malloc(size + 1);
    struct fetch_url url;

    if (!text)
        abort();
    memcpy(text, data, size);
    text[size] = '\0';
    if (!fetch_url_parse(text, &url, NULL))
        return 0;
    if (url.port == 0 || strlen(url.host) > FETCH_HOST_MAX || strpbrk(text, " \r\n\t"))
        abort();
    return 0;
}
