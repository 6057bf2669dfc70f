/*
 * The strings of altSecurityIdentities, one row each. decide and gatewayctl make them from octets
 * that a certificate's issuer chose: names are joined without any escaping, so a value that could
 * be taken for a separator refuses.
 */
#include "gatewayd/decide/ad_strings.h"

#include "common/text.h"
#include "gatewayd/decide/dn.h"
#include "gatewayd/shared/xalloc.h"

#include <stdlib.h>

enum { VALUE_MAX = 1024, RDNS_MAX = 64 };

#define ROW(name_, strength_, issuer_, tag_, what_, attribute_, help_)                             \
    {                                                                                              \
        .name = "ad." name_, .strength = ATTRIBUTE_##strength_, .issuer = (issuer_),               \
        .tag = (tag_), .what = AD_##what_, .attribute = (attribute_), .help = (help_)              \
    }

/* clang-format off */
static const struct ad_string strings[] = {
    ROW("issuer_serial", STRONG, true, "<SR>", SERIAL, NULL, "issuer and serial, its octets reversed"),
    ROW("issuer_subject", WEAK, true, "<S>", SUBJECT, NULL, "issuer and subject"),
    ROW("subject", WEAK, false, "<S>", SUBJECT, NULL, "the subject alone"),
    ROW("rfc822", WEAK, false, "<RFC822>", ATTRIBUTE, "san.email", "the e-mail address"),
    ROW("ski", STRONG, false, "<SKI>", ATTRIBUTE, "ski", "the subject key identifier"),
    ROW("sha1_cert", STRONG, false, "<SHA1-PUKEY>", ATTRIBUTE, "cert!sha1", "SHA-1 of the certificate"),
    ROW("sha1_spki", STRONG, false, "<SHA1-PUKEY>", ATTRIBUTE, "spki!sha1", "SHA-1 of the key with its algorithm"),
    ROW("sha1_pubkey", STRONG, false, "<SHA1-PUKEY>", ATTRIBUTE, "pubkey!sha1", "SHA-1 of the key's bits"),
    ROW("issuer_sid", STRONG, true, "<SID>", ATTRIBUTE, "sid", "issuer and security identifier"),
};

/* What CertNameToStr of Windows writes; other types are "OID." and the dotted form. */
static const struct {
    const char *oid, *name;
} types[] = {
    {"2.5.4.3", "CN"}, {"2.5.4.4", "SN"}, {"2.5.4.5", "SERIALNUMBER"}, {"2.5.4.6", "C"},
    {"2.5.4.7", "L"}, {"2.5.4.8", "S"}, {"2.5.4.9", "STREET"}, {"2.5.4.10", "O"},
    {"2.5.4.11", "OU"}, {"2.5.4.12", "T"}, {"2.5.4.13", "Description"}, {"2.5.4.42", "G"},
    {"2.5.4.43", "I"}, {"1.2.840.113549.1.9.1", "E"}, {"0.9.2342.19200300.100.1.25", "DC"},
};
/* clang-format on */

const struct ad_string *ad_strings_all(size_t *ret_n)
{
    *ret_n = ARRAY_LEN(strings);
    return strings;
}

const struct ad_string *ad_string_find(struct bytes name)
{
    for (size_t i = 0; i < ARRAY_LEN(strings); i++) {
        const struct ad_string *row = &strings[i];

        if (text_equal_nocase(name, bytes_of(row->name)))
            return row->what != AD_ATTRIBUTE || attribute_find(bytes_of(row->attribute)) ? row
                                                                                         : NULL;
    }
    return NULL;
}

/* --- names, root first ------------------------------------------------------------------------ */

static void put_type(const char *oid, struct writer *out)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (strcmp(types[i].oid, oid) == 0) {
            writer_text(out, types[i].name);
            return;
        }
    }
    writer_printf(out, "OID.%s", oid);
}

/* "a,OU=b" as one value and as two relative names would be the same text. */
static bool is_plain(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (memchr(",\"<>\r\n", text.at[i], 6))
            return false;
    return text.len > 0 && text_is_clean(text);
}

static bool put_component(const struct dn_component *component, struct writer *out,
                          struct error *err)
{
    AUTO(writer_clear) struct writer value = writer_new(VALUE_MAX);
    char oid[DER_OID_TEXT_MAX];

    if (component->shared)
        return err_set(err, REASON_MULTI_VALUE, "several values in a relative name");
    if (!der_string(component->value.tag, component->value.content, &value) || !writer_ok(&value))
        return err_set(err, REASON_BAD_ENCODING, "a name that is no text");
    if (!is_plain(writer_bytes(&value)))
        return err_set(err, REASON_BAD_ENCODING,
                       "a name with , \" < > or a line end reads as another name");
    if (!der_oid_text(component->oid, oid))
        return err_set(err, REASON_BAD_ENCODING, "a very long type in a name");
    put_type(oid, out);
    writer_u8(out, '=');
    writer_put(out, writer_bytes(&value));
    return true;
}

/* name: the SEQUENCE with its header. An empty one is no value. */
static bool put_name(struct bytes name, struct writer *out, bool *ret_some, struct error *err)
{
    struct reader r = reader_over(name);
    struct dn_walk walk = dn_walk(der_expect(&r, DER_SEQUENCE).content);
    struct dn_component component;
    size_t n = 0;

    while (dn_next(&walk, &component)) {
        if (n++ == RDNS_MAX)
            return err_set(err, REASON_BAD_ENCODING, "a name with more than %d parts", RDNS_MAX);
        if (n > 1)
            writer_u8(out, ',');
        if (!put_component(&component, out, err))
            return false;
    }
    *ret_some = n > 0;
    return (reader_done(&r) && dn_walk_ok(&walk)) ||
           err_set(err, REASON_BAD_ENCODING, "a malformed name");
}

/* --- values ----------------------------------------------------------------------------------- */

/* The one value of an attribute; NULL when there is none. */
static bool one_value(const struct identity *identity, const char *name,
                      const struct identity_value **ret_value, struct error *err)
{
    const struct attribute *attribute = attribute_find(bytes_of(name));
    const struct identity_value *value =
        attribute ? identity_next(identity, attribute, NULL) : NULL;

    *ret_value = value;
    if (!value)
        return true;
    if (value->fault != REASON_OK)
        return err_set(err, value->fault, "%s: %s", name, value->why);
    if (identity_next(identity, attribute, value))
        return err_set(err, REASON_MULTI_VALUE, "%s: several values", name);
    return true;
}

/* Octets from the last to the first (MS-PKCA: the order of the machine, not of the number). */
static void put_serial(struct bytes raw, struct writer *out)
{
    if (raw.at[0] == 0)
        raw = (struct bytes){raw.at + 1, raw.len - 1};
    for (size_t i = raw.len; i-- > 0;)
        writer_printf(out, "%02X", raw.at[i]);
}

/* A string in the making. */
struct ad_text {
    struct writer out;
    bool some;      /* no value of the certificate is missing */
    bool is_signed; /* of a serial whose top bit is set: DER has 00 before it */
};

/* What stands behind the tag. */
static bool put_value(const struct ad_string *string, const struct identity *identity,
                      struct ad_text *text, struct error *err)
{
    const char *name = string->what == AD_SERIAL ? "serial" : string->attribute;
    const struct identity_value *value;

    if (string->what == AD_SUBJECT)
        return put_name(identity->subject, &text->out, &text->some, err);
    if (!one_value(identity, name, &value, err))
        return false;
    text->some = value != NULL;
    if (value && string->what == AD_SERIAL) {
        text->is_signed = value->raw.at[0] == 0;
        put_serial(value->raw, &text->out);
    } else if (value) {
        writer_put(&text->out, value->text);
    }
    return true;
}

static bool put_string(const struct ad_string *string, const struct identity *identity,
                       struct ad_text *text, struct error *err)
{
    writer_text(&text->out, "X509:");
    if (string->issuer) {
        writer_text(&text->out, "<I>");
        if (!put_name(identity->issuer, &text->out, &text->some, err))
            return false;
    }
    writer_text(&text->out, string->tag);
    if (text->some && !put_value(string, identity, text, err))
        return false;
    return writer_ok(&text->out) || err_set(err, REASON_BAD_ENCODING, "%s: too long", string->name);
}

bool ad_string_make(const struct ad_string *string, const struct identity *identity,
                    struct ad_values *ret_values, struct error *err)
{
    struct ad_text text = {.out = writer_new(AD_STRING_MAX), .some = true};
    bool good = put_string(string, identity, &text, err);

    if (good) {
        ret_values->n = 0;
        if (text.some)
            ret_values->at[ret_values->n++] = xbytes(writer_bytes(&text.out));
        writer_text(&text.out, "00");
        if (text.some && text.is_signed)
            ret_values->at[ret_values->n++] = xbytes(writer_bytes(&text.out));
    }
    writer_clear(&text.out);
    return good;
}

void ad_values_clear(struct ad_values *values)
{
    for (size_t i = 0; i < values->n; i++)
        free((void *)values->at[i].at);
    values->n = 0;
}
