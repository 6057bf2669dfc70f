/*
 * References from rules to attributes. decide and gatewayctl run it; a value that is not well
 * formed, or is one of several where one was asked for, refuses instead of being passed over.
 */
#include "gatewayd/decide/mapping_values.h"

static const struct {
    const char *name;
    enum mapping_many many;
} modifiers[] = {{"only", MAPPING_ONLY}, {"any", MAPPING_ANY}, {"all", MAPPING_ALL}};

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
        return err_set(err, REASON_CONFIG_VALUE, "no such attribute: %.*s", (int)text.len,
                       (const char *)text.at);
    *ret_reference = reference;
    return true;
}

bool mapping_values_of(const struct mapping_reference *reference, const struct identity *identity,
                       struct mapping_values *ret_values, struct error *err)
{
    const struct attribute *attribute = reference->attribute;
    const struct identity_value *value = NULL;
    struct mapping_values values = {.n = 0};

    while ((value = identity_next(identity, attribute, value))) {
        if (value->fault != REASON_OK)
            return err_set(err, value->fault, "%s: %s", attribute->name, value->why);
        if (values.n == MAPPING_VALUES_MAX)
            return err_set(err, REASON_MULTI_VALUE, "%s: more than %d values", attribute->name,
                           MAPPING_VALUES_MAX);
        values.at[values.n++] = value;
    }
    if (reference->many == MAPPING_ONLY && values.n > 1)
        return err_set(err, REASON_MULTI_VALUE, "%s: %zu values", attribute->name, values.n);
    *ret_values = values;
    return true;
}
