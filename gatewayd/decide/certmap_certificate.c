/*
 * Reads a certificate as the rules of SSSD see it. decide and gatewayctl run it after
 * identity_extract has taken the same octets; their issuer may have put anything into them.
 */
#include "gatewayd/decide/certmap_certificate.h"

#include "gatewayd/decide/certmap_san.h"
#include "gatewayd/shared/xalloc.h"

static bool refuse(struct error *err, const char *what)
{
    return err_set(err, REASON_BAD_ENCODING, "certmap: %s", what);
}

/* KeyUsage ::= BIT STRING; bits behind the ninth have no name, and none at all is no usage. */
static bool read_key_usage(struct bytes content, struct certmap_certificate *certificate)
{
    struct reader r = reader_over(content);
    struct reader bits = reader_over(der_expect(&r, DER_BIT_STRING).content);
    unsigned unused = reader_u8(&bits);
    uint32_t usage = 0;

    if (!reader_done(&r) || unused > 7 || reader_left(&bits) == 0)
        return false;
    for (size_t n = 0; reader_left(&bits) > 0 && n < 16; n += 8) {
        uint8_t octet = reader_u8(&bits);

        if (reader_left(&bits) == 0)
            octet &= (uint8_t)(0xff << unused);
        for (unsigned bit = 0; bit < 8; bit++)
            usage |= (octet & (0x80 >> bit)) ? UINT32_C(1) << (n + bit) : 0;
    }
    certificate->key_usage = usage;
    return reader_ok(&bits) && usage != 0;
}

static bool read_usages(struct bytes content, struct certmap_certificate *certificate)
{
    struct reader r = reader_over(content);
    struct reader each = reader_over(der_expect(&r, DER_SEQUENCE).content);

    certificate->usages = xcalloc(CERTMAP_USAGES_MAX, sizeof(*certificate->usages));
    while (reader_left(&each) > 0) {
        struct bytes oid = der_expect(&each, DER_OID).content;

        if (certificate->n_usages == CERTMAP_USAGES_MAX ||
            !der_oid_text(oid, certificate->usages[certificate->n_usages++]))
            return false;
    }
    return reader_done(&r) && reader_done(&each);
}

static bool read_key_id(struct bytes content, struct certmap_certificate *certificate)
{
    struct reader r = reader_over(content);

    certificate->key_id = der_expect(&r, DER_OCTET_STRING).content;
    return reader_done(&r);
}

/* "S-1-" and numbers, as MS-DTYP 2.4.2.1 has it. */
static bool is_sid(struct bytes text)
{
    size_t digits = 0;

    if (text.len < 5 || memcmp(text.at, "S-1-", 4) != 0)
        return false;
    for (size_t i = 4; i < text.len; i++) {
        if (text.at[i] == '-' && digits == 0)
            return false;
        if (text.at[i] != '-' && (text.at[i] < '0' || text.at[i] > '9'))
            return false;
        digits = text.at[i] == '-' ? 0 : digits + 1;
    }
    return digits > 0;
}

/* SEQUENCE OF [0] { OID szOID_NTDS_OBJECTSID, [0] OCTET STRING } (MS-WCCE 2.2.2.7.7.4), one. */
static bool read_sid(struct bytes content, struct certmap_certificate *certificate)
{
    struct reader r = reader_over(content);
    struct reader names = reader_over(der_expect(&r, DER_SEQUENCE).content);
    struct reader name = reader_over(der_expect(&names, DER_CONTEXT_CONSTRUCTED).content);
    struct bytes oid = der_expect(&name, DER_OID).content;
    struct reader value = reader_over(der_expect(&name, DER_CONTEXT_CONSTRUCTED).content);
    char text[DER_OID_TEXT_MAX];

    certificate->sid = der_expect(&value, DER_OCTET_STRING).content;
    if (!is_sid(certificate->sid))
        certificate->sid_why = "not a security identifier";
    return reader_done(&r) && reader_done(&names) && reader_done(&name) && reader_done(&value) &&
           der_oid_text(oid, text) && strcmp(text, "1.3.6.1.4.1.311.25.2.1") == 0;
}

static const struct {
    const char *oid;
    bool (*read)(struct bytes content, struct certmap_certificate *certificate);
    const char *what;
} extensions[] = {
    {"2.5.29.15", read_key_usage, "the key usage is malformed or empty"},
    {"2.5.29.37", read_usages, "the extended key usages are malformed"},
    {"2.5.29.17", certmap_sans_read, "the alternative names are malformed"},
    {"2.5.29.14", read_key_id, "the subject key identifier is malformed"},
    {"1.3.6.1.4.1.311.25.2", read_sid, "the extension with the SID is malformed or has several"},
};

/* Extension ::= SEQUENCE { OID, critical BOOLEAN DEFAULT FALSE, OCTET STRING } */
static bool read_extension(struct reader *r, struct certmap_certificate *certificate,
                           struct error *err)
{
    struct reader parts = reader_over(der_expect(r, DER_SEQUENCE).content);
    struct bytes type = der_expect(&parts, DER_OID).content, content;
    char oid[DER_OID_TEXT_MAX];

    if (der_is_next(&parts, 0x01))
        (void)der_next(&parts);
    content = der_expect(&parts, DER_OCTET_STRING).content;
    if (!reader_done(&parts) || !der_oid_text(type, oid))
        return refuse(err, "an extension is malformed");
    for (size_t i = 0; i < ARRAY_LEN(extensions); i++)
        if (strcmp(extensions[i].oid, oid) == 0 && !extensions[i].read(content, certificate))
            return refuse(err, extensions[i].what);
    return true;
}

static bool read_serial(struct bytes content, struct certmap_certificate *certificate)
{
    if (content.len == 0 || (content.at[0] & 0x80))
        return false;
    while (content.len > 0 && content.at[0] == 0)
        content = (struct bytes){content.at + 1, content.len - 1};
    certificate->serial = content;
    return content.len > 0;
}

static char *name_text(const struct certmap_name *name)
{
    struct writer out = writer_new((size_t)2 * CERTMAP_COMPONENTS_MAX * CERTMAP_NAME_MAX);
    size_t len;

    certmap_name_text(name, (struct certmap_name_form){.ad = false}, &out);
    writer_u8(&out, '\0');
    return (char *)writer_take(&out, &len);
}

/* TBSCertificate (RFC 5280 4.1) up to the subject, then what identity_extract has walked before. */
static bool read_parts(struct reader *tbs, struct certmap_certificate *certificate,
                       struct error *err)
{
    struct bytes serial, issuer, subject;

    if (der_is_next(tbs, DER_CONTEXT_CONSTRUCTED))
        (void)der_next(tbs); /* version */
    serial = der_expect(tbs, DER_INTEGER).content;
    (void)der_expect(tbs, DER_SEQUENCE); /* signature */
    issuer = der_expect(tbs, DER_SEQUENCE).content;
    (void)der_expect(tbs, DER_SEQUENCE); /* validity */
    subject = der_expect(tbs, DER_SEQUENCE).content;
    (void)der_expect(tbs, DER_SEQUENCE); /* subjectPublicKeyInfo */
    if (!reader_ok(tbs))
        return refuse(err, "not a certificate");
    if (!read_serial(serial, certificate))
        return refuse(err, "the serial number is not positive");
    if (!certmap_name_read(issuer, &certificate->issuer) ||
        !certmap_name_read(subject, &certificate->subject))
        return refuse(err, "a name is malformed or has an empty value");
    certificate->issuer_text = name_text(&certificate->issuer);
    certificate->subject_text = name_text(&certificate->subject);
    return (certificate->issuer_text && certificate->subject_text) ||
           refuse(err, "a name is too long");
}

static bool read_all(struct certmap_certificate *certificate, struct error *err)
{
    struct reader file = reader_over(certificate->der);
    struct reader outer = reader_over(der_expect(&file, DER_SEQUENCE).content);
    struct reader tbs = reader_over(der_expect(&outer, DER_SEQUENCE).content);
    struct reader list, each;

    if (!read_parts(&tbs, certificate, err))
        return false;
    for (uint8_t unique = 1; unique <= 2; unique++) /* issuerUniqueID, subjectUniqueID */
        if (der_is_next(&tbs, DER_CONTEXT | unique))
            (void)der_next(&tbs);
    if (reader_done(&tbs))
        return true;
    list = reader_over(der_expect(&tbs, DER_CONTEXT_CONSTRUCTED | 3).content);
    each = reader_over(der_expect(&list, DER_SEQUENCE).content);
    while (reader_left(&each) > 0)
        if (!read_extension(&each, certificate, err))
            return false;
    return (reader_done(&tbs) && reader_done(&list) && reader_done(&each)) ||
           refuse(err, "the extensions are malformed");
}

bool certmap_certificate_read(struct bytes der, struct certmap_certificate **ret_certificate,
                              struct error *err)
{
    AUTO(certmap_certificate_freep)
    struct certmap_certificate *certificate = xcalloc(1, sizeof(*certificate));

    certificate->der = der;
    /* X.509 13.3.2: a certificate without the extension fits every usage. */
    certificate->key_usage = UINT32_MAX;
    if (!read_all(certificate, err))
        return false;
    *ret_certificate = STEAL(certificate);
    return true;
}

struct certmap_certificate *certmap_certificate_free(struct certmap_certificate *certificate)
{
    if (!certificate)
        return NULL;
    certmap_name_clear(&certificate->issuer);
    certmap_name_clear(&certificate->subject);
    free(certificate->issuer_text);
    free(certificate->subject_text);
    free(certificate->usages);
    for (size_t i = 0; i < certificate->n_sans; i++) {
        certmap_name_clear(&certificate->sans[i].name);
        free(certificate->sans[i].own);
    }
    free(certificate->sans);
    free(certificate);
    return NULL;
}
