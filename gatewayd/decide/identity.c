/*
 * Walks one certificate and collects the values of all attributes. decide runs it once per
 * certificate (identity_cache.c), gatewayctl on files. Trusts nothing: signatures say who made the
 * octets, not that they are well made.
 */
#include "gatewayd/decide/identity.h"

#include "common/text.h"
#include "gatewayd/decide/dn.h"
#include "gatewayd/shared/xalloc.h"

#include <openssl/sha.h>

enum { TEXTS_MAX = 256 * 1024, EXTENSIONS_MAX = 64 };

static const char oid_san[] = "2.5.29.17";

/* An identity in the making. */
struct build {
    struct identity *identity;
    struct writer texts;   /* of all values, each terminated */
    struct writer scratch; /* the form of one value */
    size_t *text_at;       /* where the text of a value begins */
    size_t room;
    bool overflow;
};

struct certificate {
    struct der serial, issuer, not_before, not_after, subject, spki, extensions;
};

static struct identity_value *add(struct build *build, const struct attribute *attribute,
                                  struct bytes raw)
{
    struct identity *identity = build->identity;

    if (identity->n_values >= IDENTITY_VALUES_MAX) {
        build->overflow = true;
        return NULL;
    }
    if (identity->n_values == build->room) {
        build->room = build->room ? 2 * build->room : 32;
        identity->values = xrealloc(identity->values, build->room, sizeof(*identity->values));
        build->text_at = xrealloc(build->text_at, build->room, sizeof(*build->text_at));
    }
    build->text_at[identity->n_values] = build->texts.len;
    identity->values[identity->n_values] =
        (struct identity_value){.attribute = attribute, .raw = raw};
    return &identity->values[identity->n_values++];
}

static void add_fault(struct build *build, const struct attribute *attribute, struct bytes raw,
                      enum reason fault, const char *why)
{
    struct identity_value *value = add(build, attribute, raw);

    if (value) {
        value->fault = fault;
        value->why = why;
    }
}

/* What is wrong with the form in scratch, or NULL. */
static const char *check_form(const struct build *build, size_t max)
{
    struct bytes text = writer_bytes(&build->scratch);

    if (!writer_ok(&build->scratch) || text.len > max)
        return "too long";
    if (text.len == 0)
        return "empty";
    return text_is_clean(text) ? NULL : "a NUL, a control character or malformed UTF-8";
}

static void add_value(struct build *build, const struct attribute *attribute, struct der element)
{
    size_t max = attribute->form && attribute->source == ATTRIBUTE_FIELD ? IDENTITY_NAME_MAX
                                                                         : IDENTITY_VALUE_MAX;
    struct identity_value *value;
    const char *why;

    if (attribute->binary) {
        (void)add(build, attribute, element.whole);
        return;
    }
    writer_reset(&build->scratch);
    why = attribute->form(element.content, element.tag, &build->scratch);
    if (!why)
        why = check_form(build, max);
    if (why) {
        add_fault(build, attribute, element.content, REASON_BAD_ENCODING, why);
        return;
    }
    value = add(build, attribute, element.content);
    if (!value)
        return;
    value->text.len = build->scratch.len;
    writer_put(&build->texts, writer_bytes(&build->scratch));
    writer_u8(&build->texts, '\0');
}

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
    const struct attribute *rows = attributes_all(&n);

    for (size_t i = 0; i < n; i++) {
        struct der element;

        if (rows[i].source != ATTRIBUTE_FIELD)
            continue;
        element = field_of(build, certificate, rows[i].field);
        if (element.content.len > 0)
            add_value(build, &rows[i], element);
    }
}

static void add_component(struct build *build, enum attribute_source source,
                          const struct dn_component *component)
{
    size_t n;
    const struct attribute *rows = attributes_all(&n);

    for (size_t i = 0; i < n; i++) {
        if (rows[i].source != source || strcmp(rows[i].oid, component->oid) != 0)
            continue;
        if (component->shared)
            add_fault(build, &rows[i], component->value.content, REASON_MULTI_VALUE,
                      "one of several in a relative name");
        else
            add_value(build, &rows[i], component->value);
    }
}

static bool add_name(struct build *build, enum attribute_source source, struct bytes name)
{
    struct dn_walk walk = dn_walk(name);
    struct dn_component component;

    while (dn_next(&walk, &component))
        add_component(build, source, &component);
    return dn_walk_ok(&walk);
}

/* otherName ::= [0] { type-id OID, value [0] EXPLICIT ANY } */
static bool other_name(struct bytes content, char oid[DER_OID_TEXT_MAX], struct der *ret_value)
{
    struct reader r = reader_over(content);
    struct der type = der_expect(&r, DER_OID);
    struct reader inner = reader_over(der_expect(&r, DER_CONTEXT_CONSTRUCTED).content);
    struct der value = der_next(&inner);

    if (!reader_done(&r) || !reader_done(&inner) || !der_oid_text(type.content, oid))
        return false;
    *ret_value = value;
    return true;
}

/* directoryName is EXPLICIT, because Name is a CHOICE (X.680 31.2.7); all others are IMPLICIT. */
static bool directory_name(struct der *name)
{
    struct reader r = reader_over(name->content);
    struct der inner = der_expect(&r, DER_SEQUENCE);

    *name = inner;
    return reader_done(&r);
}

static bool add_general_name(struct build *build, struct der name)
{
    char oid[DER_OID_TEXT_MAX] = "";
    uint8_t number = name.tag & 0x1f;
    size_t n;
    const struct attribute *rows = attributes_all(&n);

    if ((name.tag & 0xc0) != 0x80)
        return false;
    if ((number == 0 && !other_name(name.content, oid, &name)) ||
        (number == 4 && !directory_name(&name)))
        return false;
    for (size_t i = 0; i < n; i++)
        if ((rows[i].source == ATTRIBUTE_SAN && number != 0 && rows[i].tag == number) ||
            (rows[i].source == ATTRIBUTE_SAN_OTHER && number == 0 && strcmp(rows[i].oid, oid) == 0))
            add_value(build, &rows[i], name);
    return true;
}

/* Why the alternative names cannot be used, or NULL. */
static const char *add_general_names(struct build *build, struct bytes content)
{
    struct reader r = reader_over(content);
    struct reader names = reader_over(der_expect(&r, DER_SEQUENCE).content);
    size_t count = 0;

    if (!reader_done(&r))
        return "malformed alternative names";
    while (reader_left(&names) > 0) {
        if (++count > IDENTITY_SANS_MAX)
            return "too many alternative names";
        if (!add_general_name(build, der_next(&names)))
            return "a malformed alternative name";
    }
    return reader_done(&names) ? NULL : "malformed alternative names";
}

static void add_alternative_names(struct build *build, struct bytes content)
{
    const char *why = add_general_names(build, content);
    size_t n;
    const struct attribute *rows = attributes_all(&n);

    for (size_t i = 0; why && i < n; i++)
        if (rows[i].source == ATTRIBUTE_SAN || rows[i].source == ATTRIBUTE_SAN_OTHER)
            add_fault(build, &rows[i], content, REASON_BAD_ENCODING, why);
}

static void add_extension(struct build *build, const struct attribute *attribute,
                          struct bytes content)
{
    struct reader r = reader_over(content);
    struct der whole = der_next(&r);
    struct reader each = reader_over(whole.content);

    if (!reader_done(&r) || (attribute->many && whole.tag != DER_SEQUENCE)) {
        add_fault(build, attribute, content, REASON_BAD_ENCODING, "a malformed extension");
        return;
    }
    if (!attribute->many) {
        add_value(build, attribute, whole);
        return;
    }
    while (reader_left(&each) > 0)
        add_value(build, attribute, der_next(&each));
}

/* Extension ::= SEQUENCE { OID, critical BOOLEAN DEFAULT FALSE, OCTET STRING } */
static bool next_extension(struct reader *r, char oid[DER_OID_TEXT_MAX], struct bytes *ret_content)
{
    struct reader parts = reader_over(der_expect(r, DER_SEQUENCE).content);
    struct der type = der_expect(&parts, DER_OID);

    if (der_is_next(&parts, 0x01))
        (void)der_next(&parts);
    *ret_content = der_expect(&parts, DER_OCTET_STRING).content;
    return reader_done(&parts) && der_oid_text(type.content, oid);
}

static void add_rows(struct build *build, const char *oid, struct bytes content)
{
    size_t n;
    const struct attribute *rows = attributes_all(&n);

    if (strcmp(oid, oid_san) == 0)
        add_alternative_names(build, content);
    for (size_t i = 0; i < n; i++)
        if (rows[i].source == ATTRIBUTE_EXTENSION && strcmp(rows[i].oid, oid) == 0)
            add_extension(build, &rows[i], content);
}

static bool add_extensions(struct build *build, struct bytes content, struct error *err)
{
    struct reader outer = reader_over(content);
    struct reader r = reader_over(der_expect(&outer, DER_SEQUENCE).content);
    char seen[EXTENSIONS_MAX][DER_OID_TEXT_MAX];
    size_t n = 0;

    while (reader_left(&r) > 0) {
        struct bytes value;

        if (n == EXTENSIONS_MAX || !next_extension(&r, seen[n], &value))
            return err_set(err, REASON_CERT_MALFORMED, "extension %zu", n + 1);
        for (size_t i = 0; i < n; i++)
            if (strcmp(seen[i], seen[n]) == 0) /* RFC 5280 4.2 */
                return err_set(err, REASON_CERT_MALFORMED, "extension %s twice", seen[n]);
        add_rows(build, seen[n++], value);
    }
    if (!reader_done(&r) || !reader_done(&outer))
        return err_set(err, REASON_CERT_MALFORMED, "extensions");
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
    return reader_done(&file) && reader_done(&outer) && reader_done(&tbs) && reader_done(&validity);
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
    if (!add_name(build, ATTRIBUTE_SUBJECT, certificate->subject.content))
        return err_set(err, REASON_CERT_MALFORMED, "subject");
    if (!add_name(build, ATTRIBUTE_ISSUER, certificate->issuer.content))
        return err_set(err, REASON_CERT_MALFORMED, "issuer");
    if (certificate->extensions.tag && !add_extensions(build, certificate->extensions.content, err))
        return false;
    if (build->overflow || !writer_ok(&build->texts))
        return err_set(err, REASON_CERT_MALFORMED, "more than %d values", IDENTITY_VALUES_MAX);
    return true;
}

/* The texts stop moving: the values may point into them now. */
static void settle(struct build *build)
{
    struct identity *identity = build->identity;
    size_t len;

    identity->texts = writer_take(&build->texts, &len);
    for (size_t i = 0; i < identity->n_values; i++)
        if (identity->values[i].text.len > 0)
            identity->values[i].text.at = identity->texts + build->text_at[i];
}

bool identity_extract(struct bytes der, struct identity **ret_identity, struct error *err)
{
    AUTO(identity_unrefp) struct identity *identity = xcalloc(1, sizeof(*identity));
    struct build build = {.identity = identity,
                          .texts = writer_new(TEXTS_MAX),
                          .scratch = writer_new(2 * IDENTITY_NAME_MAX)};
    struct certificate certificate;
    bool ok;

    identity->refs = 1;
    if (der.len > MESSAGE_CERTIFICATE_MAX)
        return err_set(err, REASON_CERT_MALFORMED, "a certificate of %zu octets", der.len);
    identity->der = xbytes(der);
    ok = walk(identity->der, &certificate) ||
         err_set(err, REASON_CERT_MALFORMED, "%zu octets that are no certificate", der.len);
    ok = ok && collect(&build, &certificate, err);
    if (ok)
        settle(&build);
    writer_clear(&build.texts);
    writer_clear(&build.scratch);
    free(build.text_at);
    if (ok)
        *ret_identity = STEAL(identity);
    return ok;
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

struct bytes identity_text(const struct identity *identity, const char *name)
{
    const struct attribute *attribute = attribute_find(bytes_of(name));
    const struct identity_value *value =
        attribute ? identity_next(identity, attribute, NULL) : NULL;

    return value ? value->text : (struct bytes){0};
}
