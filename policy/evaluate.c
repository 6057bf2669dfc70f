/*
 * The decision: denies first, then the best allow, else no. Runs in decide for every connection and
 * re-judgement. Total and bounded: no error, no allocation, no loop but over rules and values.
 */
#include "policy/evaluate.h"

#include "policy/index.h"

#include <stdio.h>

static const struct value self = {.kind = VALUE_SELF, .text = ""};
static const struct test own_login = {
    .fact = POLICY_FACT_LOGIN_AS, .values = (struct value *)&self, .n_values = 1};

const struct test *rule_test(const struct query *query, const struct rule *rule, size_t number)
{
    if (number < rule->n_tests)
        return &rule->tests[number];
    if (number > rule->n_tests || !query->confirmed || rule->effect != EFFECT_ALLOW)
        return NULL;
    for (size_t i = 0; i < rule->n_tests; i++)
        if (rule->tests[i].fact == POLICY_FACT_LOGIN_AS)
            return NULL;
    return &own_login;
}

enum truth rule_in_time(const struct query *query, const struct rule *rule)
{
    if (rule->until_s == INT64_MAX)
        return TRUTH_YES;
    if (query->request->clock_unsure)
        return TRUTH_UNSURE;
    return query->request->now_s < rule->until_s ? TRUTH_YES : TRUTH_NO;
}

/*
 * Kleene AND of the tests. An allow needs YES of all; a deny is stopped only by a NO. What depends
 * on facts that come LATER is neither yet.
 */
enum outcome rule_outcome(const struct query *query, const struct rule *rule)
{
    enum truth in_time = rule_in_time(query, rule);
    const struct test *test;
    bool unsure = in_time == TRUTH_UNSURE, postponed = false;

    if (in_time == TRUTH_NO)
        return OUTCOME_NO;
    for (size_t i = 0; (test = rule_test(query, rule, i)); i++) {
        enum truth truth = condition_test(query, test, rule->effect);

        if (truth == TRUTH_NO)
            return OUTCOME_NO;
        unsure |= truth == TRUTH_UNSURE;
        postponed |= truth == TRUTH_POSTPONED;
    }
    if (unsure && rule->effect == EFFECT_ALLOW)
        return OUTCOME_NO;
    return postponed ? OUTCOME_POSTPONED : OUTCOME_APPLIES;
}

/* The first of each outcome in rank, over all lists. */
struct finding {
    const struct rule *applies, *postponed;
    int64_t postponed_until_s; /* the earliest end of a postponed rule */
};

static void note(const struct rule **best, const struct rule *rule)
{
    if (!*best || rule_rank(rule, *best) < 0)
        *best = rule;
}

static void postpone(struct finding *finding, const struct rule *rule)
{
    note(&finding->postponed, rule);
    if (rule->until_s < finding->postponed_until_s)
        finding->postponed_until_s = rule->until_s;
}

/* The place of the first rule of the run that applies and lies before `best`; else `best`. What
 * lies behind a rule that applies cannot rank before it. */
static uint32_t find_in_run(const struct query *query, const struct rule_list *list,
                            struct rule_run run, uint32_t best, struct finding *finding)
{
    for (size_t i = 0; i < run.n && run.at[i] < best; i++) {
        const struct rule *rule = list->at[run.at[i]];
        enum outcome outcome = rule_outcome(query, rule);

        if (outcome == OUTCOME_APPLIES)
            return run.at[i];
        if (outcome == OUTCOME_POSTPONED)
            postpone(finding, rule);
    }
    return best;
}

/*
 * Only the rules that the index has under the facts' values, and those it has under none. More
 * postponed rules may be noted than by a plain scan, but only where one applies: then nobody asks.
 */
static void find_by_index(const struct query *query, const struct rule_list *list,
                          struct finding *finding)
{
    uint32_t none = (uint32_t)list->n;
    uint32_t best = find_in_run(query, list, rule_index_always(list->index), none, finding);

    for (size_t id = 0; id < POLICY_FACT__COUNT; id++) {
        const struct policy_fact *fact = &query->request->facts[id];

        if (!rule_index_has(list->index, (enum policy_fact_id)id) ||
            condition_state(query, (enum policy_fact_id)id) != POLICY_PRESENT)
            continue;
        for (size_t i = 0; i < fact->n_values; i++)
            best = find_in_run(
                query, list, rule_index_find(list->index, (enum policy_fact_id)id, fact->values[i]),
                best, finding);
    }
    if (best != none)
        note(&finding->applies, list->at[best]);
}

/* The rest of a list cannot rank before its first rule that applies. */
static void find_in(const struct query *query, const struct rule_list *list,
                    struct finding *finding)
{
    if (list->index && rule_index_serves(list->index, query)) {
        find_by_index(query, list, finding);
        return;
    }
    for (size_t i = 0; i < list->n; i++) {
        const struct rule *rule = list->at[i];
        enum outcome outcome = rule_outcome(query, rule);

        if (outcome == OUTCOME_APPLIES) {
            note(&finding->applies, rule);
            return;
        }
        if (outcome == OUTCOME_POSTPONED)
            postpone(finding, rule);
    }
}

static struct finding find(const struct query *query,
                           const struct rule_lists *const lists[EVALUATE_LISTS], enum effect effect)
{
    struct finding finding = {.postponed_until_s = INT64_MAX};

    for (size_t i = 0; i < EVALUATE_LISTS; i++)
        if (lists[i])
            find_in(query, &lists[i]->by_effect[effect], &finding);
    return finding;
}

static void decide(struct policy_decision *decision, enum policy_verdict verdict,
                   enum reason reason, const struct rule *rule)
{
    decision->verdict = verdict;
    decision->reason = reason;
    if (!rule)
        return;
    (void)snprintf(decision->rule, sizeof(decision->rule), "%s", rule->name);
    (void)snprintf(decision->file, sizeof(decision->file), "%s", rule->file);
    (void)snprintf(decision->message, sizeof(decision->message), "%s", rule->message);
    decision->line = rule->line;
    decision->valid_until_s = rule->until_s;
}

void evaluate_lists(const struct query *query, const struct rule_lists *const lists[EVALUATE_LISTS],
                    struct policy_decision *ret_decision)
{
    struct finding deny = find(query, lists, EFFECT_DENY), allow;

    if (deny.applies) {
        decide(ret_decision, POLICY_DENY, REASON_RULE_DENY, deny.applies);
        return;
    }
    allow = find(query, lists, EFFECT_ALLOW);
    if (allow.applies && !deny.postponed)
        decide(ret_decision, POLICY_ALLOW, REASON_OK, allow.applies);
    else if (allow.applies || allow.postponed)
        decide(ret_decision, POLICY_PROVISIONAL, REASON_OK,
               allow.applies ? allow.applies : allow.postponed);
    else
        decide(ret_decision, POLICY_DENY, REASON_DEFAULT_DENY, NULL);
    /* The end of a deny that is still open may change the verdict as well. */
    if (ret_decision->verdict == POLICY_PROVISIONAL &&
        deny.postponed_until_s < ret_decision->valid_until_s)
        ret_decision->valid_until_s = deny.postponed_until_s;
}

/* The service asked for, if the set knows it. Exactly one value: the listener chose it. */
static const struct service *service_of(const struct policy_set *set,
                                        const struct policy_request *request)
{
    const struct policy_fact *fact = &request->facts[POLICY_FACT_SERVICES];

    if (fact->state != POLICY_PRESENT || fact->n_values != 1)
        return NULL;
    return set_find_service(set, fact->values[0]);
}

static uint32_t tested_by(const struct policy_set *set, const struct service *service)
{
    if (!service)
        return 0;
    return service->lists.tested | set->everywhere.tested |
           /* own_login compares the two */
           (service->confirmed ? 1u << POLICY_FACT_LOGIN_AS | 1u << POLICY_FACT_USERS : 0);
}

uint32_t policy_tested(const struct policy_set *set, const char *service)
{
    return set ? tested_by(set, set_find_service(set, service)) : 0;
}

void policy_evaluate(const struct policy_set *set, const struct policy_request *request,
                     struct policy_decision *ret_decision)
{
    const struct service *service = set ? service_of(set, request) : NULL;
    const struct query query = {.request = request, .confirmed = service && service->confirmed};
    const struct rule_lists *const lists[EVALUATE_LISTS] = {service ? &service->lists : NULL,
                                                            service ? &set->everywhere : NULL};

    *ret_decision = (struct policy_decision){.valid_until_s = INT64_MAX};
    if (!set || set->n_rules == 0) {
        decide(ret_decision, POLICY_DENY, REASON_POLICY_MISSING, NULL);
        return;
    }
    evaluate_lists(&query, lists, ret_decision);
    ret_decision->tested = tested_by(set, service);
    if (ret_decision->verdict == POLICY_DENY && !request->brief)
        explain_misses(&query, lists, ret_decision);
}
