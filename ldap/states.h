#pragma once
/*
 * Account states that deny: one row per attribute in states.c. Internal to ldap/.
 */
#include "ldap/entry.h"

struct state {
    enum reason reason; /* OK, or the first row that denies */
    const char *detail; /* the attribute; static, "" when OK */
    int64_t until_s;    /* when time alone changes it; REPLICA_NEVER */
};

struct state state_of(const struct attributes *attributes, const struct replica_entry *entry,
                      int64_t now_s);
