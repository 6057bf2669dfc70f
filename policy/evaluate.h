#pragma once
/*
 * Between evaluate.c and explain.c, and for tests that compare the index with a plain scan.
 */
#include "policy/conditions.h"

enum { EVALUATE_LISTS = 2 }; /* rules of the service, rules of every service */

/* What one rule says in one evaluation. */
enum outcome { OUTCOME_NO, OUTCOME_APPLIES, OUTCOME_POSTPONED };

/*
 * The number-th test of a rule, or NULL behind the last. Where logins are confirmed, an allow rule
 * without a word about login_as ends in `login_as = {"self"}`: nobody gets another one's account by
 * a rule that did not say so.
 */
const struct test *rule_test(const struct query *query, const struct rule *rule, size_t number);
/* `from`, `until` and `expires` as a test of its own. */
enum truth rule_in_time(const struct query *query, const struct rule *rule);
int64_t rule_end_s(const struct rule *rule); /* the earlier of until and expires */
/* Of a require: APPLIES when it blocks, because it is for this request and its need is not met. */
enum outcome rule_outcome(const struct query *query, const struct rule *rule);
/* The decision over the rules of these lists, each sorted by rule_rank. */
void evaluate_lists(const struct query *query, const struct rule_lists *const lists[EVALUATE_LISTS],
                    struct policy_decision *ret_decision);
/* Fills the first miss with what a require needs and did not get. */
void explain_unmet(const struct query *query, const struct rule *rule,
                   struct policy_decision *decision);
/* Fills the nearest misses behind those that are there: allow rules of the lists that did not
 * apply. */
void explain_misses(const struct query *query, const struct rule_lists *const lists[EVALUATE_LISTS],
                    struct policy_decision *decision);
