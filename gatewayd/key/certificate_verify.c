/*
 * What may be signed. Runs in key on octets of an edge, which may have been taken: it must not be
 * able to use the key for anything but the handshakes that it carries.
 */
#include "gatewayd/key/certificate_verify.h"

#include "common/macros.h"
#include "common/reader.h"

/*
 * content := 64 x 0x20, "TLS 1.3, server CertificateVerify", NUL, transcript hash (RFC 8446 4.4.3).
 * The spaces keep it apart from every TLS 1.2 signature; "server" from what a client signs. The NUL
 * of each text is part of the block.
 */
enum { CONTEXT_LEN = 34, SPACES = 64, HASH_SHA256 = 32, HASH_SHA384 = 48 };

static const char contexts[KEY_ROLE__COUNT][CONTEXT_LEN] = {
    [KEY_ROLE_SERVER] = "TLS 1.3, server CertificateVerify",
    [KEY_ROLE_CLIENT] = "TLS 1.3, client CertificateVerify",
};

static bool all_spaces(struct bytes octets)
{
    for (size_t i = 0; i < octets.len; i++)
        if (octets.at[i] != 0x20)
            return false;
    return true;
}

bool certificate_verify_check(enum key_role role, struct bytes content, struct error *err)
{
    struct reader r = reader_over(content);
    struct bytes spaces = reader_take(&r, SPACES);
    struct bytes text = reader_take(&r, CONTEXT_LEN);
    size_t hash_len = reader_left(&r);

    if (role >= KEY_ROLE__COUNT)
        return err_set(err, REASON_MSG_MALFORMED, "no role %d of keys", (int)role);
    if (!all_spaces(spaces) ||
        !bytes_equal(text, (struct bytes){(const uint8_t *)contexts[role], CONTEXT_LEN}))
        reader_break(&r);
    if (!reader_ok(&r) || (hash_len != HASH_SHA256 && hash_len != HASH_SHA384))
        return err_set(err, REASON_MSG_MALFORMED, "no \"%s\" block", contexts[role]);
    return true;
}

/* --- TLS 1.2 ---------------------------------------------------------------------------------- */

enum {
    RANDOM_LEN = 32,
    NAMED_CURVE = 3,        /* ECCurveType (RFC 8422 5.4) */
    POINT_UNCOMPRESSED = 4, /* first octet of a point of a NIST curve (RFC 8422 5.4.1) */
};

/* Groups as they are offered (gatewayd/edge/tls.c), with the octets of a public key of each. */
static const struct {
    uint16_t group;
    uint8_t len;
    bool has_form; /* begins with POINT_UNCOMPRESSED */
} groups[] = {
    {0x001d, 32, false}, /* x25519 */
    {0x0017, 65, true},  /* secp256r1 */
    {0x0018, 97, true},  /* secp384r1 */
};

static bool is_public_key(uint16_t group, struct bytes point)
{
    for (size_t i = 0; i < ARRAY_LEN(groups); i++)
        if (groups[i].group == group)
            return point.len == groups[i].len &&
                   (!groups[i].has_form || point.at[0] == POINT_UNCOMPRESSED);
    return false;
}

/* A server of TLS 1.3 that speaks 1.2 ends its random so; a client of 1.3 then breaks off. */
static bool has_downgrade_mark(struct bytes random)
{
    static const uint8_t mark[8] = {'D', 'O', 'W', 'N', 'G', 'R', 'D', 1};

    return random.len == RANDOM_LEN &&
           memcmp(random.at + RANDOM_LEN - sizeof(mark), mark, sizeof(mark)) == 0;
}

/*
 * content := client_random (32), server_random (32), u8 3, u16 group, u8 length, public key
 * (RFC 8422 5.4). The mark stands where the other kind of block has spaces: none is both.
 */
bool server_key_exchange_check(struct bytes content, struct error *err)
{
    struct reader r = reader_over(content);
    struct bytes client_random = reader_take(&r, RANDOM_LEN);
    struct bytes server_random = reader_take(&r, RANDOM_LEN);
    uint8_t type = reader_u8(&r);
    uint16_t group = reader_u16(&r);
    struct bytes point = reader_take(&r, reader_u8(&r));

    (void)client_random; /* the client's choice */
    if (!reader_done(&r) || type != NAMED_CURVE || !is_public_key(group, point) ||
        !has_downgrade_mark(server_random))
        return err_set(err, REASON_MSG_MALFORMED, "no ECDHE ServerKeyExchange block of TLS 1.2");
    return true;
}
