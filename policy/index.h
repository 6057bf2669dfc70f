#pragma once
/*
 * The index of one list of rules: from a user's or group's name to the rules that can only matter
 * to those who have it, so that evaluation tries a handful of ten thousand. Says which rules are
 * worth trying, never what they decide. For the files of policy/ only.
 */
#include "policy/conditions.h"

enum { INDEX_LEAST = 16 }; /* rules of a list from which on an index is worth its look-ups */

/* Places in the list, ascending: the order of rank. */
struct rule_run {
    const uint32_t *at;
    size_t n;
};

/* Makes list->index when the list is long enough; all of it lies in the arena. */
void rule_index_make(struct arena *arena, struct rule_list *list);
/*
 * Whether the index may be used for this query: of a filed fact that is UNKNOWN or comes LATER
 * every rule must be tried.
 */
bool rule_index_serves(const struct rule_index *index, const struct query *query);
/* Rules that are filed under nothing and always tried. */
struct rule_run rule_index_always(const struct rule_index *index);
/* Rules filed under this value of the fact; none when there are none. */
struct rule_run rule_index_find(const struct rule_index *index, enum policy_fact_id fact,
                                const char *value);
/* Whether any rule is filed under the fact. */
bool rule_index_has(const struct rule_index *index, enum policy_fact_id fact);
