/*
 * PROXY v2. decide writes it to an upstream that it has just connected; names come from a
 * certificate and are passed on as they are, with their length.
 */
#include "gatewayd/decide/proxy_send.h"

enum {
    COMMAND_LOCAL = 0x20, /* version 2 in the upper half */
    COMMAND_PROXY = 0x21,
    FAMILY_UNSPEC = 0x00,
    FAMILY_TCP4 = 0x11,
    FAMILY_TCP6 = 0x21,
    TLV_ALPN = 0x01,
    TLV_AUTHORITY = 0x02,
    TLV_UNIQUE_ID = 0x05,
    TLV_SSL = 0x20,
    TLV_SSL_VERSION = 0x21,
    TLV_SSL_CN = 0x22,
    TLV_SSL_CIPHER = 0x23,
    CLIENT_SSL = 0x01,
    CLIENT_CERT_CONN = 0x02,
    CLIENT_CERT_SESS = 0x04,
};

static const char signature[] = "\r\n\r\n\0\r\nQUIT\n";

static void tlv(struct writer *out, uint8_t type, struct bytes value)
{
    if (value.len == 0)
        return;
    writer_u8(out, type);
    writer_block16(out, value);
}

/* pp2_tlv_ssl: client flags, verify (0: the certificate was verified), then TLVs of its own. */
static void ssl_tlv(const struct proxy_facts *facts, struct writer *out)
{
    AUTO(writer_clear) struct writer ssl = writer_new(PROXY_HEADER_MAX);

    writer_u8(&ssl, CLIENT_SSL | CLIENT_CERT_CONN | CLIENT_CERT_SESS);
    writer_u32(&ssl, 0);
    tlv(&ssl, TLV_SSL_VERSION, bytes_of("TLSv1.3"));
    tlv(&ssl, TLV_SSL_CN, facts->cn);
    tlv(&ssl, TLV_SSL_CIPHER, facts->cipher);
    tlv(out, TLV_SSL, writer_bytes(&ssl));
    if (!writer_ok(&ssl))
        out->broken = true;
}

static void addresses(const struct proxy_facts *facts, bool v4, struct writer *out)
{
    size_t skip = v4 ? 12 : 0;

    writer_put(out, (struct bytes){facts->source.octets + skip, 16 - skip});
    writer_put(out, (struct bytes){facts->destination.octets + skip, 16 - skip});
    writer_u16(out, facts->source.port);
    writer_u16(out, facts->destination.port);
}

void proxy_encode(const struct proxy_facts *facts, struct writer *out)
{
    bool known = facts->source.known && facts->destination.known;
    bool v4 = known && address_is_v4(&facts->source) && address_is_v4(&facts->destination);
    AUTO(writer_clear) struct writer rest = writer_new(PROXY_HEADER_MAX);

    if (known)
        addresses(facts, v4, &rest);
    tlv(&rest, TLV_ALPN, facts->alpn);
    tlv(&rest, TLV_AUTHORITY, facts->sni);
    tlv(&rest, TLV_UNIQUE_ID, (struct bytes){facts->session.octets, SESSION_ID_LEN});
    ssl_tlv(facts, &rest);
    writer_put(out, (struct bytes){(const uint8_t *)signature, sizeof(signature) - 1});
    writer_u8(out, known ? COMMAND_PROXY : COMMAND_LOCAL);
    writer_u8(out, v4 ? FAMILY_TCP4 : known ? FAMILY_TCP6 : FAMILY_UNSPEC);
    writer_block16(out, writer_bytes(&rest));
    if (!writer_ok(&rest))
        out->broken = true;
}
