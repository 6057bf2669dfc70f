/*
 * Suggestions for misspelt names of a policy set. Runs where a load has found an error.
 */
#include "policy/suggest.h"

const char *suggest_network(const struct policy_set *set, const char *wrong)
{
    const char *best = NULL;

    for (size_t i = 0; i < set->n_networks; i++) {
        const char *const pair[] = {best, set->networks[i]->name};

        best = best ? suggest(wrong, pair, 2) : suggest(wrong, pair + 1, 1);
    }
    return best;
}

const char *suggest_window(const struct policy_set *set, const char *wrong)
{
    const char *best = NULL;

    for (size_t i = 0; i < set->n_windows; i++) {
        const char *const pair[] = {best, set->windows[i]->name};

        best = best ? suggest(wrong, pair, 2) : suggest(wrong, pair + 1, 1);
    }
    return best;
}
