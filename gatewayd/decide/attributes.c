/*
 * The attribute table. decide and gatewayctl run its forms on octets that a certificate's issuer
 * chose; a form that doubts refuses.
 */
#include "gatewayd/decide/attributes.h"

#include "common/text.h"
#include "gatewayd/decide/attribute_forms.h"
#include "gatewayd/decide/der.h"
#include "gatewayd/decide/oids.h"

const char attribute_none[] = "";

enum { LONG_VALUE_MAX = 2048 }; /* octets of whole names and of SPIFFE IDs (SPIFFE ID 2.3) */

#define FIELD(name_, field_, form_, kind_, strength_, help_)                                       \
    {                                                                                              \
        .name = (name_), .source = ATTRIBUTE_FIELD, .field = ATTRIBUTE_FIELD_##field_,             \
        .kind = ATTRIBUTE_##kind_, .form = (form_), .strength = ATTRIBUTE_##strength_,             \
        .max = LONG_VALUE_MAX, .help = (help_)                                                     \
    }
/* Octets that have no text: hashed by a conversion, or looked for as they are. */
#define BINARY(name_, field_, help_)                                                               \
    {                                                                                              \
        .name = (name_), .source = ATTRIBUTE_FIELD, .field = ATTRIBUTE_FIELD_##field_,             \
        .kind = ATTRIBUTE_DIGEST, .binary = true, .strength = ATTRIBUTE_STRONG, .help = (help_)    \
    }
#define SAN(name_, tag_, form_, ...)                                                               \
    {                                                                                              \
        .name = (name_), .source = ATTRIBUTE_SAN, .tag = (tag_), .form = (form_), __VA_ARGS__      \
    }
#define OTHER(name_, oid_, form_, ...)                                                             \
    {                                                                                              \
        .name = (name_), .source = ATTRIBUTE_SAN_OTHER, .oid = OID(oid_), .form = (form_),         \
        __VA_ARGS__                                                                                \
    }
#define TPM(name_, oid_, help_)                                                                    \
    {                                                                                              \
        .name = (name_), .source = ATTRIBUTE_SAN_DIRECTORY, .oid = OID(oid_), .form = form_string, \
        .single = true, .help = (help_)                                                            \
    }
#define DEVICE(name_, number_, help_)                                                              \
    {                                                                                              \
        .name = (name_), .source = ATTRIBUTE_SUBJECT, .oid = OID(OID_TELEPORT number_),            \
        .form = form_string, .single = true, .help = (help_)                                       \
    }
#define EXTENSION(name_, oid_, form_, ...)                                                         \
    {                                                                                              \
        .name = (name_), .source = ATTRIBUTE_EXTENSION, .oid = OID(oid_), .form = (form_),         \
        __VA_ARGS__                                                                                \
    }

/* clang-format off */
static const struct attribute attributes[] = {
    FIELD("subject", SUBJECT, form_name, NAME, WEAK, "the whole subject, RFC 4514"),
    FIELD("issuer", ISSUER, form_name, NAME, HALF, "the whole issuer, RFC 4514"),
    FIELD("serial", SERIAL, form_serial, NUMBER, HALF, "serial number, lower hex; test the issuer beside it"),
    FIELD("not_before", NOT_BEFORE, form_time, TEXT, WEAK, "begin of validity, 2026-11-24T22:10:00Z"),
    FIELD("not_after", NOT_AFTER, form_time, TEXT, WEAK, "end of validity"),
    FIELD("cert!sha256", CERT_SHA256, form_hex, OCTETS, STRONG, "SHA-256 of the certificate, lower hex"),
    FIELD("spki!sha256", SPKI_SHA256, form_hex, OCTETS, STRONG, "SHA-256 of the public key; survives renewal"),
    BINARY("cert", CERT, "the certificate itself, for (userCertificate={cert})"),
    BINARY("spki", SPKI, "its SubjectPublicKeyInfo"),
    BINARY("pubkey", PUBKEY, "the bits of its key, without algorithm: what key identifiers hash"),

#define DN_TYPE(name_, oid_, text_, help_)                                                         \
    {.name = "subject." name_, .source = ATTRIBUTE_SUBJECT, .oid = OID(oid_), .form = form_string, \
     .help = help_ " of the subject"},
#include "gatewayd/decide/dn_types.h"
#undef DN_TYPE
    DEVICE("device.id", "\x01", "device id in the subject (Teleport)"),
    DEVICE("device.tag", "\x02", "asset tag in the subject (Teleport)"),
    DEVICE("device.credential", "\x03", "credential id in the subject (Teleport)"),
    {.name = "subject.", .source = ATTRIBUTE_SUBJECT, .open = true, .form = form_string,
     .help = "any other component by its identifier"},
#define DN_TYPE(name_, oid_, text_, help_)                                                         \
    {.name = "issuer." name_, .source = ATTRIBUTE_ISSUER, .oid = OID(oid_), .form = form_string,   \
     .help = help_ " of the issuer"},
#include "gatewayd/decide/dn_types.h"
#undef DN_TYPE
    {.name = "issuer.", .source = ATTRIBUTE_ISSUER, .open = true, .form = form_string,
     .help = "any other component by its identifier"},

    SAN("san.email", 0x81, form_email, .help = "rfc822Name: local part as it is, domain in lower case"),
    SAN("san.dns", 0x82, form_dns, .help = "dNSName in lower case; a wildcard is no identity"),
    SAN("san.x400", 0xa3, NULL, .binary = true, .shown = true, .help = "x400Address: only shown"),
    SAN("san.dirname", 0xa4, form_name, .kind = ATTRIBUTE_NAME, .help = "directoryName, RFC 4514"),
    SAN("san.ediparty", 0xa5, NULL, .binary = true, .shown = true, .help = "ediPartyName: only shown"),
    SAN("san.uri", 0x86, form_uri, .help = "uniformResourceIdentifier as it is"),
    SAN("spiffe_id", 0x86, form_spiffe, .max = LONG_VALUE_MAX, .single = true, .by_ca = true,
        .help = "SPIFFE ID: the only URI, of a certificate that signs no others"),
    SAN("sid_uri", 0x86, form_sid_uri, .single = true, .by_ca = true, .kind = ATTRIBUTE_SID,
        .help = "SID in a URI tag:microsoft.com,2022-09-14:sid:..."),
    SAN("uuid", 0x86, form_uuid, .help = "UUID in a URI urn:uuid:..., lower case"),
    SAN("san.ip", 0x87, form_ip, .help = "iPAddress as text (RFC 5952)"),
    SAN("san.rid", 0x88, form_oid, .help = "registeredID, dotted"),
    OTHER("san.upn", OID_MS_UPN, form_upn, .help = "user principal name, domain in lower case"),
    OTHER("san.krb5", OID_KRB5_NAME, form_krb5, .help = "Kerberos principal, escaped as krb5_unparse_name does"),
    OTHER("san.email8", OID_SMTP_UTF8, form_email8, .help = "SmtpUTF8Mailbox: an address whose local part is not ASCII"),
    OTHER("hwmodule", OID_HWMODULE, form_hwmodule, .help = "hardware module: type:serial number in hex"),
    OTHER("permid", OID_PERMID, form_permid, .help = "permanent identifier: assigner:value"),
    OTHER("fascn", OID_FASCN, form_fascn, .kind = ATTRIBUTE_CARD, .help = "FASC-N of a PIV card, lower hex"),
    {.name = "san.other.", .source = ATTRIBUTE_SAN_OTHER, .open = true, .form = form_string,
     .help = "any other otherName by its identifier; strings, or !der"},
    TPM("tpm.mfr", OID_TCG_MFR, "manufacturer of a TPM, in a directoryName"),
    TPM("tpm.model", OID_TCG_MODEL, "model of a TPM"),
    TPM("tpm.version", OID_TCG_VERSION, "version of a TPM"),

    EXTENSION("ski", OID_SKI, form_key_id, .kind = ATTRIBUTE_OCTETS, .by_ca = true,
              .help = "subject key identifier, lower hex: the issuer may put anything there"),
    EXTENSION("aki", OID_AKI, form_authority, .kind = ATTRIBUTE_OCTETS, .help = "authority key identifier, lower hex"),
    EXTENSION("ku", OID_KEY_USAGE, NULL, .shape = ATTRIBUTE_BITS, .help = "key usages: digitalSignature, ..."),
    EXTENSION("eku", OID_EKU, form_usage, .shape = ATTRIBUTE_EACH,
              .help = "extended key usages: clientAuth, ... or dotted"),
    EXTENSION("policy", OID_POLICIES, form_policy, .shape = ATTRIBUTE_EACH, .help = "certificate policies, dotted"),
    EXTENSION("sid", OID_MS_SID_EXT, form_sid, .shape = ATTRIBUTE_EACH, .kind = ATTRIBUTE_SID,
              .strength = ATTRIBUTE_STRONG, .single = true, .help = "SID that Active Directory has certified"),
    EXTENSION("sid.rid", OID_MS_SID_EXT, form_sid_rid, .shape = ATTRIBUTE_EACH, .single = true,
              .help = "the last number of this SID"),
};
/* clang-format on */

const struct attribute *attributes_all(size_t *ret_n)
{
    *ret_n = ARRAY_LEN(attributes);
    return attributes;
}

/* The first row of this source or a later one; the rows stand in order. */
static size_t first_of(enum attribute_source source)
{
    size_t low = 0, high = ARRAY_LEN(attributes);

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (attributes[middle].source < source)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct attribute *attributes_of(enum attribute_source source, size_t *ret_n)
{
    size_t first = first_of(source);

    *ret_n = first_of(source + 1) - first;
    return attributes + first;
}

const struct attribute *attribute_find(struct bytes name)
{
    for (size_t i = 0; i < ARRAY_LEN(attributes); i++)
        if (!attributes[i].open && !attributes[i].shown &&
            text_equal_nocase(name, bytes_of(attributes[i].name)))
            return &attributes[i];
    return NULL;
}
