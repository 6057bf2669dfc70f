/*
 * Makes compact entries out of what feeds bring. Trusts nothing in them: limits, DN and classes are
 * checked here; ids, names and states only where an account is made of them (account.c).
 */
#include "ldap/entry.h"

#include "common/text.h"
#include "ldap/dn.h"
#include "ldap/memory.h"

bool attribute_name_of(struct bytes text, char out[REPLICA_ATTRIBUTE_MAX])
{
    static const char binary[] = ";binary";
    size_t cut = sizeof(binary) - 1;

    if (text.len > cut &&
        text_equal_nocase((struct bytes){text.at + text.len - cut, cut}, bytes_of(binary)))
        text.len -= cut;
    if (text.len == 0 || text.len >= REPLICA_ATTRIBUTE_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.at[i];
        bool letter = (c | 32) >= 'a' && (c | 32) <= 'z';
        if (!letter && !(c >= '0' && c <= '9') && c != '-' && c != '.' && c != ';')
            return false;
        out[i] = (char)c;
    }
    out[text.len] = '\0';
    return true;
}

static uint8_t find_name(const struct attributes *attributes, const char *name)
{
    for (size_t i = 0; i < attributes->n; i++)
        if (text_equal_nocase(bytes_of(attributes->at[i].name), bytes_of(name)))
            return (uint8_t)i;
    return ATTRIBUTE_NONE;
}

uint8_t attributes_find(const struct attributes *attributes, struct bytes name)
{
    char plain[REPLICA_ATTRIBUTE_MAX];

    return attribute_name_of(name, plain) ? find_name(attributes, plain) : ATTRIBUTE_NONE;
}

static uint8_t append(struct attributes *attributes, const char *name, enum attribute_match match)
{
    if (attributes->n == ATTRIBUTES_MAX)
        return ATTRIBUTE_NONE;
    attributes->at[attributes->n] =
        (struct attribute){.name = memory_text(bytes_of(name)), .match = match};
    return (uint8_t)attributes->n++;
}

void attributes_init(struct attributes *attributes, const struct schema *schema)
{
    *attributes = (struct attributes){.schema = schema};
    for (enum attribute_role role = 0; role < ROLE__COUNT; role++) {
        const char *name = schema->attributes[role];
        uint8_t number = name ? find_name(attributes, name) : ATTRIBUTE_NONE;
        if (name && number == ATTRIBUTE_NONE)
            number = append(attributes, name, role_match(role));
        attributes->of_role[role] = number;
        if (number != ATTRIBUTE_NONE &&
            (role == ROLE_USER_NAME || role == ROLE_USER_UID || role == ROLE_USER_GID))
            attributes->at[number].indexed = true;
    }
}

void attributes_clear(struct attributes *attributes)
{
    for (size_t i = 0; i < attributes->n; i++)
        free(attributes->at[i].name);
    attributes->n = 0;
}

bool attributes_add(struct attributes *attributes, const char *name)
{
    char plain[REPLICA_ATTRIBUTE_MAX];
    uint8_t number;

    if (!attribute_name_of(bytes_of(name), plain))
        return false;
    number = find_name(attributes, plain);
    if (number == ATTRIBUTE_NONE)
        number = append(attributes, plain, attribute_match_of(plain));
    if (number == ATTRIBUTE_NONE)
        return false;
    attributes->at[number].indexed = true;
    return true;
}

static enum replica_kind kind_of(const struct attributes *attributes,
                                 const struct replica_record *record)
{
    const struct schema *schema = attributes->schema;
    bool group = false, host = false;

    for (size_t i = 0; i < record->n_values; i++) {
        const struct replica_value *value = &record->values[i];
        if (attributes_find(attributes, value->attribute) != attributes->of_role[ROLE_CLASS])
            continue;
        if (text_equal_nocase(value->value, bytes_of(schema->user_class)))
            return REPLICA_USER;
        for (size_t c = 0; c < SCHEMA_CLASSES_MAX && schema->group_classes[c]; c++)
            group = group || text_equal_nocase(value->value, bytes_of(schema->group_classes[c]));
        host = host || (schema->host_class &&
                        text_equal_nocase(value->value, bytes_of(schema->host_class)));
    }
    return group ? REPLICA_GROUP : host ? REPLICA_HOST : REPLICA_OTHER;
}

struct kept {
    uint8_t *number; /* of each value; ATTRIBUTE_NONE: dropped */
    size_t n, len;   /* values kept and their octets */
};

/* Consecutive values mostly have the same attribute: look it up once. */
static bool keep(const struct attributes *attributes, const struct replica_record *record,
                 struct kept *kept, struct error *err)
{
    struct bytes last = {NULL, 0};
    uint8_t number = ATTRIBUTE_NONE;

    for (size_t i = 0; i < record->n_values; i++) {
        const struct replica_value *value = &record->values[i];
        if (i == 0 || !bytes_equal(value->attribute, last))
            number = attributes_find(attributes, value->attribute);
        last = value->attribute;
        kept->number[i] = number;
        if (number == ATTRIBUTE_NONE)
            continue;
        if (value->value.len > REPLICA_VALUE_MAX)
            return err_set(err, REASON_DIRECTORY_BAD_ANSWER, "%s: value of %zu octets",
                           attributes->at[number].name, value->value.len);
        kept->n++;
        kept->len += value->value.len;
        if (kept->len > REPLICA_ENTRY_MAX || kept->n > REPLICA_VALUES_MAX)
            return err_set(err, REASON_DIRECTORY_BAD_ANSWER,
                           "entry of more than %d octets or %d values", REPLICA_ENTRY_MAX,
                           REPLICA_VALUES_MAX);
    }
    return true;
}

static uint8_t *entry_room(struct replica_entry *entry)
{
    return (uint8_t *)&entry->values[entry->n_values];
}

static void values_fill(struct replica_entry *entry, const struct attributes *attributes,
                        const struct replica_record *record, const struct kept *kept)
{
    uint32_t n = 0, at = (uint32_t)(entry->dn_len + entry->key_len);

    for (size_t a = 0; a < attributes->n; a++)
        for (size_t i = 0; i < record->n_values; i++) {
            struct bytes value = record->values[i].value;
            if (kept->number[i] != a)
                continue;
            entry->values[n++] = (struct entry_value){
                .offset = at, .attribute = (uint8_t)a, .len = value.len & 0xffffff};
            if (value.len)
                memcpy(entry_room(entry) + at, value.at, value.len);
            at += (uint32_t)value.len;
        }
}

bool entry_new(const struct attributes *attributes, const struct replica_record *record,
               struct replica_entry **ret_entry, struct error *err)
{
    AUTO(octets_freep) unsigned char *numbers = memory_new(record->n_values, 1);
    struct kept kept = {.number = numbers};
    struct replica_entry *entry;
    struct dn dn;

    if (!dn_normalise(record->dn, &dn))
        return err_set(err, REASON_DIRECTORY_BAD_ANSWER, "an entry has no valid DN");
    if (!keep(attributes, record, &kept, err))
        return err_in(err, "%.*s", (int)record->dn.len, record->dn.at);
    entry = memory_new(1, sizeof(*entry) + kept.n * sizeof(entry->values[0]) + record->dn.len +
                              dn.len + kept.len);
    entry->uuid = record->uuid;
    entry->kind = (uint8_t)kind_of(attributes, record);
    entry->dn_len = (uint16_t)record->dn.len;
    entry->key_len = (uint16_t)dn.len;
    entry->n_values = (uint32_t)kept.n;
    entry->text_len = (uint32_t)(record->dn.len + dn.len + kept.len);
    memcpy(entry_room(entry), record->dn.at, record->dn.len);
    memcpy(entry_room(entry) + record->dn.len, dn.text, dn.len);
    values_fill(entry, attributes, record, &kept);
    *ret_entry = entry;
    return true;
}

static const uint8_t *text_of(const struct replica_entry *entry)
{
    return (const uint8_t *)&entry->values[entry->n_values];
}

struct bytes replica_entry_dn(const struct replica_entry *entry)
{
    return (struct bytes){text_of(entry), entry->dn_len};
}

struct bytes entry_key(const struct replica_entry *entry)
{
    return (struct bytes){text_of(entry) + entry->dn_len, entry->key_len};
}

struct bytes entry_text(const struct replica_entry *entry, const struct entry_value *value)
{
    return (struct bytes){text_of(entry) + value->offset, value->len};
}

enum replica_kind replica_entry_kind(const struct replica_entry *entry)
{
    return entry->kind;
}

const struct replica_uuid *replica_entry_uuid(const struct replica_entry *entry)
{
    return &entry->uuid;
}

bool entry_equal(const struct replica_entry *a, const struct replica_entry *b)
{
    return a->kind == b->kind && a->dn_len == b->dn_len && a->key_len == b->key_len &&
           a->n_values == b->n_values && a->text_len == b->text_len &&
           memcmp(a->values, b->values, a->n_values * sizeof(a->values[0])) == 0 &&
           memcmp(text_of(a), text_of(b), a->text_len) == 0;
}

struct entry_values entry_values(const struct replica_entry *entry, uint8_t attribute)
{
    size_t first = 0, end = entry->n_values, n = 0;

    while (first < end) {
        size_t middle = first + (end - first) / 2;
        if (entry->values[middle].attribute < attribute)
            first = middle + 1;
        else
            end = middle;
    }
    while (first + n < entry->n_values && entry->values[first + n].attribute == attribute)
        n++;
    return (struct entry_values){entry, &entry->values[first], n};
}

struct entry_values entry_role(const struct attributes *attributes,
                               const struct replica_entry *entry, enum attribute_role role)
{
    return entry_values(entry, attributes->of_role[role]);
}

struct bytes values_get(struct entry_values values, size_t number)
{
    if (number >= values.n)
        return (struct bytes){NULL, 0};
    return entry_text(values.entry, &values.at[number]);
}

struct bytes entry_name(const struct attributes *attributes, const struct replica_entry *entry,
                        enum attribute_role role)
{
    struct entry_values values = entry_role(attributes, entry, role);
    struct bytes found = {NULL, 0};

    if (values.n == 1)
        return values_get(values, 0);
    for (size_t i = 0; i < values.n; i++) {
        struct bytes value = values_get(values, i);
        if (!dn_rdn_is(entry_key(entry), attributes->schema->attributes[role], value))
            continue;
        if (found.at)
            return (struct bytes){NULL, 0};
        found = value;
    }
    return found;
}
