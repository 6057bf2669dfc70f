#pragma once
/*
 * An account as sessions share it, with its groups as the policy wants them. Immutable; counted
 * references within decide.
 */
#include "ldap/replica.h"

struct person {
    size_t refs;
    struct account *account; /* owned */
    const char *groups[];    /* names of the account's groups */
};

/* Takes the account. The caller owns one reference. */
struct person *person_new(struct account *account);
struct person *person_ref(struct person *person);   /* accepts NULL */
struct person *person_unref(struct person *person); /* accepts NULL, returns NULL */
