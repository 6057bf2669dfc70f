/* Whatever an edge wants signed: few forms pass, none is two of them, parts stand where they must.
 */
#include "gatewayd/key/certificate_verify.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_verify(struct bytes content, const char *context)
{
    if ((content.len != 64 + 34 + 32 && content.len != 64 + 34 + 48) || content.at[0] != ' ' ||
        memcmp(content.at + 64, context, 34) != 0)
        abort();
}

/* Randoms, named curve, group, length, point and nothing else. */
static void check_exchange(struct bytes content)
{
    if (content.len != 68 + (size_t)content.at[67] || content.at[64] != 3 ||
        memcmp(content.at + 56, "DOWNGRD\1", 8) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes content = {data, size};
    struct error err;
    bool server = certificate_verify_check(KEY_ROLE_SERVER, content, &err);
    bool client = certificate_verify_check(KEY_ROLE_CLIENT, content, &err);
    bool exchange = server_key_exchange_check(content, &err);

    if (server + client + exchange > 1)
        abort();
    if (server)
        check_verify(content, "TLS 1.3, server CertificateVerify");
    if (client)
        check_verify(content, "TLS 1.3, client CertificateVerify");
    if (exchange)
        check_exchange(content);
    return 0;
}
