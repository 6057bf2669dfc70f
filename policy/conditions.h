#pragma once
/*
 * Conditions: one row per fact that a rule may test, with the words for it, the values that may be
 * written and how they match. For the files of policy/ only.
 */
#include "policy/set.h"

/* What a test says. MISSING is only between functions: a test ends in one of the other four. */
enum truth { TRUTH_NO, TRUTH_YES, TRUTH_UNSURE, TRUTH_POSTPONED, TRUTH_MISSING };

/* Whom a test that holds serves: the requester (allow rules, `need`), or those who would stop him
 * (deny rules, `for`). What is missing never helps. */
enum side { SIDE_HELPS, SIDE_STOPS };

/* What one evaluation asks. */
struct query {
    const struct policy_request *request;
    bool confirmed;   /* the service confirms logins: LATER is possible */
    bool with_shadow; /* as if shadow rules were enforced */
};

/* The names that values may refer to while a set is loaded. */
struct scope {
    const struct policy_world *world;
    struct policy_set *set; /* its networks are complete */
};

struct condition {
    const char *name, *not_name;
    uint32_t kinds; /* bit per value_kind that may be written */
    /* Checks what the value refers to; NULL: any name will do. */
    bool (*refer)(const struct scope *scope, const struct value *value, struct error *err);
};

/* By policy_fact_id. */
const struct condition *condition_of(enum policy_fact_id fact);
/* "groups" or "not_groups"; false when there is no such field. */
bool condition_find(const char *field, enum policy_fact_id *ret_fact, bool *ret_negative);
const char *condition_field(const struct test *test);

/* Reads one value of a test; *ret_value lives in the set's arena. */
bool condition_parse(const struct scope *scope, const struct test *test, struct bytes text,
                     struct value *ret_value, struct error *err) MUST_CHECK;
/* What holds for the values of one test together; used by load and decode. */
bool condition_check(const struct test *test, struct error *err) MUST_CHECK;

/* The state that counts: a set without values is ABSENT, LATER needs confirmation. */
enum policy_fact_state condition_state(const struct query *query, enum policy_fact_id fact);
/* Whether a name fits a value that is a text or pattern. */
bool value_fits(const struct value *value, const char *name);
/* The three-state answer of one test (docs/policy-guide.md, "When a fact is missing"). */
enum truth condition_test(const struct query *query, const struct test *test, enum side side);
