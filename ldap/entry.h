#pragma once
/*
 * Entries of a replica in their compact form, and the numbering of the attributes that a replica
 * keeps. Internal to ldap/.
 */
#include "ldap/replica.h"
#include "ldap/schemas.h"

enum {
    ATTRIBUTES_MAX = ROLE__COUNT + REPLICA_EXTRA_MAX,
    ATTRIBUTE_NONE = 255,
};
_Static_assert(ATTRIBUTES_MAX < ATTRIBUTE_NONE, "attribute numbers fit one octet");

struct attribute {
    char *name;
    enum attribute_match match;
    bool indexed; /* users are found by it */
};

/* The attributes of one replica: those of the schema, then the extra ones. */
struct attributes {
    const struct schema *schema;
    struct attribute at[ATTRIBUTES_MAX];
    size_t n;
    uint8_t of_role[ROLE__COUNT]; /* ATTRIBUTE_NONE where the schema has none */
};

void attributes_init(struct attributes *attributes, const struct schema *schema);
void attributes_clear(struct attributes *attributes);
/* Keeps and indexes one more; false when there is no room or it is no attribute name. */
bool attributes_add(struct attributes *attributes, const char *name);
/* ATTRIBUTE_NONE when it is not kept. */
uint8_t attributes_find(const struct attributes *attributes, struct bytes name);
/* Copies the attribute's name without ";binary" to out; false when it is none. */
bool attribute_name_of(struct bytes text, char out[REPLICA_ATTRIBUTE_MAX]);

/* DN, normalised DN and values lie behind the struct; values are sorted by attribute. */
struct replica_entry {
    struct replica_entry *next; /* of the same kind, in no order */
    struct replica_entry **link;
    struct replica_uuid uuid;
    uint8_t kind;
    uint16_t dn_len, key_len; /* as written; normalised */
    uint32_t n_values, text_len;
    struct entry_value {
        uint32_t offset; /* in the text */
        uint32_t attribute : 8, len : 24;
    } values[];
};
_Static_assert(REPLICA_VALUE_MAX < 1 << 24, "value lengths fit");

/* Checks limits and DN, keeps what `attributes` names. The caller frees *ret_entry. */
bool entry_new(const struct attributes *attributes, const struct replica_record *record,
               struct replica_entry **ret_entry, struct error *err) MUST_CHECK;
struct bytes entry_key(const struct replica_entry *entry); /* normalised DN */
struct bytes entry_text(const struct replica_entry *entry, const struct entry_value *value);
/* Same content, but for the place in the lists. */
bool entry_equal(const struct replica_entry *a, const struct replica_entry *b);

/* The values of one attribute. */
struct entry_values {
    const struct replica_entry *entry;
    const struct entry_value *at;
    size_t n;
};
struct entry_values entry_values(const struct replica_entry *entry, uint8_t attribute);
struct entry_values entry_role(const struct attributes *attributes,
                               const struct replica_entry *entry, enum attribute_role role);
/* The number-th of them; no octets beyond the end. */
struct bytes values_get(struct entry_values values, size_t number);
/*
 * The one value that names the entry: the only one, or the one that its RDN holds (RFC 2307 5.3).
 * No octets when there is none or that cannot be said.
 */
struct bytes entry_name(const struct attributes *attributes, const struct replica_entry *entry,
                        enum attribute_role role);

DEFINE_AUTO(struct replica_entry *, entry_freep, free)
