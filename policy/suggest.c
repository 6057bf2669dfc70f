/*
 * Suggestions for misspelt names of a policy set. Runs where a load has found an error.
 */
#include "policy/suggest.h"

/* The nearer of the best so far (NULL: none) and one more name; NULL when neither is near. */
static const char *nearer(const char *wrong, const char *best, const char *name)
{
    const char *const pair[] = {best, name};

    return best ? suggest(wrong, pair, 2) : suggest(wrong, pair + 1, 1);
}

const char *suggest_network(const struct policy_set *set, const char *wrong)
{
    const char *best = NULL;

    for (size_t i = 0; i < set->n_networks; i++)
        best = nearer(wrong, best, set->networks[i]->name);
    return best;
}

const char *suggest_window(const struct policy_set *set, const char *wrong)
{
    const char *best = NULL;

    for (size_t i = 0; i < set->n_windows; i++)
        best = nearer(wrong, best, set->windows[i]->name);
    return best;
}

const char *suggest_rule(const struct policy_set *set, const char *wrong)
{
    const char *best = NULL;

    for (size_t i = 0; i < set->n_rules; i++)
        best = nearer(wrong, best, set->rules[i]->name);
    return best;
}
