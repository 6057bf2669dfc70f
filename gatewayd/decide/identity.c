/*
 * Walks one certificate and collects the values of all attributes. decide runs it once per
 * certificate (identity_cache.c), gatewayctl on files. Trusts nothing: signatures say who made the
 * octets, not that they are well made.
 */
#include "gatewayd/decide/identity_build.h"

#include "gatewayd/decide/attribute_forms.h"
#include "gatewayd/decide/oids.h"
#include "gatewayd/shared/xalloc.h"

#include <openssl/sha.h>

enum { EXTENSIONS_MAX = 64 /* usual ones have 10; our choice */ };

struct certificate {
    struct der serial, issuer, not_before, not_after, subject, spki, key, extensions;
};

static struct der element_of(const void *at, size_t len)
{
    struct bytes octets = {at, len};

    return (struct der){.content = octets, .whole = octets};
}

static struct der field_of(const struct build *build, const struct certificate *certificate,
                           enum attribute_field field)
{
    switch (field) {
    case ATTRIBUTE_FIELD_SUBJECT:
        return certificate->subject;
    case ATTRIBUTE_FIELD_ISSUER:
        return certificate->issuer;
    case ATTRIBUTE_FIELD_SERIAL:
        return certificate->serial;
    case ATTRIBUTE_FIELD_NOT_BEFORE:
        return certificate->not_before;
    case ATTRIBUTE_FIELD_NOT_AFTER:
        return certificate->not_after;
    case ATTRIBUTE_FIELD_CERT:
        return element_of(build->identity->der.at, build->identity->der.len);
    case ATTRIBUTE_FIELD_CERT_SHA256:
        return element_of(build->identity->sha256.octets, HASH_LEN);
    case ATTRIBUTE_FIELD_SPKI:
        return element_of(certificate->spki.whole.at, certificate->spki.whole.len);
    case ATTRIBUTE_FIELD_PUBKEY:
        return certificate->key;
    case ATTRIBUTE_FIELD_SPKI_SHA256:
        return element_of(build->identity->spki_sha256.octets, HASH_LEN);
    case ATTRIBUTE_FIELD_NONE:
        break;
    }
    return (struct der){0};
}

/* An empty subject is allowed (RFC 5280 4.1.2.6): then there is no value. */
static void add_fields(struct build *build, const struct certificate *certificate)
{
    size_t n;
    const struct attribute *rows = attributes_of(ATTRIBUTE_FIELD, &n);

    for (size_t i = 0; i < n; i++) {
        struct der element = field_of(build, certificate, rows[i].field);

        if (element.content.len > 0)
            (void)build_value(build, &rows[i], element);
    }
}

/* BIT STRING: the octet of unused bits, then the bits; unused ones must be zero (X.690 11.2). */
static bool bits_are_good(struct bytes bits)
{
    return bits.len >= 1 && bits.at[0] < 8 && (bits.len > 1 || bits.at[0] == 0) &&
           (bits.len == 1 || (bits.at[bits.len - 1] & ((1u << bits.at[0]) - 1)) == 0);
}

static bool bit(struct bytes bits, size_t n)
{
    return bits.len > 1 + n / 8 && (bits.at[1 + n / 8] & (0x80u >> n % 8)) != 0;
}

enum { BIT_CERT_SIGN = 5, BIT_CRL_SIGN = 6 };

static void add_bits(struct build *build, const struct attribute *attribute, struct der element)
{
    const char *name;

    if (element.tag != DER_BIT_STRING || !bits_are_good(element.content)) {
        build->malformed = true;
        (void)build_fault(build, attribute, element, "a malformed bit string");
        return;
    }
    for (size_t n = 0; (name = form_usage_bit(n)); n++)
        if (bit(element.content, n))
            build_word(build, attribute, element, name);
    build->signs =
        build->signs || bit(element.content, BIT_CERT_SIGN) || bit(element.content, BIT_CRL_SIGN);
}

/* BasicConstraints ::= SEQUENCE { cA BOOLEAN DEFAULT FALSE, ... }, RFC 5280 4.2.1.9 */
static void note_constraints(struct build *build, struct bytes content)
{
    struct reader r = reader_over(content);
    struct reader parts = reader_over(der_expect(&r, DER_SEQUENCE).content);

    if (der_is_next(&parts, DER_BOOLEAN)) {
        struct bytes flag = der_next(&parts).content;

        build->signs = build->signs || flag.len != 1 || flag.at[0] != 0;
    }
    build->malformed = build->malformed || !reader_done(&r) || !reader_ok(&parts);
}

static void add_extension(struct build *build, const struct attribute *attribute,
                          struct bytes content)
{
    struct reader r = reader_over(content);
    struct der whole = der_next(&r);
    struct reader each = reader_over(whole.content);
    bool list = attribute->shape == ATTRIBUTE_EACH;

    if (!reader_done(&r) || (list && (whole.tag != DER_SEQUENCE || whole.content.len == 0))) {
        build->malformed = true;
        (void)build_fault(build, attribute, element_of(content.at, content.len),
                          "a malformed extension");
        return;
    }
    if (attribute->shape == ATTRIBUTE_BITS)
        add_bits(build, attribute, whole);
    else if (!list)
        (void)build_value(build, attribute, whole);
    while (list && reader_left(&each) > 0)
        (void)build_value(build, attribute, der_next(&each));
}

/* Extension ::= SEQUENCE { OID, critical BOOLEAN DEFAULT FALSE, OCTET STRING } */
static bool next_extension(struct reader *r, struct bytes *ret_oid, struct bytes *ret_content)
{
    struct reader parts = reader_over(der_expect(r, DER_SEQUENCE).content);

    *ret_oid = der_expect(&parts, DER_OID).content;
    if (der_is_next(&parts, DER_BOOLEAN))
        (void)der_next(&parts);
    *ret_content = der_expect(&parts, DER_OCTET_STRING).content;
    return reader_done(&parts) && der_oid_is_good(*ret_oid);
}

static void add_rows(struct build *build, struct bytes oid, struct bytes content)
{
    static const struct bytes san = OID(OID_SAN), constraints = OID(OID_BASIC_CONSTRAINTS);
    size_t n;
    const struct attribute *rows = attributes_of(ATTRIBUTE_EXTENSION, &n);

    if (bytes_equal(oid, san))
        build_alternative_names(build, content);
    if (bytes_equal(oid, constraints))
        note_constraints(build, content);
    for (size_t i = 0; i < n; i++)
        if (bytes_equal(rows[i].oid, oid))
            add_extension(build, &rows[i], content);
}

static bool add_extensions(struct build *build, struct bytes content, struct error *err)
{
    struct reader outer = reader_over(content);
    struct reader r = reader_over(der_expect(&outer, DER_SEQUENCE).content);
    struct bytes seen[EXTENSIONS_MAX];
    size_t n = 0;

    while (reader_left(&r) > 0) {
        struct bytes value;

        if (n == EXTENSIONS_MAX || !next_extension(&r, &seen[n], &value))
            return err_set(err, REASON_CERT_MALFORMED, "extension %zu", n + 1);
        for (size_t i = 0; i < n; i++)
            if (bytes_equal(seen[i], seen[n])) /* RFC 5280 4.2 */
                return err_set(err, REASON_CERT_MALFORMED, "extension %zu is there twice", i + 1);
        add_rows(build, seen[n++], value);
    }
    if (!reader_done(&r) || !reader_done(&outer))
        return err_set(err, REASON_CERT_MALFORMED, "extensions");
    return true;
}

/* SubjectPublicKeyInfo ::= SEQUENCE { algorithm, BIT STRING }: the bits of whole octets. */
static bool key_of(struct bytes spki, struct der *ret_key)
{
    struct reader r = reader_over(spki);
    struct bytes bits;

    (void)der_expect(&r, DER_SEQUENCE);
    bits = der_expect(&r, DER_BIT_STRING).content;
    if (!reader_done(&r) || bits.len < 2 || bits.at[0] != 0)
        return false;
    *ret_key = element_of(bits.at + 1, bits.len - 1);
    return true;
}

/* RFC 5280 4.1 */
static bool walk(struct bytes der, struct certificate *ret_certificate)
{
    struct reader file = reader_over(der);
    struct reader outer = reader_over(der_expect(&file, DER_SEQUENCE).content);
    struct reader tbs = reader_over(der_expect(&outer, DER_SEQUENCE).content);
    struct reader validity;

    (void)der_expect(&outer, DER_SEQUENCE);
    (void)der_expect(&outer, DER_BIT_STRING);
    if (der_is_next(&tbs, DER_CONTEXT_CONSTRUCTED))
        (void)der_next(&tbs);
    ret_certificate->serial = der_expect(&tbs, DER_INTEGER);
    (void)der_expect(&tbs, DER_SEQUENCE);
    ret_certificate->issuer = der_expect(&tbs, DER_SEQUENCE);
    validity = reader_over(der_expect(&tbs, DER_SEQUENCE).content);
    ret_certificate->not_before = der_next(&validity);
    ret_certificate->not_after = der_next(&validity);
    ret_certificate->subject = der_expect(&tbs, DER_SEQUENCE);
    ret_certificate->spki = der_expect(&tbs, DER_SEQUENCE);
    for (uint8_t unique = 1; unique <= 2; unique++) /* issuerUniqueID, subjectUniqueID */
        if (der_is_next(&tbs, DER_CONTEXT | unique))
            (void)der_next(&tbs);
    ret_certificate->extensions = (struct der){0};
    if (reader_left(&tbs) > 0)
        ret_certificate->extensions = der_expect(&tbs, DER_CONTEXT_CONSTRUCTED | 3);
    return reader_done(&file) && reader_done(&outer) && reader_done(&tbs) &&
           reader_done(&validity) && key_of(ret_certificate->spki.content, &ret_certificate->key);
}

static bool collect(struct build *build, const struct certificate *certificate, struct error *err)
{
    struct identity *identity = build->identity;

    if (!der_time_s(certificate->not_before.tag, certificate->not_before.content,
                    &identity->not_before_s) ||
        !der_time_s(certificate->not_after.tag, certificate->not_after.content,
                    &identity->not_after_s))
        return err_set(err, REASON_CERT_MALFORMED, "validity");
    SHA256(identity->der.at, identity->der.len, identity->sha256.octets);
    SHA256(certificate->spki.whole.at, certificate->spki.whole.len, identity->spki_sha256.octets);
    identity->issuer = certificate->issuer.whole;
    identity->subject = certificate->subject.whole;
    add_fields(build, certificate);
    if (!build_name(build, ATTRIBUTE_SUBJECT, certificate->subject.content))
        return err_set(err, REASON_CERT_MALFORMED, "subject");
    if (!build_name(build, ATTRIBUTE_ISSUER, certificate->issuer.content))
        return err_set(err, REASON_CERT_MALFORMED, "issuer");
    if (certificate->extensions.tag && !add_extensions(build, certificate->extensions.content, err))
        return false;
    if (build->overflow || !writer_ok(&build->texts))
        return err_set(err, REASON_CERT_MALFORMED, "more than %d values", IDENTITY_VALUES_MAX);
    return true;
}

bool identity_extract(struct bytes der, struct identity **ret_identity, struct error *err)
{
    AUTO(identity_unrefp) struct identity *identity = xcalloc(1, sizeof(*identity));
    AUTO(build_clear) struct build build = build_over(identity);
    struct certificate certificate;

    identity->refs = 1;
    if (der.len > MESSAGE_CERTIFICATE_MAX)
        return err_set(err, REASON_CERT_MALFORMED, "a certificate of %zu octets", der.len);
    identity->der = xbytes(der);
    if (!walk(identity->der, &certificate))
        return err_set(err, REASON_CERT_MALFORMED, "%zu octets that are no certificate", der.len);
    if (!collect(&build, &certificate, err))
        return false;
    build_settle(&build);
    *ret_identity = STEAL(identity);
    return true;
}

struct identity *identity_ref(struct identity *identity)
{
    identity->refs++;
    return identity;
}

struct identity *identity_unref(struct identity *identity)
{
    if (!identity || --identity->refs > 0)
        return NULL;
    free((void *)identity->der.at);
    free(identity->values);
    free(identity->texts);
    free(identity);
    return NULL;
}

const struct identity_value *identity_next(const struct identity *identity,
                                           const struct attribute *attribute,
                                           const struct identity_value *after)
{
    size_t i = after ? (size_t)(after - identity->values) + 1 : 0;

    for (; i < identity->n_values; i++)
        if (identity->values[i].attribute == attribute)
            return &identity->values[i];
    return NULL;
}

struct bytes identity_whole(const struct identity_value *value)
{
    if (value->header_len == 0)
        return (struct bytes){0};
    return (struct bytes){value->raw.at - value->header_len, value->raw.len + value->header_len};
}

struct bytes identity_text(const struct identity *identity, const char *name)
{
    const struct attribute *attribute = attribute_find(bytes_of(name));
    const struct identity_value *value =
        attribute ? identity_next(identity, attribute, NULL) : NULL;

    return value ? value->text : (struct bytes){0};
}
