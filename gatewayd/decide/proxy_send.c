/*
 * PROXY v2. decide writes it to an upstream that it has just connected; names come from a
 * certificate and are passed on as they are, with their length.
 */
#include "gatewayd/decide/proxy_send.h"

#include "common/crc32c.h"

enum {
    COMMAND_LOCAL = 0x20, /* version 2 in the upper half */
    COMMAND_PROXY = 0x21,
    FAMILY_UNSPEC = 0x00,
    FAMILY_TCP4 = 0x11,
    FAMILY_TCP6 = 0x21,
    TLV_ALPN = 0x01,
    TLV_AUTHORITY = 0x02,
    TLV_CRC32C = 0x03,
    TLV_UNIQUE_ID = 0x05,
    TLV_SSL = 0x20,
    TLV_SSL_VERSION = 0x21,
    TLV_SSL_CN = 0x22,
    TLV_SSL_CIPHER = 0x23,
    TLV_SSL_SIG_ALG = 0x24,
    TLV_SSL_KEY_ALG = 0x25,
    TLV_SSL_GROUP = 0x26,
    TLV_SSL_SIG_SCHEME = 0x27,
    TLV_SSL_CLIENT_CERT = 0x28,
    TLV_USER = 0xe0, /* 0xE0 to 0xEF are for applications' own types */
    TLV_GROUP = 0xe1,
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

static const char *version_word(uint32_t version)
{
    return version == 0x0304 ? "TLSv1.3" : version == 0x0303 ? "TLSv1.2" : "";
}

/* pp2_tlv_ssl: client flags, verify (0: the certificate was verified), then TLVs of its own. */
static void ssl_tlv(const struct proxy_facts *facts, struct writer *out)
{
    AUTO(writer_clear) struct writer ssl = writer_new(PROXY_HEADER_MAX);
    const struct {
        uint8_t type;
        struct bytes value;
    } rows[] = {
        {TLV_SSL_VERSION, bytes_of(version_word(facts->tls_version))},
        {TLV_SSL_CN, facts->cn},
        {TLV_SSL_CIPHER, facts->cipher},
        {TLV_SSL_SIG_ALG, facts->sig_alg},
        {TLV_SSL_KEY_ALG, facts->key_alg},
        {TLV_SSL_GROUP, facts->group},
        {TLV_SSL_SIG_SCHEME, facts->scheme},
        {TLV_SSL_CLIENT_CERT, facts->certificate},
    };

    writer_u8(&ssl, CLIENT_SSL | CLIENT_CERT_CONN | CLIENT_CERT_SESS);
    writer_u32(&ssl, 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        tlv(&ssl, rows[i].type, rows[i].value);
    tlv(out, TLV_SSL, writer_bytes(&ssl));
    if (!writer_ok(&ssl))
        out->broken = true;
}

/* All groups or no header: an upstream must never take a part of them for all. */
static void person(const struct proxy_facts *facts, struct writer *out)
{
    AUTO(writer_clear) struct writer groups = writer_new(PROXY_GROUPS_MAX);

    tlv(out, TLV_USER, facts->user);
    for (size_t i = 0; i < facts->n_groups; i++)
        tlv(&groups, TLV_GROUP, bytes_of(facts->groups[i]));
    writer_put(out, writer_bytes(&groups));
    if (!writer_ok(&groups))
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

/* The checksum is that of the whole header with zeros in its own place. */
static void put_checksum(struct writer *header, size_t at)
{
    uint32_t crc;

    if (!writer_ok(header))
        return;
    crc = crc32c(writer_bytes(header));
    for (size_t i = 0; i < sizeof(crc); i++)
        header->at[at + i] = (uint8_t)(crc >> (24 - 8 * i));
}

void proxy_encode(const struct proxy_facts *facts, struct writer *out)
{
    static const uint8_t zeros[4];
    bool known = facts->source.known && facts->destination.known;
    bool v4 = known && address_is_v4(&facts->source) && address_is_v4(&facts->destination);
    AUTO(writer_clear) struct writer rest = writer_new(PROXY_HEADER_MAX);
    AUTO(writer_clear) struct writer header = writer_new(PROXY_HEADER_MAX);
    size_t checksum;

    if (known)
        addresses(facts, v4, &rest);
    tlv(&rest, TLV_ALPN, facts->alpn);
    tlv(&rest, TLV_AUTHORITY, facts->sni);
    tlv(&rest, TLV_CRC32C, (struct bytes){zeros, sizeof(zeros)});
    checksum = rest.len - sizeof(zeros);
    tlv(&rest, TLV_UNIQUE_ID, (struct bytes){facts->session.octets, SESSION_ID_LEN});
    ssl_tlv(facts, &rest);
    person(facts, &rest);
    writer_put(&header, (struct bytes){(const uint8_t *)signature, sizeof(signature) - 1});
    writer_u8(&header, known ? COMMAND_PROXY : COMMAND_LOCAL);
    writer_u8(&header, v4 ? FAMILY_TCP4 : known ? FAMILY_TCP6 : FAMILY_UNSPEC);
    checksum += header.len + 2;
    writer_block16(&header, writer_bytes(&rest));
    put_checksum(&header, checksum);
    writer_put(out, writer_bytes(&header));
    if (!writer_ok(&rest) || !writer_ok(&header))
        out->broken = true;
}
