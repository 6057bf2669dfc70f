/*
 * References from rules to attributes. decide and gatewayctl run it; a value that is not well
 * formed, or is one of several where one was asked for, refuses instead of being passed over.
 */
#include "gatewayd/decide/mapping_values.h"

#include "common/suggest.h"
#include "common/text.h"

enum { NAMES_MAX = 256, NAME_MAX_LEN = 64 };

static const struct {
    const char *name;
    enum mapping_many many;
} modifiers[] = {{"only", MAPPING_ONLY}, {"any", MAPPING_ANY}, {"all", MAPPING_ALL}};

static const char *nearest(const char *wrong)
{
    const char *names[NAMES_MAX];
    size_t n_attributes, n_strings, n = 0;
    const struct attribute *attributes = attributes_all(&n_attributes);
    const struct ad_string *strings = ad_strings_all(&n_strings);

    for (size_t i = 0; i < n_attributes && n < NAMES_MAX; i++)
        names[n++] = attributes[i].name;
    for (size_t i = 0; i < n_strings && n < NAMES_MAX; i++)
        names[n++] = strings[i].name;
    return suggest(wrong, names, n);
}

static bool unknown(struct bytes name, struct error *err)
{
    char wrong[NAME_MAX_LEN] = "";
    const char *meant;

    if (name.len < sizeof(wrong))
        memcpy(wrong, name.at, name.len);
    meant = nearest(wrong);
    return err_set(err, REASON_CONFIG_VALUE, "no such attribute: %.*s%s%s%s", (int)name.len,
                   (const char *)name.at, meant ? "; did you mean " : "", meant ? meant : "",
                   meant ? "?" : "");
}

bool mapping_reference_parse(struct bytes text, struct mapping_reference *ret_reference,
                             struct error *err)
{
    struct mapping_reference reference = {.many = MAPPING_ONLY};
    const uint8_t *mark = text.len ? memrchr(text.at, '!', text.len) : NULL;
    struct bytes name = text;

    for (size_t i = 0; mark && i < ARRAY_LEN(modifiers); i++) {
        struct bytes word = {mark + 1, (size_t)(text.at + text.len - mark - 1)};

        if (!bytes_equal(word, bytes_of(modifiers[i].name)))
            continue;
        reference.many = modifiers[i].many;
        name.len = (size_t)(mark - text.at);
    }
    reference.attribute = attribute_find(name);
    if (!reference.attribute)
        reference.ad = ad_string_find(name);
    if (!reference.attribute && !reference.ad)
        return unknown(name, err);
    if (reference.ad && name.len < text.len)
        return err_set(err, REASON_CONFIG_VALUE, "%s is one value: without %.*s",
                       reference.ad->name, (int)(text.len - name.len),
                       (const char *)text.at + name.len);
    *ret_reference = reference;
    return true;
}

const char *mapping_reference_name(const struct mapping_reference *reference)
{
    return reference->ad ? reference->ad->name : reference->attribute->name;
}

bool mapping_reference_is_binary(const struct mapping_reference *reference)
{
    return reference->attribute && reference->attribute->binary;
}

static bool attribute_values(const struct mapping_reference *reference,
                             const struct identity *identity, struct mapping_values *values,
                             struct error *err)
{
    const struct attribute *attribute = reference->attribute;
    const struct identity_value *value = NULL;

    while ((value = identity_next(identity, attribute, value))) {
        if (value->fault != REASON_OK)
            return err_set(err, value->fault, "%s: %s", attribute->name, value->why);
        if (values->n == MAPPING_VALUES_MAX)
            return err_set(err, REASON_MULTI_VALUE, "%s: more than %d values", attribute->name,
                           MAPPING_VALUES_MAX);
        values->at[values->n++] = attribute->binary ? value->raw : value->text;
    }
    if (reference->many == MAPPING_ONLY && values->n > 1)
        return err_set(err, REASON_MULTI_VALUE, "%s: %zu values", attribute->name, values->n);
    return true;
}

bool mapping_values_of(const struct mapping_reference *reference, const struct identity *identity,
                       struct mapping_values *ret_values, struct error *err)
{
    ret_values->n = ret_values->own.n = 0;
    if (!reference->ad)
        return attribute_values(reference, identity, ret_values, err);
    if (!ad_string_make(reference->ad, identity, &ret_values->own, err))
        return err_in(err, "%s", reference->ad->name);
    for (size_t i = 0; i < ret_values->own.n; i++)
        ret_values->at[ret_values->n++] = ret_values->own.at[i];
    return true;
}

void mapping_values_clear(struct mapping_values *values)
{
    ad_values_clear(&values->own);
}
