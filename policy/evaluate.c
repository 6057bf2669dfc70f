/*
 * The decision: what blocks first, then the best allow, else no. Runs in decide for every
 * connection and re-judgement. Total and bounded: no error, no allocation, no loop but over rules
 * and values.
 */
#include "policy/evaluate.h"

#include "policy/index.h"

#include <stdio.h>

static const struct value self = {.kind = VALUE_SELF, .text = ""};
static const struct test own_login = {
    .fact = POLICY_FACT_LOGIN_AS, .values = (struct value *)&self, .n_values = 1};

const struct test *rule_test(const struct query *query, const struct rule *rule, size_t number)
{
    if (number < rule->tests.n)
        return &rule->tests.at[number];
    if (number > rule->tests.n || !query->confirmed || rule->effect != EFFECT_ALLOW)
        return NULL;
    for (size_t i = 0; i < rule->tests.n; i++)
        if (rule->tests.at[i].fact == POLICY_FACT_LOGIN_AS)
            return NULL;
    return &own_login;
}

int64_t rule_end_s(const struct rule *rule)
{
    return rule->until_s < rule->expires_s ? rule->until_s : rule->expires_s;
}

enum truth rule_in_time(const struct query *query, const struct rule *rule)
{
    int64_t now_s = query->request->now_s;

    if (rule->from_s == INT64_MIN && rule_end_s(rule) == INT64_MAX)
        return TRUTH_YES;
    if (query->request->clock_unsure)
        return TRUTH_UNSURE;
    return now_s >= rule->from_s && now_s < rule_end_s(rule) ? TRUTH_YES : TRUTH_NO;
}

/* Kleene AND; postponed only while nothing is worse. */
static enum truth both(enum truth a, enum truth b)
{
    if (a == TRUTH_NO || b == TRUTH_NO)
        return TRUTH_NO;
    if (a == TRUTH_UNSURE || b == TRUTH_UNSURE)
        return TRUTH_UNSURE;
    return a == TRUTH_YES ? b : a;
}

/* Whether the need of a require is met: by YES alone. */
static enum truth need_of(const struct query *query, const struct rule *rule)
{
    enum truth all = TRUTH_YES;

    for (size_t i = 0; i < rule->need.n && all != TRUTH_NO; i++)
        all = both(all, condition_test(query, &rule->need.at[i], SIDE_HELPS));
    return all;
}

/*
 * Kleene AND of the tests. An allow needs YES of all; a deny or require is stopped only by a NO.
 * What depends on facts that come LATER is neither yet.
 */
enum outcome rule_outcome(const struct query *query, const struct rule *rule)
{
    enum side side = rule->effect == EFFECT_ALLOW ? SIDE_HELPS : SIDE_STOPS;
    enum truth in_time = rule_in_time(query, rule), need = TRUTH_NO;
    const struct test *test;
    bool unsure = in_time == TRUTH_UNSURE, postponed = false;

    if (in_time == TRUTH_NO || (rule->shadow && !query->with_shadow))
        return OUTCOME_NO;
    for (size_t i = 0; (test = rule_test(query, rule, i)); i++) {
        enum truth truth = condition_test(query, test, side);

        if (truth == TRUTH_NO)
            return OUTCOME_NO;
        unsure |= truth == TRUTH_UNSURE;
        postponed |= truth == TRUTH_POSTPONED;
    }
    if (unsure && rule->effect == EFFECT_ALLOW)
        return OUTCOME_NO;
    if (rule->effect == EFFECT_REQUIRE && (need = need_of(query, rule)) == TRUTH_YES)
        return OUTCOME_NO;
    return postponed || need == TRUTH_POSTPONED ? OUTCOME_POSTPONED : OUTCOME_APPLIES;
}

/* The first of each outcome in rank, over all lists. */
struct finding {
    const struct rule *applies, *postponed;
};

static void note(const struct rule **best, const struct rule *rule)
{
    if (rule && (!*best || rule_rank(rule, *best) < 0))
        *best = rule;
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
            note(&finding->postponed, rule);
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
            note(&finding->postponed, rule);
    }
}

static struct finding find(const struct query *query,
                           const struct rule_lists *const lists[EVALUATE_LISTS], enum effect effect)
{
    struct finding finding = {.applies = NULL};

    for (size_t i = 0; i < EVALUATE_LISTS; i++)
        if (lists[i])
            find_in(query, &lists[i]->by_effect[effect], &finding);
    return finding;
}

/* Denies and requires together. */
static struct finding find_blocking(const struct query *query,
                                    const struct rule_lists *const lists[EVALUATE_LISTS])
{
    struct finding deny = find(query, lists, EFFECT_DENY);
    struct finding require = find(query, lists, EFFECT_REQUIRE);

    note(&deny.applies, require.applies);
    note(&deny.postponed, require.postponed);
    return deny;
}

/* --- allow rules that pass what blocks -------------------------------------------------------- */

static bool overrides(const struct rule *allow, const struct rule *blocking)
{
    return blocking->overridable && allow->n_overrides > 0 &&
           bsearch(&blocking->name, allow->overrides, allow->n_overrides, sizeof(blocking->name),
                   name_compare) != NULL;
}

/* What applies in the list and is not overridden; NULL: nothing. */
static const struct rule *stopped_in(const struct query *query, const struct rule_list *list,
                                     const struct rule *allow)
{
    for (size_t i = 0; i < list->n; i++)
        if (!overrides(allow, list->at[i]) && rule_outcome(query, list->at[i]) == OUTCOME_APPLIES)
            return list->at[i];
    return NULL;
}

static const struct rule *stopped_by(const struct query *query,
                                     const struct rule_lists *const lists[EVALUATE_LISTS],
                                     const struct rule *allow)
{
    const struct rule *first = NULL;

    for (size_t i = 0; i < EVALUATE_LISTS; i++)
        for (size_t e = EFFECT_DENY; lists[i] && e < EFFECT__COUNT; e++)
            note(&first, stopped_in(query, &lists[i]->by_effect[e], allow));
    return first;
}

/*
 * While *blocking applies. Rare rules (break-glass), so all lists are scanned for each that
 * applies; where no rule overrides anything, nothing is. What stops a rule that overrides the
 * first one is the better answer to why.
 */
static struct finding find_overriding(const struct query *query,
                                      const struct rule_lists *const lists[EVALUATE_LISTS],
                                      const struct rule **blocking)
{
    struct finding finding = {.applies = NULL};
    const struct rule *first = *blocking, *stops = NULL;

    for (size_t i = 0; i < EVALUATE_LISTS && first->overridable; i++) {
        const struct rule_list *list = lists[i] ? &lists[i]->by_effect[EFFECT_ALLOW] : NULL;

        for (size_t k = 0; list && lists[i]->has_overrides && k < list->n; k++) {
            const struct rule *rule = list->at[k], *stop;
            enum outcome outcome = overrides(rule, first) ? rule_outcome(query, rule) : OUTCOME_NO;

            if (outcome == OUTCOME_NO)
                continue;
            stop = stopped_by(query, lists, rule);
            if (stop)
                note(&stops, stop);
            else
                note(outcome == OUTCOME_APPLIES ? &finding.applies : &finding.postponed, rule);
        }
    }
    if (stops)
        *blocking = stops;
    return finding;
}

/* --- the verdict ------------------------------------------------------------------------------ */

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
}

/* Returns the require that blocked, for the explanation; NULL when none has. */
static const struct rule *evaluate_rules(const struct query *query,
                                         const struct rule_lists *const lists[EVALUATE_LISTS],
                                         struct policy_decision *ret_decision)
{
    struct finding blocking = find_blocking(query, lists);
    struct finding allow = blocking.applies ? find_overriding(query, lists, &blocking.applies)
                                            : find(query, lists, EFFECT_ALLOW);

    if (blocking.applies && !allow.applies && !allow.postponed) {
        bool unmet = blocking.applies->effect == EFFECT_REQUIRE;

        decide(ret_decision, POLICY_DENY, unmet ? REASON_REQUIREMENT_UNMET : REASON_RULE_DENY,
               blocking.applies);
        return unmet ? blocking.applies : NULL;
    }
    if (allow.applies && !blocking.postponed)
        decide(ret_decision, POLICY_ALLOW, REASON_OK, allow.applies);
    else if (allow.applies || allow.postponed)
        decide(ret_decision, POLICY_PROVISIONAL, REASON_OK,
               allow.applies ? allow.applies : allow.postponed);
    else
        decide(ret_decision, POLICY_DENY, REASON_DEFAULT_DENY, NULL);
    return NULL;
}

void evaluate_lists(const struct query *query, const struct rule_lists *const lists[EVALUATE_LISTS],
                    struct policy_decision *ret_decision)
{
    const struct rule *unmet = evaluate_rules(query, lists, ret_decision);

    if (unmet && !query->request->brief)
        explain_unmet(query, unmet, ret_decision);
}

/* The first instant behind now at which some rule of these lists begins or ends. */
static int64_t next_instant_s(const struct rule_lists *lists, int64_t now_s)
{
    size_t low = 0, high = lists->n_instants;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (lists->instants[middle] > now_s)
            high = middle;
        else
            low = middle + 1;
    }
    return low < lists->n_instants ? lists->instants[low] : INT64_MAX;
}

/* The next instant at which time alone may change what some rule of these lists says. */
static int64_t next_change_s(const struct rule_lists *lists, int64_t now_s)
{
    int64_t first_s = next_instant_s(lists, now_s), until_s;

    for (size_t i = 0; i < lists->n_windows; i++) {
        (void)window_has(lists->windows[i], now_s, &until_s);
        if (until_s < first_s)
            first_s = until_s;
    }
    return first_s;
}

static void judge_with_shadow(const struct query *query,
                              const struct rule_lists *const lists[EVALUATE_LISTS],
                              struct policy_decision *decision)
{
    struct query with = *query;
    struct policy_decision shadow = {.verdict = POLICY_DENY};

    with.with_shadow = true;
    (void)evaluate_rules(&with, lists, &shadow);
    if (shadow.verdict == decision->verdict)
        return;
    decision->shadow_verdict = shadow.verdict;
    memcpy(decision->shadow_rule, shadow.rule, sizeof(shadow.rule));
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

static policy_facts tested_by(const struct policy_set *set, const struct service *service)
{
    if (!service)
        return 0;
    return service->lists.tested | set->everywhere.tested |
           /* own_login compares the two */
           (service->confirmed
                ? POLICY_FACT_BIT(POLICY_FACT_LOGIN_AS) | POLICY_FACT_BIT(POLICY_FACT_USERS)
                : 0);
}

policy_facts policy_tested(const struct policy_set *set, const char *service)
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
    bool shadow = false;

    *ret_decision = (struct policy_decision){.valid_until_s = INT64_MAX};
    if (!set || set->n_rules == 0) {
        decide(ret_decision, POLICY_DENY, REASON_POLICY_MISSING, NULL);
        return;
    }
    evaluate_lists(&query, lists, ret_decision);
    ret_decision->tested = tested_by(set, service);
    for (size_t i = 0; i < EVALUATE_LISTS && lists[i]; i++) {
        int64_t change_s = next_change_s(lists[i], request->now_s);

        if (change_s < ret_decision->valid_until_s)
            ret_decision->valid_until_s = change_s;
        shadow |= lists[i]->has_shadow;
    }
    ret_decision->shadow_verdict = ret_decision->verdict;
    if (shadow)
        judge_with_shadow(&query, lists, ret_decision);
    if (ret_decision->verdict == POLICY_DENY && !request->brief)
        explain_misses(&query, lists, ret_decision);
}
