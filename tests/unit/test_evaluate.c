/*
 * Properties of decisions over random policies and requests, from a fixed seed: what must hold
 * whatever the rules say (docs/policy-guide.md, "What always holds").
 */
#include "policy/evaluate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

enum {
    POLICIES = 600,
    REQUESTS = 34,
    RULES_MAX = 9,
    RULE_TEXT = 1200,
    LISTED_MAX = 2,
    LARGE_POLICIES = 150, /* long enough for an index */
    LARGE_RULES = 90,
};

static const char *const services[] = {"ssh", "web"}, *const cas[] = {"c1", "c2"};
static const bool confirmed[] = {true, false};
static const struct policy_world world = {services, confirmed, 2, cas, 2};
static const char nets[] = "network \"corp\" { cidr = {\"10.0.0.0/8\"} }\n"
                           "network \"lab\" { cidr = {\"10.1.0.0/16\", \"2001:db8::/32\"} }\n";

static uint64_t seed;

static uint32_t below(uint32_t n) /* xorshift64* */
{
    seed ^= seed >> 12;
    seed ^= seed << 25;
    seed ^= seed >> 27;
    return (uint32_t)((seed * 0x2545f4914f6cdd1d) >> 33) % n;
}

/* Random policies */

static const struct {
    const char *field;
    const char *words[6];
} fields[] = {
    {"users", {"u1", "u2", "u*", "*3", "none", "any"}},
    {"groups", {"g1", "g2", "g*", "*3", "none", "any"}},
    {"networks", {"corp", "lab", "192.0.2.7", "::/0", "none", "any"}},
    {"ca", {"c1", "c2", "c*", "*2", "none", "any"}},
    {"login_as", {"u1", "root", "self", "*2", "none", "any"}},
};

enum { LOGIN_AS = 4, NONE_WORD = 4, ANY_WORD = 5 };

/* field = {"a", "b"}: "any" alone, neither it nor "none" in a not_ field. */
static void add_field(char text[RULE_TEXT], size_t field, bool negative)
{
    size_t len = strlen(text), words = negative ? NONE_WORD : ANY_WORD;
    uint32_t first = below(negative ? NONE_WORD : ANY_WORD + 1), second = below((uint32_t)words);
    bool pair = first != ANY_WORD && second != first && below(2);

    (void)snprintf(text + len, RULE_TEXT - len, " %s%s = {\"%s\"%s%s%s}", negative ? "not_" : "",
                   fields[field].field, fields[field].words[first], pair ? ", \"" : "",
                   pair ? fields[field].words[second] : "", pair ? "\"" : "");
}

struct plan {
    char name[8];
    enum effect effect;
    bool shadow, overridable;
};

static struct plan random_plan(const char *name, enum effect effect)
{
    struct plan plan = {.effect = effect, .shadow = below(6) == 0, .overridable = below(2)};

    (void)snprintf(plan.name, sizeof(plan.name), "%s", name);
    return plan;
}

static void PRINTF(2, 3) add(char text[RULE_TEXT], const char *fmt, ...)
{
    size_t len = strlen(text);
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text + len, RULE_TEXT - len, fmt, args);
    va_end(args);
}

/* Logins are confirmed on "ssh" alone: LOGIN_AS only there. */
static void add_fields(char text[RULE_TEXT], bool confirmed_only, uint32_t percent)
{
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (i == LOGIN_AS && !confirmed_only)
            continue;
        if (below(100) < percent)
            add_field(text, i, false);
        if (below(100) < percent / 2)
            add_field(text, i, true);
    }
}

static void add_times(char text[RULE_TEXT])
{
    uint32_t end = 1 + below(59);

    if (below(4) == 0)
        add(text, " until = \"1970-01-01T00:00:%02uZ\"", (unsigned)end);
    if (below(6) == 0)
        add(text, " from = \"1970-01-01T00:00:%02uZ\"", (unsigned)below(end));
    if (below(8) == 0)
        add(text, " expires = \"1970-01-01T00:00:%02uZ\"", (unsigned)below(60));
}

/* An allow overrides some of the `others` that may be. */
static void add_overrides(char text[RULE_TEXT], const struct plan *others, size_t n_others)
{
    const char *before = " overrides = {";
    bool any = false;

    for (size_t i = 0; i < n_others; i++) {
        if (others[i].effect == EFFECT_ALLOW || !others[i].overridable || below(4) == 0)
            continue;
        add(text, "%s\"%s\"", before, others[i].name);
        before = ", ";
        any = true;
    }
    if (any)
        add(text, "}");
}

static void random_rule(char text[RULE_TEXT], const struct plan *plan, const struct plan *others,
                        size_t n_others)
{
    static const char *const where[] = {"services = {\"ssh\"}", "services = {\"web\"}",
                                        "services = {\"any\"}", "not_services = {\"web\"}",
                                        "services = {\"w*\", \"ssh\"}"};
    static const char *const effects[EFFECT__COUNT] = {"allow", "deny", "require"};
    bool require = plan->effect == EFFECT_REQUIRE;
    uint32_t place = below(ARRAY_LEN(where));
    bool on_ssh = place == 0 || place == 3;

    text[0] = '\0';
    add(text, "rule \"%s\" { effect = \"%s\" %s%s", plan->name, effects[plan->effect],
        require ? "for { " : "", where[place]);
    add_fields(text, on_ssh, require ? 10 : 30);
    if (require) {
        add(text, " } need { ");
        add_field(text, below(LOGIN_AS), below(2));
        add(text, " }");
    }
    add_times(text);
    if (below(3) == 0)
        add(text, " order = %u", (unsigned)below(3));
    if (plan->shadow)
        add(text, " mode = \"shadow\"");
    if (plan->overridable && plan->effect != EFFECT_ALLOW)
        add(text, " overridable = true");
    if (plan->effect == EFFECT_ALLOW && below(3) == 0)
        add_overrides(text, others, n_others);
    add(text, " }\n");
}

static void hear(void *context, const char *file, uint32_t line, const struct error *err)
{
    (void)context;
    print_message("%s:%u: %s\n", file, (unsigned)line, err->detail);
}

/* The rules [0, n) but for `without`, each text in one of two files. */
static struct policy_set *load_rules(char rules[][RULE_TEXT], const size_t *order, size_t n,
                                     size_t without)
{
    static char text[2][RULES_MAX * RULE_TEXT];
    const struct policy_file files[] = {
        {"n.conf", bytes_of(nets)}, {"a.conf", {NULL, 0}}, {"b.conf", {NULL, 0}}};
    const struct policy_errors errors = {hear, NULL};
    struct policy_file all[3];
    struct policy_set *set = NULL;

    text[0][0] = text[1][0] = '\0';
    for (size_t i = 0; i < n; i++) {
        char *to = text[order[i] % 2];
        size_t len = strlen(to);

        if (order[i] != without)
            (void)snprintf(to + len, sizeof(text[0]) - len, "%s", rules[order[i]]);
    }
    memcpy(all, files, sizeof(all));
    all[1].text = bytes_of(text[0]);
    all[2].text = bytes_of(text[1]);
    if (!policy_load(all, 3, &world, &errors, &set))
        fail_msg("does not load: %s%s", text[0], text[1]);
    return set;
}

/* Random requests */

struct asked {
    struct policy_request request;
    const char *values[POLICY_FACT__COUNT][LISTED_MAX];
};

static void random_fact(struct asked *asked, enum policy_fact_id id, const char *const *words,
                        uint32_t n_words)
{
    struct policy_fact *fact = &asked->request.facts[id];
    uint32_t roll = below(10);

    fact->state = roll == 0 ? POLICY_UNKNOWN : roll == 1 ? POLICY_ABSENT : POLICY_PRESENT;
    fact->values = asked->values[id];
    fact->n_values = 1 + below(LISTED_MAX);
    for (size_t i = 0; i < fact->n_values; i++)
        asked->values[id][i] = words[below(n_words)];
}

static void random_request(struct asked *asked)
{
    static const char *const users[] = {"u1", "u2", "u3", "root"};
    static const char *const groups[] = {"g1", "g2", "g3", "h1"};
    static const char *const addresses[] = {"10.2.0.1", "10.1.0.1", "192.0.2.7", "2001:db8::1"};
    static const char *const asked_services[] = {"ssh", "ssh", "web", "ftp"};

    *asked = (struct asked){.request.now_s = below(60), .request.clock_unsure = below(20) == 0};
    random_fact(asked, POLICY_FACT_USERS, users, 4);
    asked->request.facts[POLICY_FACT_USERS].n_values = 1;
    random_fact(asked, POLICY_FACT_GROUPS, groups, 4);
    random_fact(asked, POLICY_FACT_NETWORKS, addresses, 4);
    assert_true(address_parse(bytes_of(addresses[below(4)]), &asked->request.source, NULL));
    random_fact(asked, POLICY_FACT_CA, cas, 2);
    random_fact(asked, POLICY_FACT_LOGIN_AS, users, 4);
    asked->request.facts[POLICY_FACT_LOGIN_AS].n_values = 1;
    if (below(2))
        asked->request.facts[POLICY_FACT_LOGIN_AS].state = POLICY_LATER;
    random_fact(asked, POLICY_FACT_SERVICES, asked_services, 4);
    asked->request.facts[POLICY_FACT_SERVICES].state = POLICY_PRESENT;
    asked->request.facts[POLICY_FACT_SERVICES].n_values = 1;
}

/* Properties */

static int rank(const struct policy_decision *decision)
{
    return decision->verdict == POLICY_ALLOW ? 2 : decision->verdict == POLICY_PROVISIONAL;
}

static struct policy_decision decision_of(const struct policy_set *set,
                                          const struct policy_request *request)
{
    struct policy_decision decision;

    policy_evaluate(set, request, &decision);
    return decision;
}

static void check_erasure(const struct policy_set *set, const struct policy_request *request,
                          const struct policy_decision *decision)
{
    struct policy_request less = *request;
    struct policy_decision other;

    for (size_t i = 0; i < POLICY_FACT__COUNT; i++) {
        less = *request;
        less.facts[i].state = POLICY_UNKNOWN;
        other = decision_of(set, &less);
        if (rank(&other) > rank(decision))
            fail_msg("%s: without it more is allowed", policy_fact_name((enum policy_fact_id)i));
    }
    less = *request;
    less.clock_unsure = true;
    other = decision_of(set, &less);
    assert_true(rank(&other) <= rank(decision));
}

/* What is decided while the login name is open holds with every login name. */
static void check_stages(const struct policy_set *set, const struct policy_request *request,
                         const struct policy_decision *decision)
{
    static const char *const logins[] = {"u1", "u2", "u3", "root", "other"};

    if (request->facts[POLICY_FACT_LOGIN_AS].state != POLICY_LATER)
        return;
    for (size_t i = 0; i < ARRAY_LEN(logins); i++) {
        struct policy_request known = *request;
        struct policy_decision final;

        known.facts[POLICY_FACT_LOGIN_AS] =
            (struct policy_fact){.state = POLICY_PRESENT, .values = &logins[i], .n_values = 1};
        final = decision_of(set, &known);
        assert_int_not_equal(final.verdict, POLICY_PROVISIONAL);
        if (decision->verdict != POLICY_PROVISIONAL)
            assert_int_equal(final.verdict, decision->verdict);
    }
}

static void check_valid_until(const struct policy_set *set, const struct policy_request *request,
                              const struct policy_decision *decision)
{
    struct policy_request later = *request;
    struct policy_decision other;

    later.now_s += below(100);
    if (later.now_s >= decision->valid_until_s)
        return;
    other = decision_of(set, &later);
    assert_int_equal(other.verdict, decision->verdict);
}

static void same_decision(const struct policy_decision *a, const struct policy_decision *b)
{
    assert_int_equal(a->verdict, b->verdict);
    assert_int_equal(a->reason, b->reason);
    assert_string_equal(a->rule, b->rule);
    assert_int_equal(a->shadow_verdict, b->shadow_verdict);
    assert_string_equal(a->shadow_rule, b->shadow_rule);
    assert_int_equal(a->valid_until_s, b->valid_until_s);
    assert_int_equal(a->n_misses, b->n_misses);
    for (size_t i = 0; i < a->n_misses; i++) {
        assert_string_equal(a->misses[i].rule, b->misses[i].rule);
        assert_string_equal(a->misses[i].detail, b->misses[i].detail);
    }
}

static int compare_ranks(const void *a, const void *b)
{
    const struct rule *const *left = a, *const *right = b;

    return rule_rank(*left, *right);
}

/* All rules in one list, those of other services too. */
static void check_plain_scan(const struct policy_set *set, const struct policy_request *request,
                             const struct policy_decision *decision)
{
    const struct service *service =
        set_find_service(set, request->facts[POLICY_FACT_SERVICES].values[0]);
    const struct query query = {.request = request, .confirmed = service && service->confirmed};
    struct policy_decision plain = {.valid_until_s = INT64_MAX};
    const struct rule *rules[EFFECT__COUNT][LARGE_RULES];
    struct rule_lists all = {.by_effect = {{rules[0], 0}, {rules[1], 0}, {rules[2], 0}},
                             .has_overrides = true};
    const struct rule_lists *const lists[EVALUATE_LISTS] = {&all, NULL};

    if (!service)
        return;
    for (size_t i = 0; i < set->n_rules; i++) {
        struct rule_list *list = &all.by_effect[set->rules[i]->effect];

        list->at[list->n++] = set->rules[i];
    }
    for (size_t e = 0; e < EFFECT__COUNT; e++)
        if (all.by_effect[e].n > 0)
            qsort(all.by_effect[e].at, all.by_effect[e].n, sizeof(struct rule *), compare_ranks);
    evaluate_lists(&query, lists, &plain);
    assert_int_equal(plain.verdict, decision->verdict);
    assert_string_equal(plain.rule, decision->rule);
}

/* The rule named is one that applies; the misses are rules that do not. */
static void check_explanation(const struct policy_set *set, const struct policy_request *request,
                              const struct policy_decision *decision)
{
    const struct service *service =
        set_find_service(set, request->facts[POLICY_FACT_SERVICES].values[0]);
    const struct query query = {.request = request, .confirmed = service && service->confirmed};

    for (size_t i = 0; i < set->n_rules; i++) {
        const struct rule *rule = set->rules[i];
        enum outcome outcome = rule_outcome(&query, rule);

        if (strcmp(rule->name, decision->rule) == 0) {
            assert_int_not_equal(outcome, OUTCOME_NO);
            assert_int_equal(rule->line, decision->line);
            assert_int_equal(rule->effect, decision->verdict != POLICY_DENY ? EFFECT_ALLOW
                                           : decision->reason == REASON_REQUIREMENT_UNMET
                                               ? EFFECT_REQUIRE
                                               : EFFECT_DENY);
            assert_false(rule->shadow);
        }
        for (size_t k = 0; k < decision->n_misses; k++)
            if (strcmp(rule->name, decision->misses[k].rule) == 0) {
                bool unmet = decision->reason == REASON_REQUIREMENT_UNMET && k == 0;

                assert_true((outcome == OUTCOME_NO) == !unmet);
                assert_int_equal(rule->effect, unmet ? EFFECT_REQUIRE : EFFECT_ALLOW);
            }
    }
    assert_true(decision->verdict == POLICY_DENY || decision->n_misses == 0);
}

/* One policy in its variants. */
struct variants {
    struct policy_set *base, *shuffled, *more_denies, *fewer_allows, *enforced, *decoded;
};

static void shuffle(size_t *order, size_t n)
{
    for (size_t i = 0; i < n; i++)
        order[i] = i;
    for (size_t i = n; i > 1; i--) {
        size_t k = below((uint32_t)i), swap = order[k];

        order[k] = order[i - 1];
        order[i - 1] = swap;
    }
}

/* The same rules, none in shadow. */
static struct policy_set *load_enforced(char rules[][RULE_TEXT], const size_t *order, size_t n)
{
    static const char shadow[] = " mode = \"shadow\"";

    for (size_t i = 0; i < n; i++) {
        char *at = strstr(rules[i], shadow);

        if (at)
            memset(at, ' ', strlen(shadow));
    }
    return load_rules(rules, order, n, SIZE_MAX);
}

/* Rule 0 is an allow that one variant leaves out; the last rule blocks, and only one has it. */
static void make_variants(struct variants *variants)
{
    static char rules[RULES_MAX][RULE_TEXT];
    struct plan plans[RULES_MAX];
    AUTO(writer_clear) struct writer octets = writer_new(1 << 20);
    size_t n = 2 + below(RULES_MAX - 2), order[RULES_MAX], sorted[RULES_MAX];
    struct error err;

    for (size_t i = 0; i < n; i++) {
        /* Names in another order than the rules. */
        char name[3] = {'r', (char)('0' + (i * 7 + 3) % 10), '\0'};
        enum effect blocks = below(2) ? EFFECT_DENY : EFFECT_REQUIRE;
        bool block = i == n - 1 || (i > 0 && below(3) == 0);

        plans[i] = random_plan(name, block ? blocks : EFFECT_ALLOW);
        sorted[i] = i;
    }
    for (size_t i = 0; i < n; i++)
        random_rule(rules[i], &plans[i], plans, n - 1);
    shuffle(order, n - 1);
    variants->base = load_rules(rules, sorted, n - 1, SIZE_MAX);
    variants->shuffled = load_rules(rules, order, n - 1, SIZE_MAX);
    variants->more_denies = load_rules(rules, sorted, n, SIZE_MAX);
    variants->fewer_allows = load_rules(rules, sorted, n - 1, 0);
    variants->decoded = NULL;
    policy_encode(variants->base, &octets);
    assert_true(policy_decode(writer_bytes(&octets), &variants->decoded, &err));
    variants->enforced = load_enforced(rules, sorted, n - 1);
}

static void free_variants(struct variants *variants)
{
    policy_free(variants->base);
    policy_free(variants->shuffled);
    policy_free(variants->more_denies);
    policy_free(variants->fewer_allows);
    policy_free(variants->decoded);
    policy_free(variants->enforced);
}

static void check_request(const struct variants *variants, const struct policy_request *request,
                          size_t counts[3])
{
    struct policy_decision base = decision_of(variants->base, request), other;

    counts[base.verdict]++;
    check_erasure(variants->base, request, &base);
    check_stages(variants->base, request, &base);
    check_valid_until(variants->base, request, &base);
    check_plain_scan(variants->base, request, &base);
    check_explanation(variants->base, request, &base);
    other = decision_of(variants->shuffled, request);
    same_decision(&base, &other);
    other = decision_of(variants->decoded, request);
    same_decision(&base, &other);
    other = decision_of(variants->more_denies, request);
    assert_true(rank(&other) <= rank(&base));
    other = decision_of(variants->fewer_allows, request);
    assert_true(rank(&other) <= rank(&base));
    other = decision_of(variants->enforced, request);
    assert_int_equal(other.verdict, base.shadow_verdict);
    if (base.shadow_verdict != base.verdict)
        assert_string_equal(other.rule, base.shadow_rule);
}

static void test_properties(void **state)
{
    size_t counts[3] = {0};

    (void)state;
    seed = 0x6d746c735f706f6c;
    for (size_t i = 0; i < POLICIES; i++) {
        struct variants variants;

        make_variants(&variants);
        for (size_t k = 0; k < REQUESTS; k++) {
            struct asked asked;

            random_request(&asked);
            check_request(&variants, &asked.request, counts);
        }
        free_variants(&variants);
    }
    print_message("deny %zu, allow %zu, provisional %zu\n", counts[POLICY_DENY],
                  counts[POLICY_ALLOW], counts[POLICY_PROVISIONAL]);
    /* The cases are worth something only when all verdicts are among them. */
    assert_true(counts[POLICY_ALLOW] > 500 && counts[POLICY_PROVISIONAL] > 500);
}

/* Few denies, or nothing else would ever be said. */
static struct policy_set *load_large(void)
{
    static char text[LARGE_RULES * RULE_TEXT];
    const struct policy_file files[] = {{"n.conf", bytes_of(nets)}, {"a.conf", {NULL, 0}}};
    const struct policy_errors errors = {hear, NULL};
    struct policy_file all[2];
    struct policy_set *set = NULL;
    struct plan plans[LARGE_RULES];
    char rule[RULE_TEXT], name[8];

    text[0] = '\0';
    for (unsigned i = 0; i < LARGE_RULES; i++) {
        (void)snprintf(name, sizeof(name), "r%u", i * 37 % LARGE_RULES);
        plans[i] = random_plan(name, below(30) != 0 ? EFFECT_ALLOW
                                     : below(2)     ? EFFECT_DENY
                                                    : EFFECT_REQUIRE);
    }
    for (unsigned i = 0; i < LARGE_RULES; i++) {
        random_rule(rule, &plans[i], plans, LARGE_RULES);
        (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s", rule);
    }
    memcpy(all, files, sizeof(all));
    all[1].text = bytes_of(text);
    assert_true(policy_load(all, 2, &world, &errors, &set));
    return set;
}

/* The index is a way to find rules, never to decide: both ways give the same. */
static void test_index(void **state)
{
    size_t counts[3] = {0}, n_indexed = 0;

    (void)state;
    seed = 0x6d746c735f696478;
    for (size_t i = 0; i < LARGE_POLICIES; i++) {
        AUTO(policy_freep) struct policy_set *set = load_large();

        for (size_t s = 0; s < set->n_services; s++)
            n_indexed += set->services[s].lists.by_effect[EFFECT_ALLOW].index != NULL;
        for (size_t k = 0; k < 4 * REQUESTS; k++) {
            struct policy_decision decision;
            struct asked asked;

            random_request(&asked);
            decision = decision_of(set, &asked.request);
            counts[decision.verdict]++;
            check_plain_scan(set, &asked.request, &decision);
            check_explanation(set, &asked.request, &decision);
        }
    }
    print_message("deny %zu, allow %zu, provisional %zu; %zu lists with an index\n",
                  counts[POLICY_DENY], counts[POLICY_ALLOW], counts[POLICY_PROVISIONAL], n_indexed);
    assert_true(counts[POLICY_DENY] > 500 && counts[POLICY_ALLOW] > 500 &&
                counts[POLICY_PROVISIONAL] > 500);
    assert_true(n_indexed > LARGE_POLICIES);
}

/* Whoever asks for no misses gets the same decision. */
static void test_brief(void **state)
{
    AUTO(policy_freep) struct policy_set *set = NULL;

    (void)state;
    seed = 0x6d746c735f627266;
    set = load_large();
    for (size_t k = 0; k < REQUESTS; k++) {
        struct policy_decision whole, brief;
        struct asked asked;

        random_request(&asked);
        whole = decision_of(set, &asked.request);
        asked.request.brief = true;
        brief = decision_of(set, &asked.request);
        assert_int_equal(brief.n_misses, 0);
        brief.n_misses = whole.n_misses;
        memcpy(brief.misses, whole.misses, sizeof(brief.misses));
        same_decision(&whole, &brief);
    }
}

static void test_no_set(void **state)
{
    const struct policy_request request = {.now_s = 1};
    struct policy_decision decision = decision_of(NULL, &request);
    AUTO(policy_freep) struct policy_set *empty = NULL;

    (void)state;
    assert_int_equal(decision.verdict, POLICY_DENY);
    assert_int_equal(decision.reason, REASON_POLICY_MISSING);
    assert_true(policy_load(NULL, 0, &world, NULL, &empty));
    decision = decision_of(empty, &request);
    assert_int_equal(decision.verdict, POLICY_DENY);
    assert_int_equal(decision.reason, REASON_POLICY_MISSING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_properties),
        cmocka_unit_test(test_index),
        cmocka_unit_test(test_brief),
        cmocka_unit_test(test_no_set),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
