/*
 * The replica: entries in memory and the questions that are asked of them. Used by directory (which
 * fills it from a feed), decide (which fills it from directory) and the command line. Pure; trusts
 * the limits that entry.c has checked.
 */
#include "ldap/replica.h"

#include "common/text.h"
#include "ldap/dn.h"
#include "ldap/memory.h"
#include "ldap/replica_state.h"

enum { MIN_ID_DEFAULT = 1000 }; /* Debian policy 9.2.2: below are system accounts */

/* --- options --- */

bool replica_options_add_filter(struct replica_options *options, struct bytes filter,
                                struct error *err)
{
    for (size_t at = 0; at < filter.len; at++) {
        size_t end = at + 1;
        char name[REPLICA_ATTRIBUTE_MAX];
        bool known = false;

        if (filter.at[at] != '(')
            continue;
        while (end < filter.len && !memchr("=(){}&|!", filter.at[end], 8))
            end++;
        if (end == filter.len || filter.at[end] != '=')
            continue;
        if (!attribute_name_of((struct bytes){filter.at + at + 1, end - at - 1}, name))
            return err_set(err, REASON_CONFIG_VALUE, "no attribute name: \"%.*s\"",
                           (int)(end - at - 1), filter.at + at + 1);
        for (size_t i = 0; i < options->n_extra; i++)
            known = known || text_equal_nocase(bytes_of(options->extra[i]), bytes_of(name));
        if (known)
            continue;
        if (options->n_extra == REPLICA_EXTRA_MAX)
            return err_set(err, REASON_CONFIG_VALUE, "more than %d attributes in searches",
                           REPLICA_EXTRA_MAX);
        memcpy(options->extra[options->n_extra++], name, sizeof(name));
    }
    return true;
}

const struct replica_options *replica_options(const struct replica *replica)
{
    return &replica->options;
}

/* "(|(objectClass=posixAccount)(objectClass=posixGroup)...)" */
static char *filter_new(const struct schema *schema)
{
    AUTO(writer_clear) struct writer out = writer_new(4096);
    const char *class = schema->attributes[ROLE_CLASS];

    writer_printf(&out, "(|(%s=%s)", class, schema->user_class);
    for (size_t i = 0; i < SCHEMA_CLASSES_MAX && schema->group_classes[i]; i++)
        writer_printf(&out, "(%s=%s)", class, schema->group_classes[i]);
    if (schema->host_class)
        writer_printf(&out, "(%s=%s)", class, schema->host_class);
    writer_text(&out, ")");
    return memory_text(writer_bytes(&out));
}

const char *replica_filter(const struct replica *replica)
{
    return replica->filter;
}

const char *replica_attribute(const struct replica *replica, size_t number)
{
    return number < replica->attributes.n ? replica->attributes.at[number].name : NULL;
}

/* --- life --- */

bool replica_new(const struct replica_options *options, struct replica **ret_replica,
                 struct error *err)
{
    const struct schema *schema = schema_of(options->schema);
    AUTO(replica_freep) struct replica *replica = memory_new(1, sizeof(*replica));

    if (!schema)
        return err_set(err, REASON_CONFIG_VALUE, "no schema \"%s\"", options->schema);
    attributes_init(&replica->attributes, schema);
    for (size_t i = 0; i < options->n_extra && i < REPLICA_EXTRA_MAX; i++)
        if (!attributes_add(&replica->attributes, options->extra[i]))
            return err_set(err, REASON_CONFIG_VALUE, "no attribute name: \"%s\"",
                           options->extra[i]);
    replica->options = *options;
    replica->options.schema = schema->name;
    if (replica->options.min_id == 0)
        replica->options.min_id = MIN_ID_DEFAULT;
    replica->as_of_ms = -1;
    replica->filter = filter_new(schema);
    *ret_replica = STEAL(replica);
    return true;
}

static bool free_entries(struct replica *replica, size_t n)
{
    struct replica_entry *entry;

    for (size_t kind = 0; kind < REPLICA_KIND__COUNT; kind++)
        while ((entry = replica->first[kind])) {
            if (n-- == 0)
                return false;
            replica->first[kind] = entry->next;
            free(entry);
        }
    return true;
}

struct replica *replica_free_some(struct replica *replica, size_t n_entries)
{
    if (!replica)
        return NULL;
    if (!index_clear_some(&replica->index, n_entries) || !free_entries(replica, n_entries))
        return replica;
    index_clear(&replica->index);
    attributes_clear(&replica->attributes);
    free(replica->filter);
    free(replica);
    return NULL;
}

struct replica *replica_free(struct replica *replica)
{
    return replica_free_some(replica, SIZE_MAX);
}

/* --- indexes of one entry --- */

typedef void index_change(struct index *index, unsigned space, struct bytes key,
                          const struct replica_entry *entry);

static void index_values(struct replica *replica, index_change *change, unsigned space,
                         const struct replica_entry *entry, uint8_t attribute)
{
    struct entry_values values = entry_values(entry, attribute);
    AUTO(writer_clear) struct writer scratch = writer_new(REPLICA_VALUE_MAX);
    struct bytes key;

    for (size_t i = 0; i < values.n; i++)
        if (value_fold(replica->attributes.at[attribute].match, values_get(values, i), &scratch,
                       &key))
            change(&replica->index, space, key, entry);
}

static void index_role(struct replica *replica, index_change *change, unsigned space,
                       const struct replica_entry *entry, enum attribute_role role)
{
    if (replica->attributes.of_role[role] != ATTRIBUTE_NONE)
        index_values(replica, change, space, entry, replica->attributes.of_role[role]);
}

static void index_entry(struct replica *replica, index_change *change,
                        const struct replica_entry *entry)
{
    change(&replica->index, INDEX_UUID,
           (struct bytes){entry->uuid.octets, sizeof(entry->uuid.octets)}, entry);
    change(&replica->index, INDEX_DN, entry_key(entry), entry);
    if (entry->kind == REPLICA_USER) {
        for (size_t i = 0; i < replica->attributes.n; i++)
            if (replica->attributes.at[i].indexed)
                index_values(replica, change, INDEX_VALUE + (unsigned)i, entry, (uint8_t)i);
        return;
    }
    if (entry->kind == REPLICA_HOST) {
        index_role(replica, change, INDEX_HOST_NAME, entry, ROLE_HOST_NAME);
        return;
    }
    index_role(replica, change, INDEX_GROUP_NAME, entry, ROLE_GROUP_NAME);
    index_role(replica, change, INDEX_GROUP_GID, entry, ROLE_GROUP_GID);
    index_role(replica, change, INDEX_MEMBER_NAME, entry, ROLE_MEMBER_NAME);
    index_role(replica, change, INDEX_MEMBER_DN, entry, ROLE_MEMBER_DN);
    index_role(replica, change, INDEX_MEMBER_DN, entry, ROLE_MEMBER_DN_UID);
}

static void entry_link(struct replica *replica, struct replica_entry *entry)
{
    struct replica_entry **first = &replica->first[entry->kind];

    entry->next = *first;
    entry->link = first;
    if (entry->next)
        entry->next->link = &entry->next;
    *first = entry;
    replica->counts[entry->kind]++;
    index_entry(replica, index_add, entry);
}

static void entry_unlink(struct replica *replica, struct replica_entry *entry)
{
    index_entry(replica, index_remove, entry);
    *entry->link = entry->next;
    if (entry->next)
        entry->next->link = entry->link;
    replica->counts[entry->kind]--;
}

/* --- changes --- */

static struct replica_entry *find_uuid(const struct replica *replica,
                                       const struct replica_uuid *uuid)
{
    struct index_list list =
        index_find(&replica->index, INDEX_UUID, (struct bytes){uuid->octets, sizeof(uuid->octets)});

    return list.n ? (struct replica_entry *)list.at[0] : NULL;
}

/* Replaces old by entry; either may be NULL. Frees old, takes entry. */
static void replace(struct replica *replica, struct replica_entry *old, struct replica_entry *entry,
                    const struct replica_affected *to)
{
    struct affected affected = {NULL, NULL};
    bool tell = to && (to->user || to->host);

    if (old && tell)
        affected_add(&affected, replica, old, entry);
    if (old)
        entry_unlink(replica, old);
    if (entry)
        entry_link(replica, entry);
    if (entry && tell)
        affected_add(&affected, replica, entry, old);
    free(old);
    if (tell)
        affected_report(&affected, to);
}

bool replica_put(struct replica *replica, const struct replica_record *record,
                 const struct replica_affected *affected, struct error *err)
{
    AUTO(entry_freep) struct replica_entry *entry = NULL;
    struct replica_entry *old = find_uuid(replica, &record->uuid);

    if (!entry_new(&replica->attributes, record, &entry, err))
        return false;
    if (entry->kind == REPLICA_OTHER) { /* no longer of a kind that we keep: gone for us */
        if (old)
            replace(replica, old, NULL, affected);
        return true;
    }
    if (old && entry_equal(old, entry))
        return true;
    if (!old && replica_size(replica) >= REPLICA_ENTRIES_MAX)
        return err_set(err, REASON_DIRECTORY_BAD_ANSWER, "more than %d entries",
                       REPLICA_ENTRIES_MAX);
    replace(replica, old, STEAL(entry), affected);
    return true;
}

bool replica_remove(struct replica *replica, const struct replica_uuid *uuid,
                    const struct replica_affected *affected)
{
    struct replica_entry *old = find_uuid(replica, uuid);

    if (old)
        replace(replica, old, NULL, affected);
    return old != NULL;
}

/* --- freshness --- */

void replica_set_as_of_ms(struct replica *replica, int64_t as_of_ms)
{
    if (as_of_ms > replica->as_of_ms)
        replica->as_of_ms = as_of_ms;
}

int64_t replica_as_of_ms(const struct replica *replica)
{
    return replica->as_of_ms;
}

int64_t replica_age_ms(const struct replica *replica, int64_t now_ms)
{
    if (replica->as_of_ms < 0)
        return INT64_MAX;
    return now_ms > replica->as_of_ms ? now_ms - replica->as_of_ms : 0;
}

/* --- questions --- */

struct index_list replica_list(const struct replica *replica, unsigned space,
                               enum attribute_match match, struct bytes value)
{
    AUTO(writer_clear) struct writer scratch = writer_new(REPLICA_VALUE_MAX);
    struct bytes key;

    if (!value_fold(match, value, &scratch, &key))
        return (struct index_list){NULL, 0};
    return index_find(&replica->index, space, key);
}

struct index_list replica_list_role(const struct replica *replica, enum attribute_role role,
                                    struct bytes value)
{
    uint8_t attribute = replica->attributes.of_role[role];

    return replica_list(replica, INDEX_VALUE + attribute, replica->attributes.at[attribute].match,
                        value);
}

bool replica_knows(const struct replica *replica, struct bytes attribute)
{
    uint8_t number = attributes_find(&replica->attributes, attribute);

    return number != ATTRIBUTE_NONE && replica->attributes.at[number].indexed;
}

size_t replica_find(const struct replica *replica, struct bytes attribute, struct bytes value,
                    const struct replica_entry **ret_entries, size_t ret_max)
{
    uint8_t number = attributes_find(&replica->attributes, attribute);
    struct index_list list;

    if (number == ATTRIBUTE_NONE || !replica->attributes.at[number].indexed)
        return 0;
    list = replica_list(replica, INDEX_VALUE + number, replica->attributes.at[number].match, value);
    for (size_t i = 0; i < list.n && i < ret_max; i++)
        ret_entries[i] = list.at[i];
    return list.n;
}

bool replica_entry_has(const struct replica *replica, const struct replica_entry *entry,
                       struct bytes attribute, struct bytes value)
{
    uint8_t number = attributes_find(&replica->attributes, attribute);
    AUTO(writer_clear) struct writer want_scratch = writer_new(REPLICA_VALUE_MAX);
    AUTO(writer_clear) struct writer have_scratch = writer_new(REPLICA_VALUE_MAX);
    struct entry_values values;
    struct bytes want, have;

    if (number == ATTRIBUTE_NONE ||
        !value_fold(replica->attributes.at[number].match, value, &want_scratch, &want))
        return false;
    values = entry_values(entry, number);
    for (size_t i = 0; i < values.n; i++)
        if (value_fold(replica->attributes.at[number].match, values_get(values, i), &have_scratch,
                       &have) &&
            bytes_equal(want, have))
            return true;
    return false;
}

const struct replica_entry *replica_find_user(const struct replica *replica, struct bytes name)
{
    struct index_list list = replica_list_role(replica, ROLE_USER_NAME, name);

    for (size_t i = 0; i < list.n; i++)
        if (bytes_equal(entry_name(&replica->attributes, list.at[i], ROLE_USER_NAME), name))
            return list.at[i];
    return NULL;
}

const struct replica_entry *replica_find_uuid(const struct replica *replica,
                                              const struct replica_uuid *uuid)
{
    return find_uuid(replica, uuid);
}

size_t replica_count(const struct replica *replica, enum replica_kind kind)
{
    return replica->counts[kind];
}

size_t replica_size(const struct replica *replica)
{
    size_t n = 0;

    for (size_t kind = 0; kind < REPLICA_KIND__COUNT; kind++)
        n += replica->counts[kind];
    return n;
}

void replica_each(const struct replica *replica, enum replica_kind kind,
                  bool (*each)(void *context, const struct replica_entry *entry), void *context)
{
    for (const struct replica_entry *entry = replica->first[kind]; entry; entry = entry->next)
        if (!each(context, entry))
            return;
}

struct bytes replica_entry_value(const struct replica *replica, const struct replica_entry *entry,
                                 struct bytes attribute, size_t number)
{
    uint8_t id = attributes_find(&replica->attributes, attribute);

    if (id == ATTRIBUTE_NONE)
        return (struct bytes){NULL, 0};
    return values_get(entry_values(entry, id), number);
}
