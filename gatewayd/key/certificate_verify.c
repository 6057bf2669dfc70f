/*
 * What may be signed. Runs in key on octets of an edge, which may have been taken: it must not be
 * able to use the key for anything but the handshakes that it carries.
 */
#include "gatewayd/key/certificate_verify.h"

#include "common/reader.h"

/*
 * content := 64 x 0x20, "TLS 1.3, server CertificateVerify", NUL, transcript hash (RFC 8446 4.4.3).
 * The spaces keep it apart from every TLS 1.2 signature; "server" from what a client signs.
 */
static const char context[] =
    "TLS 1.3, server CertificateVerify"; /* its NUL is part of the block */

enum { SPACES = 64, HASH_SHA256 = 32, HASH_SHA384 = 48 };

bool certificate_verify_check(struct bytes content, struct error *err)
{
    struct reader r = reader_over(content);
    struct bytes spaces = reader_take(&r, SPACES);
    struct bytes text = reader_take(&r, sizeof(context));
    size_t hash_len = reader_left(&r);

    for (size_t i = 0; i < spaces.len; i++)
        if (spaces.at[i] != 0x20)
            reader_break(&r);
    if (!bytes_equal(text, (struct bytes){(const uint8_t *)context, sizeof(context)}))
        reader_break(&r);
    if (!reader_ok(&r) || (hash_len != HASH_SHA256 && hash_len != HASH_SHA384))
        return err_set(err, REASON_MSG_MALFORMED, "no server CertificateVerify of TLS 1.3");
    return true;
}
