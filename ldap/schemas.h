#pragma once
/*
 * Schemas: which classes and attributes a directory uses for which role, and how the values of an
 * attribute are compared. Adding a schema is one row in schemas.c.
 */
#include "common/error.h"

enum attribute_match {
    MATCH_CASE_IGNORE, /* ASCII letters and runs of spaces (RFC 4518, without Unicode folding) */
    MATCH_EXACT,       /* every octet */
    MATCH_NUMBER,      /* decimal, no leading zeros */
    MATCH_DN,          /* RFC 4514, any order inside of an RDN */
    MATCH_DN_UID,      /* DN with an optional bit string behind it (RFC 4517 3.3.21) */
};

/* What an attribute is for. A schema names one attribute for each role, or none. */
enum attribute_role {
    ROLE_CLASS,
    ROLE_USER_NAME,
    ROLE_USER_UID,
    ROLE_USER_GID,
    ROLE_HOME,
    ROLE_SHELL,
    ROLE_GECOS,
    ROLE_COMMON_NAME,
    ROLE_CREATED,
    ROLE_GROUP_NAME,
    ROLE_GROUP_GID,
    ROLE_MEMBER_NAME,
    ROLE_MEMBER_DN,
    ROLE_MEMBER_DN_UID,
    ROLE_EXPIRE_DAYS,
    ROLE_LOCKED_TIME,
    ROLE_LOCK_FLAG,
    ROLE_HOST_NAME,
    ROLE_HOST_ADDRESS,
    ROLE__COUNT
};

enum { SCHEMA_CLASSES_MAX = 4 };

struct schema {
    const char *name;
    const char *user_class;
    const char *group_classes[SCHEMA_CLASSES_MAX]; /* up to the first NULL */
    const char *host_class;                        /* NULL: the schema has none */
    const char *attributes[ROLE__COUNT];           /* NULL: the schema has none */
};

const struct schema *schema_of(const char *name); /* static; NULL when there is none */
enum attribute_match role_match(enum attribute_role role);
/* Of an attribute that a mapping names: MATCH_CASE_IGNORE unless the table knows better. */
enum attribute_match attribute_match_of(const char *name);
