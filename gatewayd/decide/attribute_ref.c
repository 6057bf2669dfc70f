/*
 * References to attributes. The configuration that holds them is trusted, the values are not:
 * decide and gatewayctl read them, and a value that is not exactly what was asked for refuses.
 */
#include "gatewayd/decide/attribute_ref.h"

#include "common/text.h"

/* Names that mean a conversion of another attribute. */
static const struct {
    const char *name, *meant;
} aliases[] = {
    {"ski!rfc", "pubkey!sha1"}, /* RFC 5280 4.2.1.2 (1), whatever the extension says */
};

static bool refuse(struct error *err, const char *what, struct bytes text)
{
    return err_set(err, REASON_CONFIG_VALUE, "%s: %.*s", what,
                   (int)(text.len < 128 ? text.len : 128), (const char *)text.at);
}

static bool starts_with(struct bytes text, const char *prefix)
{
    struct bytes start = bytes_of(prefix);

    return text.len >= start.len && text_equal_nocase((struct bytes){text.at, start.len}, start);
}

/* "[2]" at the end of the name of a component, which is taken off. */
static bool take_index(struct bytes *name, int *ret_index)
{
    const uint8_t *open = name->len ? memrchr(name->at, '[', name->len) : NULL;
    struct bytes number;
    uint64_t value;
    bool root;

    *ret_index = 0;
    if (!open)
        return true;
    number = (struct bytes){open + 1, (size_t)(name->at + name->len - open) - 1};
    if (number.len < 2 || number.at[number.len - 1] != ']')
        return false;
    root = number.at[0] == '-';
    number = (struct bytes){number.at + root, number.len - 1 - root};
    if (!text_u64(number, &value) || value == 0 || value > ATTRIBUTE_INDEX_MAX)
        return false;
    *ret_index = root ? -(int)value : (int)value;
    name->len = (size_t)(open - name->at);
    return starts_with(*name, "subject.") || starts_with(*name, "issuer.");
}

/* The row with this identifier, which has a name that rules must use. */
static const struct attribute *named(enum attribute_source source, struct bytes oid)
{
    size_t n;
    const struct attribute *rows = attributes_of(source, &n);

    for (size_t i = 0; i < n; i++)
        if (!rows[i].open && bytes_equal(rows[i].oid, oid))
            return &rows[i];
    return NULL;
}

/* "san.other.1.2.3", and "subject." itself where an index says which component. */
static bool find_open(struct bytes name, struct attribute_ref *ref, struct error *err)
{
    size_t n, len;
    const struct attribute *rows = attributes_all(&n), *row = NULL;
    struct bytes rest;

    for (size_t i = 0; !row && i < n; i++)
        if (rows[i].open && starts_with(name, rows[i].name))
            row = &rows[i];
    if (!row)
        return refuse(err, "no such attribute", name);
    rest = (struct bytes){name.at + strlen(row->name), name.len - strlen(row->name)};
    ref->attribute = row;
    if (rest.len == 0 && ref->index != 0)
        return true;
    if (!der_oid_octets(rest, ref->oid, &len))
        return refuse(err, "no such attribute", name);
    ref->oid_len = (uint8_t)len;
    row = named(row->source, (struct bytes){ref->oid, len});
    return !row || err_set(err, REASON_CONFIG_VALUE, "%.*s: write it as %s", (int)name.len,
                           (const char *)name.at, row->name);
}

static bool find_row(struct bytes name, struct attribute_ref *ref, struct error *err)
{
    ref->attribute = attribute_find(name);
    return ref->attribute || find_open(name, ref, err);
}

static bool find_conversion(struct bytes text, struct attribute_ref *ref, struct error *err)
{
    ref->conversion = conversion_find(text, ref->attribute->kind, &ref->hex);
    return ref->conversion || err_set(err, REASON_CONFIG_VALUE, "%s has no form %.*s",
                                      ref->attribute->name, (int)text.len, (const char *)text.at);
}

bool attribute_ref_parse(struct bytes text, struct attribute_ref *ret_ref, struct error *err)
{
    struct attribute_ref ref = {.attribute = attribute_find(text)};
    const uint8_t *mark;
    struct bytes name;

    for (size_t i = 0; i < ARRAY_LEN(aliases); i++)
        if (text_equal_nocase(text, bytes_of(aliases[i].name)))
            text = bytes_of(aliases[i].meant);
    mark = text.len ? memchr(text.at, '!', text.len) : NULL;
    name = (struct bytes){text.at, mark ? (size_t)(mark - text.at) : text.len};
    if (!ref.attribute && !take_index(&name, &ref.index))
        return refuse(err, "no index of a component ([1] is the leaf, [-1] the root)", text);
    if (!ref.attribute && !find_row(name, &ref, err))
        return false;
    if (mark && ref.attribute != attribute_find(text) &&
        !find_conversion((struct bytes){mark + 1, text.len - name.len - 1}, &ref, err))
        return false;
    *ret_ref = ref;
    return true;
}

bool attribute_ref_is_binary(const struct attribute_ref *ref)
{
    return ref->conversion ? ref->conversion->binary : ref->attribute->binary;
}

static struct bytes oid_of(const struct attribute_ref *ref)
{
    return (struct bytes){ref->oid, ref->oid_len};
}

/* A fault without identifier stands for all of them. */
static bool is_row(const struct attribute_ref *ref, const struct identity_value *value)
{
    return value->attribute == ref->attribute &&
           (!value->attribute->open || value->oid_len == 0 ||
            bytes_equal((struct bytes){value->oid, value->oid_len}, oid_of(ref)));
}

static bool is_meant(const struct attribute_ref *ref, const struct identity *identity,
                     const struct identity_value *value)
{
    int names =
        ref->attribute->source == ATTRIBUTE_SUBJECT ? identity->n_subject : identity->n_issuer;

    if (ref->index == 0)
        return is_row(ref, value);
    if (value->attribute->source != ref->attribute->source ||
        value->position != (ref->index > 0 ? names + 1 - ref->index : -ref->index))
        return false;
    return (ref->attribute->open && ref->oid_len == 0) || is_row(ref, value);
}

const struct identity_value *attribute_ref_next(const struct attribute_ref *ref,
                                                const struct identity *identity,
                                                const struct identity_value *after)
{
    size_t i = after ? (size_t)(after - identity->values) + 1 : 0;

    for (; i < identity->n_values; i++)
        if (is_meant(ref, identity, &identity->values[i]))
            return &identity->values[i];
    return NULL;
}

/*
 * "subject.uid[1]" of CN=alice+UID=a1: type and place say together which component it is, if the
 * relative name has one of this type only.
 */
static bool is_placed(const struct attribute_ref *ref, const struct identity *identity,
                      const struct identity_value *value)
{
    bool typed = !ref->attribute->open || ref->oid_len > 0;
    const struct identity_value *first = attribute_ref_next(ref, identity, NULL);

    return value->shared && typed && ref->index != 0 && first == value &&
           !attribute_ref_next(ref, identity, first);
}

/* The canonical text of a value, made again where it was kept back because it is shared. */
static bool put_text(const struct attribute_ref *ref, const struct identity *identity,
                     const struct identity_value *value, struct writer *out, struct error *err)
{
    size_t start = out->len;
    struct bytes text;
    const char *why;

    if (value->fault == REASON_OK) {
        writer_put(out, value->attribute->binary ? value->raw : value->text);
        return true;
    }
    if (!is_placed(ref, identity, value) || value->fault != REASON_MULTI_VALUE)
        return err_set(err, value->fault, "%s: %s", value->attribute->name, value->why);
    why = value->attribute->form(value->raw, value->tag, out);
    text = (struct bytes){out->at + start, out->len - start};
    if (why || text.len == 0 || text.len > IDENTITY_VALUE_MAX || !text_is_clean(text))
        return err_set(err, REASON_BAD_ENCODING, "%s: %s", value->attribute->name,
                       why ? why : "not clean");
    return true;
}

/* The exact octets of a value that has no text of its own: nothing about them is in doubt. */
static bool is_exact(const struct attribute_ref *ref, const struct identity_value *value)
{
    return ref->conversion->input == CONVERSION_WHOLE && value->attribute->open &&
           value->header_len > 0 && value->oid_len > 0 && !value->shared;
}

/* What the conversion is made from; `text` holds the canonical form, and is written over. */
static bool input(const struct attribute_ref *ref, const struct identity_value *value,
                  struct writer *text, struct bytes *ret_in)
{
    struct bytes canonical = writer_bytes(text);
    size_t len;

    switch (ref->conversion->input) {
    case CONVERSION_TEXT:
        *ret_in = canonical;
        return true;
    case CONVERSION_RAW:
        *ret_in = value->raw;
        return true;
    case CONVERSION_WHOLE:
        *ret_in = value->header_len ? identity_whole(value) : value->raw;
        return true;
    case CONVERSION_OCTETS: /* two digits are read before their octet is written */
        if (!text_unhex(canonical, text->at, &len))
            return false;
        *ret_in = (struct bytes){text->at, len};
        return true;
    }
    return false;
}

bool attribute_ref_put(const struct attribute_ref *ref, const struct identity *identity,
                       const struct identity_value *value, struct writer *out, struct error *err)
{
    AUTO(writer_clear) struct writer text = writer_new(2 * MESSAGE_CERTIFICATE_MAX);
    struct bytes in;
    const char *why;

    if (!ref->conversion)
        return put_text(ref, identity, value, out, err);
    if (!is_exact(ref, value) && !put_text(ref, identity, value, &text, err))
        return false;
    if (!writer_ok(&text) || !input(ref, value, &text, &in))
        return err_set(err, REASON_BAD_ENCODING, "%s: no octets", value->attribute->name);
    why = ref->conversion->convert(ref->conversion, in, &ref->hex, out);
    if (!why && !writer_ok(out))
        why = "too long";
    return !why || err_set(err, REASON_BAD_ENCODING, "%s!%s: %s", value->attribute->name,
                           ref->conversion->name, why);
}
