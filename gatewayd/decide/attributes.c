/*
 * The attribute table and the canonical forms. decide and gatewayctl run it on octets that a
 * certificate's issuer chose; a form that doubts refuses.
 */
#include "gatewayd/decide/attributes.h"

#include "common/address.h"
#include "common/text.h"
#include "gatewayd/decide/dn.h"

#include <netinet/in.h>

static const char *form_string(struct bytes raw, uint8_t tag, struct writer *out)
{
    return der_string(tag, raw, out) ? NULL : "not a string of its type";
}

static const char *form_name(struct bytes raw, uint8_t tag, struct writer *out)
{
    (void)tag;
    return dn_text(raw, out) ? NULL : "a malformed distinguished name";
}

static const char *form_hex(struct bytes raw, uint8_t tag, struct writer *out)
{
    (void)tag;
    for (size_t i = 0; i < raw.len; i++)
        writer_printf(out, "%02x", raw.at[i]);
    return NULL;
}

/* Minimal big-endian without the sign octet; zero and negative ones break RFC 5280 4.1.2.2. */
static const char *form_serial(struct bytes raw, uint8_t tag, struct writer *out)
{
    if (raw.len == 0 || (raw.at[0] & 0x80))
        return "negative or empty";
    while (raw.len > 0 && raw.at[0] == 0)
        raw = (struct bytes){raw.at + 1, raw.len - 1};
    return raw.len == 0 ? "zero" : form_hex(raw, tag, out);
}

static const char *form_time(struct bytes raw, uint8_t tag, struct writer *out)
{
    char text[32];
    int64_t seconds;

    if (!der_time_s(tag, raw, &seconds))
        return "not a time of RFC 5280";
    text_format_time_ms(seconds * 1000, text);
    text[19] = '\0'; /* without the milliseconds */
    writer_printf(out, "%sZ", text);
    return NULL;
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

static bool is_ldh(uint8_t c)
{
    return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

/* Labels of letters, digits and inner hyphens (RFC 1123 2.1); appended in lower case. */
static bool put_domain(struct bytes name, struct writer *out)
{
    size_t label = 0;

    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.at[i];

        if (c == '.') {
            if (label == 0 || name.at[i - 1] == '-')
                return false;
            label = 0;
        } else if (!is_ldh(c) || (c == '-' && label == 0) || ++label > 63) {
            return false;
        }
        writer_u8(out, lower(c));
    }
    return label > 0 && name.at[name.len - 1] != '-' && name.len <= 253;
}

static const char *form_dns(struct bytes raw, uint8_t tag, struct writer *out)
{
    (void)tag;
    if (raw.len > 0 && raw.at[0] == '*')
        return "a wildcard is no identity";
    return put_domain(raw, out) ? NULL : "not a host name";
}

/* The local part as it is, the domain in lower case; exactly one "@", nothing but ASCII. */
static const char *address_form(struct bytes raw, struct writer *out)
{
    const uint8_t *at = raw.len ? memchr(raw.at, '@', raw.len) : NULL;
    size_t local;

    if (!at || at == raw.at)
        return "no local part and domain";
    local = (size_t)(at - raw.at);
    for (size_t i = 0; i < local; i++)
        if (raw.at[i] <= ' ' || raw.at[i] >= 0x7f)
            return "a local part that is not plain ASCII";
    writer_put(out, (struct bytes){raw.at, local + 1});
    if (!put_domain((struct bytes){at + 1, raw.len - local - 1}, out))
        return "a malformed domain";
    return NULL;
}

static const char *form_email(struct bytes raw, uint8_t tag, struct writer *out)
{
    (void)tag;
    return address_form(raw, out);
}

static const char *form_upn(struct bytes raw, uint8_t tag, struct writer *out)
{
    return tag == DER_UTF8_STRING ? address_form(raw, out) : "not a UTF8String";
}

static const char *form_uri(struct bytes raw, uint8_t tag, struct writer *out)
{
    (void)tag;
    for (size_t i = 0; i < raw.len; i++)
        if (raw.at[i] <= ' ' || raw.at[i] >= 0x7f)
            return "not plain ASCII";
    writer_put(out, raw);
    return NULL;
}

static const char *form_ip(struct bytes raw, uint8_t tag, struct writer *out)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    struct address address;
    char text[ADDRESS_TEXT_MAX];

    (void)tag;
    if (raw.len == sizeof(in.sin_addr)) {
        memcpy(&in.sin_addr, raw.at, raw.len);
        address = address_from_sockaddr((struct sockaddr *)&in, sizeof(in));
    } else if (raw.len == sizeof(in6.sin6_addr)) {
        memcpy(&in6.sin6_addr, raw.at, raw.len);
        address = address_from_sockaddr((struct sockaddr *)&in6, sizeof(in6));
    } else {
        return "neither 4 nor 16 octets";
    }
    address_format(&address, text);
    writer_text(out, text);
    return NULL;
}

static const char *form_oid(struct bytes raw, uint8_t tag, struct writer *out)
{
    char text[DER_OID_TEXT_MAX];

    (void)tag;
    if (!der_oid_text(raw, text))
        return "a malformed object identifier";
    writer_text(out, text);
    return NULL;
}

/* The names that people know (RFC 5280 4.2.1.12, RFC 4556 3.2.4, MS-PKCA). */
static const struct {
    const char *oid, *name;
} usages[] = {
    {"1.3.6.1.5.5.7.3.1", "serverAuth"},    {"1.3.6.1.5.5.7.3.2", "clientAuth"},
    {"1.3.6.1.5.5.7.3.3", "codeSigning"},   {"1.3.6.1.5.5.7.3.4", "emailProtection"},
    {"1.3.6.1.5.5.7.3.8", "timeStamping"},  {"1.3.6.1.5.5.7.3.9", "OCSPSigning"},
    {"1.3.6.1.5.2.3.4", "pkinit"},          {"1.3.6.1.4.1.311.20.2.2", "msScLogin"},
    {"2.5.29.37.0", "anyExtendedKeyUsage"},
};

static const char *form_usage(struct bytes raw, uint8_t tag, struct writer *out)
{
    char text[DER_OID_TEXT_MAX];

    if (tag != DER_OID || !der_oid_text(raw, text))
        return "a malformed object identifier";
    for (size_t i = 0; i < ARRAY_LEN(usages); i++) {
        if (strcmp(usages[i].oid, text) == 0) {
            writer_text(out, usages[i].name);
            return NULL;
        }
    }
    writer_text(out, text);
    return NULL;
}

static const char *form_key_id(struct bytes raw, uint8_t tag, struct writer *out)
{
    return tag == DER_OCTET_STRING ? form_hex(raw, tag, out) : "not an OCTET STRING";
}

#define FIELD(name_, field_, form_, strength_, help_)                                              \
    {                                                                                              \
        .name = (name_), .source = ATTRIBUTE_FIELD, .field = ATTRIBUTE_FIELD_##field_,             \
        .form = (form_), .strength = ATTRIBUTE_##strength_, .help = (help_)                        \
    }
#define SUBJECT(name_, oid_, help_)                                                                \
    {                                                                                              \
        .name = "subject." name_, .source = ATTRIBUTE_SUBJECT, .oid = (oid_), .form = form_string, \
        .help = (help_)                                                                            \
    }
#define ISSUER(name_, oid_, help_)                                                                 \
    {                                                                                              \
        .name = "issuer." name_, .source = ATTRIBUTE_ISSUER, .oid = (oid_), .form = form_string,   \
        .help = (help_)                                                                            \
    }
#define SAN(name_, tag_, form_, help_)                                                             \
    {                                                                                              \
        .name = "san." name_, .source = ATTRIBUTE_SAN, .tag = (tag_), .form = (form_),             \
        .help = (help_)                                                                            \
    }

/* clang-format off */
static const struct attribute attributes[] = {
    FIELD("subject", SUBJECT, form_name, WEAK, "the whole subject, RFC 4514"),
    FIELD("issuer", ISSUER, form_name, HALF, "the whole issuer, RFC 4514"),
    FIELD("serial", SERIAL, form_serial, HALF, "serial number, lower hex; test the issuer beside it"),
    FIELD("not_before", NOT_BEFORE, form_time, WEAK, "begin of validity, 2026-11-24T22:10:00Z"),
    FIELD("not_after", NOT_AFTER, form_time, WEAK, "end of validity"),
    FIELD("cert!sha256", CERT_SHA256, form_hex, STRONG, "SHA-256 of the certificate, lower hex"),
    FIELD("spki!sha256", SPKI_SHA256, form_hex, STRONG, "SHA-256 of the public key; survives renewal"),
    {.name = "cert", .source = ATTRIBUTE_FIELD, .field = ATTRIBUTE_FIELD_CERT, .binary = true,
     .strength = ATTRIBUTE_STRONG, .help = "the certificate itself, for (userCertificate={cert})"},

    SUBJECT("cn", "2.5.4.3", "common name"),
    SUBJECT("uid", "0.9.2342.19200300.100.1.1", "user id"),
    SUBJECT("mail", "1.2.840.113549.1.9.1", "e-mail address in the subject, as it is"),
    SUBJECT("ou", "2.5.4.11", "organizational unit"),
    SUBJECT("o", "2.5.4.10", "organization"),
    SUBJECT("c", "2.5.4.6", "country"),
    SUBJECT("st", "2.5.4.8", "state or province"),
    SUBJECT("l", "2.5.4.7", "locality"),
    SUBJECT("dc", "0.9.2342.19200300.100.1.25", "domain component"),
    SUBJECT("serialnumber", "2.5.4.5", "serial number of a person or device, not of the certificate"),
    SUBJECT("sn", "2.5.4.4", "surname"),
    SUBJECT("givenname", "2.5.4.42", "given name"),
    SUBJECT("title", "2.5.4.12", "title"),
    ISSUER("cn", "2.5.4.3", "common name of the issuer"),
    ISSUER("ou", "2.5.4.11", "organizational unit of the issuer"),
    ISSUER("o", "2.5.4.10", "organization of the issuer"),
    ISSUER("c", "2.5.4.6", "country of the issuer"),

    SAN("email", 1, form_email, "rfc822Name: local part as it is, domain in lower case"),
    SAN("dns", 2, form_dns, "dNSName in lower case; a wildcard is no identity"),
    SAN("dirname", 4, form_name, "directoryName, RFC 4514"),
    SAN("uri", 6, form_uri, "uniformResourceIdentifier as it is"),
    SAN("ip", 7, form_ip, "iPAddress as text (RFC 5952)"),
    SAN("rid", 8, form_oid, "registeredID, dotted"),
    {.name = "san.upn", .source = ATTRIBUTE_SAN_OTHER, .oid = "1.3.6.1.4.1.311.20.2.3", .form = form_upn,
     .help = "user principal name, domain in lower case"},

    {.name = "ski", .source = ATTRIBUTE_EXTENSION, .oid = "2.5.29.14", .form = form_key_id,
     .help = "subject key identifier, lower hex: the issuer may put anything there"},
    {.name = "eku", .source = ATTRIBUTE_EXTENSION, .oid = "2.5.29.37", .form = form_usage, .many = true,
     .help = "extended key usages: clientAuth, ... or dotted"},
};
/* clang-format on */

const struct attribute *attributes_all(size_t *ret_n)
{
    *ret_n = ARRAY_LEN(attributes);
    return attributes;
}

const struct attribute *attribute_find(struct bytes name)
{
    for (size_t i = 0; i < ARRAY_LEN(attributes); i++)
        if (text_equal_nocase(name, bytes_of(attributes[i].name)))
            return &attributes[i];
    return NULL;
}
