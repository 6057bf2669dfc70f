#pragma once
/*
 * A small directory for tests of decide: three users, two groups, one of them nested.
 */
#include "ldap/replica.h"

#include <string.h>

static inline void people_put(struct replica *replica, uint8_t number, const char *dn,
                              const char *const *pairs, const struct replica_affected *affected)
{
    struct replica_value values[32];
    struct replica_record record = {.dn = bytes_of(dn), .uuid = {{[15] = number}}};
    struct error err;

    for (size_t i = 0; pairs[i]; i += 2)
        values[record.n_values++] =
            (struct replica_value){bytes_of(pairs[i]), bytes_of(pairs[i + 1])};
    record.values = values;
    if (!replica_put(replica, &record, affected, &err))
        abort();
}

#define PEOPLE_DN(uid) "uid=" uid ",ou=people,dc=corp,dc=example"

static inline void people_user(struct replica *replica, uint8_t number, const char *dn,
                               const char *uid, const char *uid_number, const char *mail,
                               const char *created)
{
    const char *const pairs[] = {"objectClass",
                                 "inetOrgPerson",
                                 "objectClass",
                                 "posixAccount",
                                 "uid",
                                 uid,
                                 "cn",
                                 uid,
                                 "sn",
                                 "x",
                                 "uidNumber",
                                 uid_number,
                                 "gidNumber",
                                 "5000",
                                 "homeDirectory",
                                 "/home/x",
                                 "loginShell",
                                 "/bin/sh",
                                 "mail",
                                 mail,
                                 "createTimestamp",
                                 created,
                                 NULL};

    people_put(replica, number, dn, pairs, NULL);
}

static inline void people_group(struct replica *replica, uint8_t number, const char *dn,
                                const char *cn, const char *gid, const char *member,
                                const struct replica_affected *affected)
{
    const char *const pairs[] = {
        "objectClass", "groupOfNames", "objectClass", "posixGroup", "cn", cn, "gidNumber",
        gid,           "member",       member,        NULL};

    people_put(replica, number, dn, pairs, affected);
}

/* alice (in admins, which is in staff), bob, and two entries that share one address. */
static inline struct replica *people_new(const struct replica_options *options)
{
    struct replica *replica;
    struct error err;

    if (!replica_new(options, &replica, &err))
        abort();
    people_user(replica, 1, PEOPLE_DN("alice"), "alice", "2001", "alice@corp.example",
                "20200101000000Z");
    people_user(replica, 2, PEOPLE_DN("bob"), "bob", "2002", "bob@corp.example", "20200101000000Z");
    people_user(replica, 3, PEOPLE_DN("op1"), "op1", "2003", "ops@corp.example", "20200101000000Z");
    people_user(replica, 4, PEOPLE_DN("op2"), "op2", "2004", "ops@corp.example", "20200101000000Z");
    people_user(replica, 5, PEOPLE_DN("new"), "new", "2005", "new@corp.example", "20990101000000Z");
    people_group(replica, 10, "cn=admins,ou=groups,dc=corp,dc=example", "admins", "5001",
                 PEOPLE_DN("alice"), NULL);
    people_group(replica, 11, "cn=staff,ou=groups,dc=corp,dc=example", "staff", "5002",
                 "cn=admins,ou=groups,dc=corp,dc=example", NULL);
    return replica;
}
