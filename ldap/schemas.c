/*
 * The tables of what directories look like: schemas, and the matching rules of attributes. Data
 * only; used by every process that holds a replica.
 */
#include "ldap/schemas.h"

#include "common/text.h"

/* What both have: RFC 2307, the shadow and lock attributes, RFC 4512 operational attributes. */
#define POSIX_ATTRIBUTES                                                                           \
    [ROLE_CLASS] = "objectClass", [ROLE_USER_NAME] = "uid", [ROLE_USER_UID] = "uidNumber",         \
    [ROLE_USER_GID] = "gidNumber", [ROLE_HOME] = "homeDirectory", [ROLE_SHELL] = "loginShell",     \
    [ROLE_GECOS] = "gecos", [ROLE_COMMON_NAME] = "cn", [ROLE_CREATED] = "createTimestamp",         \
    [ROLE_GROUP_NAME] = "cn", [ROLE_GROUP_GID] = "gidNumber", [ROLE_MEMBER_NAME] = "memberUid",    \
    [ROLE_EXPIRE_DAYS] = "shadowExpire", [ROLE_LOCKED_TIME] = "pwdAccountLockedTime",              \
    [ROLE_LOCK_FLAG] = "nsAccountLock", [ROLE_HOST_NAME] = "cn",                                   \
    [ROLE_HOST_ADDRESS] = "ipHostNumber"

static const struct schema schemas[] = {
    {.name = "rfc2307",
     .user_class = "posixAccount",
     .group_classes = {"posixGroup"},
     .host_class = "ipHost",
     .attributes = {POSIX_ATTRIBUTES}},
    {.name = "rfc2307bis",
     .user_class = "posixAccount",
     .group_classes = {"posixGroup", "groupOfNames", "groupOfUniqueNames", "groupOfMembers"},
     .host_class = "ipHost",
     .attributes =
         {POSIX_ATTRIBUTES, [ROLE_MEMBER_DN] = "member", [ROLE_MEMBER_DN_UID] = "uniqueMember"}},
};

static const enum attribute_match role_matches[ROLE__COUNT] = {
    [ROLE_USER_UID] = MATCH_NUMBER,      [ROLE_USER_GID] = MATCH_NUMBER,
    [ROLE_GROUP_GID] = MATCH_NUMBER,     [ROLE_HOME] = MATCH_EXACT,
    [ROLE_SHELL] = MATCH_EXACT,          [ROLE_CREATED] = MATCH_EXACT,
    [ROLE_MEMBER_NAME] = MATCH_EXACT,    [ROLE_MEMBER_DN] = MATCH_DN,
    [ROLE_MEMBER_DN_UID] = MATCH_DN_UID, [ROLE_EXPIRE_DAYS] = MATCH_EXACT,
    [ROLE_LOCKED_TIME] = MATCH_EXACT,    [ROLE_HOST_ADDRESS] = MATCH_EXACT,
};

/* Attributes that mappings may name and that do not compare as caseIgnoreMatch. */
static const struct {
    const char *name;
    enum attribute_match match;
} known_matches[] = {
    {"userCertificate", MATCH_EXACT},
    {"objectSid", MATCH_EXACT},
    {"objectGUID", MATCH_EXACT},
    {"entryUUID", MATCH_CASE_IGNORE},
    {"manager", MATCH_DN},
    {"seeAlso", MATCH_DN},
    {"entryDN", MATCH_DN},
    {"memberOf", MATCH_DN},
    {"krbPrincipalName", MATCH_EXACT},
    {"uidNumber", MATCH_NUMBER},
    {"gidNumber", MATCH_NUMBER},
};

const struct schema *schema_of(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(schemas); i++)
        if (strcmp(schemas[i].name, name) == 0)
            return &schemas[i];
    return NULL;
}

enum attribute_match role_match(enum attribute_role role)
{
    return role_matches[role];
}

enum attribute_match attribute_match_of(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(known_matches); i++)
        if (text_equal_nocase(bytes_of(known_matches[i].name), bytes_of(name)))
            return known_matches[i].match;
    return MATCH_CASE_IGNORE;
}
