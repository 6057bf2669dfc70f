/*
 * One account for all sessions of a user that found it alike. Runs in decide.
 */
#include "gatewayd/decide/person.h"

#include "gatewayd/shared/xalloc.h"

struct person *person_new(struct account *account)
{
    struct person *person =
        xcalloc(1, sizeof(*person) + account->n_groups * sizeof(person->groups[0]));

    person->refs = 1;
    person->account = account;
    for (size_t i = 0; i < account->n_groups; i++)
        person->groups[i] = account->groups[i].name;
    return person;
}

struct person *person_ref(struct person *person)
{
    if (person)
        person->refs++;
    return person;
}

struct person *person_unref(struct person *person)
{
    if (!person || --person->refs > 0)
        return NULL;
    (void)account_free(person->account);
    free(person);
    return NULL;
}
