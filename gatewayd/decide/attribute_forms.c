/*
 * Canonical forms of fields, components and extensions. decide and gatewayctl run them on octets
 * that a certificate's issuer chose; a form that doubts refuses.
 */
#include "gatewayd/decide/attribute_forms.h"

#include "common/text.h"
#include "gatewayd/decide/dn.h"
#include "gatewayd/decide/oids.h"

const char *form_string(struct bytes raw, uint8_t tag, struct writer *out)
{
    return der_string(tag, raw, out) ? NULL : "not a string of its type";
}

const char *form_name(struct bytes raw, uint8_t tag, struct writer *out)
{
    (void)tag;
    if (raw.len == 0)
        return attribute_none;
    return dn_text(raw, out) ? NULL : "a malformed distinguished name";
}

const char *form_hex(struct bytes raw, uint8_t tag, struct writer *out)
{
    (void)tag;
    der_put_hex(raw, out);
    return NULL;
}

/*
 * Minimal big-endian without the sign octet; zero and negative ones break RFC 5280 4.1.2.2, a
 * superfluous zero in front breaks DER (X.690 8.3.2).
 */
const char *form_serial(struct bytes raw, uint8_t tag, struct writer *out)
{
    if (raw.len == 0 || (raw.at[0] & 0x80))
        return "negative or empty";
    if (raw.len == 1 && raw.at[0] == 0)
        return "zero";
    if (raw.at[0] == 0 && !(raw.at[1] & 0x80))
        return "more octets than needed";
    if (raw.at[0] == 0)
        raw = (struct bytes){raw.at + 1, raw.len - 1};
    return form_hex(raw, tag, out);
}

const char *form_time(struct bytes raw, uint8_t tag, struct writer *out)
{
    char text[32];
    int64_t seconds;

    if (!der_time_s(tag, raw, &seconds))
        return "not a time of RFC 5280";
    text_format_time_ms(seconds * 1000, text);
    text[19] = '\0'; /* without the milliseconds */
    writer_text(out, text);
    writer_u8(out, 'Z');
    return NULL;
}

const char *form_oid(struct bytes raw, uint8_t tag, struct writer *out)
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
    struct bytes oid;
    const char *name;
} usages[] = {
    {OID(OID_USAGE "\x01"), "serverAuth"},
    {OID(OID_USAGE "\x02"), "clientAuth"},
    {OID(OID_USAGE "\x03"), "codeSigning"},
    {OID(OID_USAGE "\x04"), "emailProtection"},
    {OID(OID_USAGE "\x08"), "timeStamping"},
    {OID(OID_USAGE "\x09"), "OCSPSigning"},
    {OID(OID_PKINIT), "pkinit"},
    {OID(OID_MS_SC_LOGIN), "msScLogin"},
    {OID(OID_EKU "\x00"), "anyExtendedKeyUsage"}, /* satisfies nothing but itself */
};

const char *form_usage(struct bytes raw, uint8_t tag, struct writer *out)
{
    if (tag != DER_OID)
        return "a malformed object identifier";
    for (size_t i = 0; i < ARRAY_LEN(usages); i++) {
        if (bytes_equal(usages[i].oid, raw)) {
            writer_text(out, usages[i].name);
            return NULL;
        }
    }
    return form_oid(raw, tag, out);
}

/* KeyUsage ::= BIT STRING, RFC 5280 4.2.1.3 */
const char *form_usage_bit(size_t n)
{
    static const char *const names[] = {"digitalSignature", "nonRepudiation", "keyEncipherment",
                                        "dataEncipherment", "keyAgreement",   "keyCertSign",
                                        "cRLSign",          "encipherOnly",   "decipherOnly"};

    return n < ARRAY_LEN(names) ? names[n] : NULL;
}

const char *form_key_id(struct bytes raw, uint8_t tag, struct writer *out)
{
    return tag == DER_OCTET_STRING ? form_hex(raw, tag, out) : "not an OCTET STRING";
}

/* AuthorityKeyIdentifier ::= SEQUENCE { keyIdentifier [0] OPTIONAL, ... }, RFC 5280 4.2.1.1 */
const char *form_authority(struct bytes raw, uint8_t tag, struct writer *out)
{
    struct reader r = reader_over(raw);

    if (tag != DER_SEQUENCE)
        return "not a SEQUENCE";
    if (!der_is_next(&r, DER_CONTEXT))
        return attribute_none;
    return form_hex(der_next(&r).content, tag, out);
}

/* PolicyInformation ::= SEQUENCE { policyIdentifier OID, qualifiers OPTIONAL }, 4.2.1.4 */
const char *form_policy(struct bytes raw, uint8_t tag, struct writer *out)
{
    struct reader r = reader_over(raw);
    struct der oid = der_expect(&r, DER_OID);

    if (tag != DER_SEQUENCE || !reader_ok(&r))
        return "a malformed policy";
    return form_oid(oid.content, oid.tag, out);
}
