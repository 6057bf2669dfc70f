#pragma once
/*
 * Replica: the directory's users, groups and hosts in memory, with indexes, closure of nested
 * groups and account states. Pure: no I/O, no clock, no libldap; what fills it is a feed
 * (ldap/directory.h, an LDIF file, a snapshot). Directory strings are untrusted: nothing leaves as
 * an account unchecked. Out of memory aborts (callers are supervised, or a command). Not
 * thread-safe.
 */
#include "common/error.h"
#include "common/writer.h"
#include "ldap/local_names.h"

enum {
    REPLICA_DN_MAX = 2048,           /* octets of a DN; our choice, real ones have 60-120 */
    REPLICA_VALUE_MAX = 64 * 1024,   /* octets of one value (a certificate is the largest we use) */
    REPLICA_ENTRY_MAX = 32 << 20,    /* octets of one entry: a group of 300,000 members */
    REPLICA_VALUES_MAX = 1000000,    /* values of one entry */
    REPLICA_ENTRIES_MAX = 2000000,   /* entries of a replica */
    REPLICA_EXTRA_MAX = 32,          /* attributes kept beyond the table in schemas.c */
    REPLICA_ATTRIBUTE_MAX = 64,      /* octets of an attribute name */
    REPLICA_GROUP_DEPTH_MAX = 32,    /* nesting; deeper is GROUP_LIMIT, never a partial list */
    REPLICA_GROUPS_MAX = 10000,      /* groups of one account, likewise */
    REPLICA_GROUP_NAME_MAX = 256,    /* octets of a group name in policies; NSS takes fewer */
    REPLICA_NAME_MAX = 32,           /* octets of a login name (utmp) */
};
#define REPLICA_SNAPSHOT_MAX ((size_t)1 << 30) /* octets of an encoded replica */
#define REPLICA_NEVER        INT64_MAX         /* a time that does not come */

enum replica_kind { REPLICA_OTHER, REPLICA_USER, REPLICA_GROUP, REPLICA_HOST, REPLICA_KIND__COUNT };

struct replica;
struct replica_entry; /* borrowed from the replica until its next put, remove, apply or free */

struct replica_uuid { /* entryUUID (RFC 4530) */
    uint8_t octets[16];
};

struct replica_options {
    const char *schema; /* a row of schemas.c: "rfc2307", "rfc2307bis" */
    uint32_t min_id;    /* least uid and gid; 0 means 1000. 0 itself is never taken */
    /* Attributes to keep and index beyond the table: what the mappings' `find` names. Copied. */
    char extra[REPLICA_EXTRA_MAX][REPLICA_ATTRIBUTE_MAX];
    size_t n_extra;
    /* What the host has itself and no entry may be: its accounts, its groups. Borrowed, and looked
     * at anew with each question; NULL: the replica serves no host. */
    const struct local_names *local_users, *local_groups;
};

/* One entry as a feed brings it; all octets are borrowed. Attributes may repeat. */
struct replica_value {
    struct bytes attribute, value;
};
struct replica_record {
    struct bytes dn;
    struct replica_uuid uuid;
    const struct replica_value *values;
    size_t n_values;
};

/* Receives the login name of each user whose account may have changed; a name may come twice. */
struct replica_affected {
    void (*user)(void *context, const char *name); /* may be NULL */
    void *context;
    void (*host)(void *context,
                 const char *name); /* of a host entry that has changed; may be NULL */
};

struct account_group {
    const char *name;
    uint32_t gid; /* 0: no gid that may be used: none, below min_id, or the group is the host's */
};

/* Who a user entry is at one moment; immutable, independent of the replica once made. */
struct account {
    const char *name; /* checked: [A-Za-z0-9._-], no leading '-', at most REPLICA_NAME_MAX */
    const char *dn;   /* as the directory writes it, clean text */
    struct replica_uuid uuid;
    uint32_t uid, gid;
    const char *home, *shell, *gecos; /* sanitised; fit for passwd(5) */
    int64_t created_s;                /* createTimestamp; -1 unknown */
    enum reason reason;    /* OK, or why it may not be used: ACCOUNT_EXPIRED, GROUP_LIMIT, ... */
    const char *detail;    /* for the audit record; "" when OK */
    int64_t state_until_s; /* when time alone changes `reason`; REPLICA_NEVER */
    /* With nested closure and the primary group. Complete, or none: ACCOUNT_INVALID, GROUP_LIMIT.
     */
    const struct account_group *groups;
    size_t n_groups;
};

/* --- options -------------------------------------------------------------------------------- */
/* Adds every attribute that a filter or `find` template names, "(&(mail={x})(ou=y))". */
bool replica_options_add_filter(struct replica_options *options, struct bytes filter,
                                struct error *err) MUST_CHECK;

/* --- life ----------------------------------------------------------------------------------- */
/* Refuses an unknown schema. The caller owns *ret_replica. */
bool replica_new(const struct replica_options *options, struct replica **ret_replica,
                 struct error *err) MUST_CHECK;
struct replica *replica_free(struct replica *replica); /* accepts NULL, returns NULL */
/* The same in pieces: no other call may follow but this one, until it returns NULL. */
struct replica *replica_free_some(struct replica *replica, size_t n_entries);
const struct replica_options *replica_options(const struct replica *replica);

/* --- changes -------------------------------------------------------------------------------- */
/* Adds the entry or replaces the one of the same uuid. Refuses what breaks a limit or has no valid
 * DN; the replica is then unchanged. Attributes that nobody asked for are dropped. */
bool replica_put(struct replica *replica, const struct replica_record *record,
                 const struct replica_affected *affected, struct error *err) MUST_CHECK;
/* False when there is no such entry. */
bool replica_remove(struct replica *replica, const struct replica_uuid *uuid,
                    const struct replica_affected *affected);

/* --- freshness ------------------------------------------------------------------------------ */
/* as_of: time of day up to which the content is known to be true. Only moves forward. */
void replica_set_as_of_ms(struct replica *replica, int64_t as_of_ms);
int64_t replica_as_of_ms(const struct replica *replica); /* -1: never */
/* 0 when the clock stepped back; INT64_MAX when nothing is known. */
int64_t replica_age_ms(const struct replica *replica, int64_t now_ms);

/* --- questions ------------------------------------------------------------------------------ */
/* Whether `attribute` is kept: a search for another one finds nobody. Names are case-insensitive,
 * ";binary" does not count. */
bool replica_knows(const struct replica *replica, struct bytes attribute);
/* User entries with that value under the attribute's matching rule. Returns how many there are;
 * the first ret_max go to ret_entries. */
size_t replica_find(const struct replica *replica, struct bytes attribute, struct bytes value,
                    const struct replica_entry **ret_entries, size_t ret_max);
/* Whether the entry has that value, by the same rule. */
bool replica_entry_has(const struct replica *replica, const struct replica_entry *entry,
                       struct bytes attribute, struct bytes value);
/* The user of exactly that login name; NULL when there is none. When several entries have the name,
 * one of them, and its account says ACCOUNT_INVALID. */
const struct replica_entry *replica_find_user(const struct replica *replica, struct bytes name);
const struct replica_entry *replica_find_uuid(const struct replica *replica,
                                              const struct replica_uuid *uuid);
/* The caller owns the account; never NULL. Its reason says whether it may be used. */
struct account *replica_account(const struct replica *replica, const struct replica_entry *entry,
                                int64_t now_s) MUST_CHECK;
struct account *account_free(struct account *account); /* accepts NULL, returns NULL */
/* Whether they say the same in everything. */
bool account_equal(const struct account *a, const struct account *b);
/* Whether one of the account's groups has that name (case-insensitive, as cn in the directory). */
bool account_in_group(const struct account *account, struct bytes name);

/* Name and gid of a group entry, checked as for accounts; false when it has no usable name. */
bool replica_group(const struct replica *replica, const struct replica_entry *entry,
                   struct account_group *ret_group, char ret_name[REPLICA_GROUP_NAME_MAX + 1]);
/* Whether its name or gid is one of the host, or its name one that hosts give rights to: such a
 * group is a name for policies and nothing else. */
bool replica_group_is_local(const struct replica *replica, const struct replica_entry *entry);
size_t replica_count(const struct replica *replica, enum replica_kind kind);
size_t replica_size(const struct replica *replica); /* entries of all kinds */
/* Every entry of the kind, until `each` returns false. It must not change the replica. */
void replica_each(const struct replica *replica, enum replica_kind kind,
                  bool (*each)(void *context, const struct replica_entry *entry), void *context);
enum replica_kind replica_entry_kind(const struct replica_entry *entry);
const struct replica_uuid *replica_entry_uuid(const struct replica_entry *entry);
struct bytes replica_entry_dn(const struct replica_entry *entry);
/* The number-th value of the attribute; no octets (at == NULL) when there is none. */
struct bytes replica_entry_value(const struct replica *replica, const struct replica_entry *entry,
                                 struct bytes attribute, size_t number);

/* --- between processes and on disk (layout in docs/protocol.md, "Replica") ---------------------
 */
/* Everything. A broken writer means that it is larger than the writer's limit. */
void replica_encode(const struct replica *replica, struct writer *out);
/* options: schema and min_id as this process is configured; another schema is refused. Attributes
 * are those of the octets. Bounded; refuses what encode does not write. */
bool replica_decode(const struct replica_options *options, struct bytes in,
                    struct replica **ret_replica, struct error *err) MUST_CHECK;
/* The same in slices, for loops that may not stand still: new, step until *ret_done, take. `in`
 * must stay; after a false step only free is allowed. */
struct replica_decoder;
bool replica_decoder_new(const struct replica_options *options, struct bytes in,
                         struct replica_decoder **ret_decoder, struct error *err) MUST_CHECK;
bool replica_decoder_step(struct replica_decoder *decoder, size_t n_entries, bool *ret_done,
                          struct error *err) MUST_CHECK;
struct replica *replica_decoder_take(struct replica_decoder *decoder);
struct replica_decoder *replica_decoder_free(struct replica_decoder *decoder); /* accepts NULL */
/* What a server is asked for: the classes of users and groups, and the number-th kept attribute by
 * name (NULL: no more). Borrowed from the replica. */
const char *replica_filter(const struct replica *replica);
const char *replica_attribute(const struct replica *replica, size_t number);
/* One change, for CHANGE and CHANGE_MEMFD. */
void replica_encode_put(const struct replica *replica, const struct replica_entry *entry,
                        struct writer *out);
void replica_encode_remove(const struct replica_uuid *uuid, struct writer *out);
bool replica_apply(struct replica *replica, struct bytes change,
                   const struct replica_affected *affected, struct error *err) MUST_CHECK;

DEFINE_AUTO(struct replica *, replica_freep, replica_free)
DEFINE_AUTO(struct replica_decoder *, replica_decoder_freep, replica_decoder_free)
DEFINE_AUTO(struct account *, account_freep, account_free)
