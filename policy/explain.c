/*
 * Why not: the nearest allow rules and, in words, which of their tests failed. Runs in decide after
 * a denial. Values of facts come from certificates and directories; whoever prints the words
 * escapes them.
 */
#include "common/text.h"
#include "policy/evaluate.h"

#include <stdarg.h>
#include <stdio.h>

enum { VALUES_SHOWN = 4 }; /* of one list; the others are counted */

/* Text that stops growing when it is full. */
struct words {
    char *at;
    size_t len, room;
    bool full;
};

/* Ends in "..." without cutting a UTF-8 sequence: the words go into JSON. */
static void end_in_dots(struct words *words)
{
    size_t len = words->room - 4;

    while (len > 0 && ((uint8_t)words->at[len] & 0xc0) == 0x80)
        len--;
    memcpy(words->at + len, "...", 4);
    words->full = true;
}

static void PRINTF(2, 3) say(struct words *words, const char *fmt, ...)
{
    size_t room = words->room - words->len;
    va_list args;
    int len;

    if (words->full)
        return;
    va_start(args, fmt);
    len = vsnprintf(words->at + words->len, room, fmt, args);
    va_end(args);
    if (len < 0)
        return;
    if ((size_t)len >= room)
        end_in_dots(words);
    else
        words->len += (size_t)len;
}

static void say_value(struct words *words, const struct value *value)
{
    static const char *const reserved[] = {"any", "none", "self"};

    if (value->kind < ARRAY_LEN(reserved))
        say(words, "%s", reserved[value->kind]);
    else
        say(words, "%s%s%s", value->kind == VALUE_SUFFIX ? "*" : "", value->text,
            value->kind == VALUE_PREFIX ? "*" : "");
}

static void say_values(struct words *words, const struct test *test)
{
    for (size_t i = 0; i < test->n_values && i < VALUES_SHOWN; i++) {
        if (i > 0)
            say(words, ", ");
        say_value(words, &test->values[i]);
    }
    if (test->n_values > VALUES_SHOWN)
        say(words, " and %zu more", test->n_values - VALUES_SHOWN);
}

static void say_fact(struct words *words, const struct policy_request *request,
                     enum policy_fact_id id)
{
    const struct policy_fact *fact = &request->facts[id];
    char address[ADDRESS_TEXT_MAX], time[32];

    if (id == POLICY_FACT_WINDOWS) {
        text_format_time_ms(request->now_s * 1000, time);
        say(words, "%.19sZ", time);
        return;
    }
    if (id == POLICY_FACT_NETWORKS) {
        address_format(&request->source, address);
        say(words, "%s", address);
        return;
    }
    for (size_t i = 0; i < fact->n_values && i < VALUES_SHOWN; i++)
        say(words, "%s%s", i > 0 ? ", " : "", fact->values[i]);
    if (fact->n_values > VALUES_SHOWN)
        say(words, " and %zu more", fact->n_values - VALUES_SHOWN);
}

static bool is_several(const struct query *query, const struct test *test)
{
    return test->fact != POLICY_FACT_NETWORKS && test->fact != POLICY_FACT_WINDOWS &&
           query->request->facts[test->fact].n_values > 1;
}

/* Which value of a not_X was met: the same test with that value alone tells. */
static void say_met(struct words *words, const struct query *query, const struct test *test)
{
    for (size_t i = 0; i < test->n_values; i++) {
        struct test one = *test;

        one.values = &test->values[i];
        one.n_values = 1;
        one.first_exact = 0;
        one.n_exact = one.values->kind == VALUE_EXACT;
        if (condition_test(query, &one, SIDE_HELPS) == TRUTH_YES)
            continue;
        say(words, is_several(query, test) ? "one of " : "");
        say_fact(words, query->request, test->fact);
        say(words, " is in ");
        say_value(words, one.values);
        return;
    }
}

/* "self" has no meaning while nobody knows the account. */
static bool lacks_account(const struct query *query, const struct test *test)
{
    for (size_t i = 0; i < test->n_values; i++)
        if (test->values[i].kind == VALUE_SELF)
            return condition_state(query, POLICY_FACT_USERS) != POLICY_PRESENT;
    return false;
}

static void say_test(struct words *words, const struct query *query, const struct test *test)
{
    enum policy_fact_state state = condition_state(query, test->fact);
    enum policy_fact_id blank = state != POLICY_PRESENT ? test->fact : POLICY_FACT_USERS;
    bool several = is_several(query, test);

    say(words, "%s: ", condition_field(test));
    if (state != POLICY_PRESENT || lacks_account(query, test))
        say(words, "%s is %s", policy_fact_name(blank),
            policy_fact_state_name(condition_state(query, blank)));
    else if (test->negative)
        say_met(words, query, test);
    else {
        say(words, several ? "none of " : "");
        say_fact(words, query->request, test->fact);
        say(words, several ? " is in " : " is not in ");
        say_values(words, test);
    }
}

static bool has_failed(const struct query *query, const struct test *test)
{
    enum truth truth = condition_test(query, test, SIDE_HELPS);

    return truth == TRUTH_NO || truth == TRUTH_UNSURE;
}

static size_t count_failed(const struct query *query, const struct rule *rule)
{
    size_t n = rule_in_time(query, rule) != TRUTH_YES;
    const struct test *test;

    for (size_t i = 0; (test = rule_test(query, rule, i)); i++)
        n += has_failed(query, test);
    return n;
}

static void say_time(struct words *words, const struct query *query, const struct rule *rule)
{
    bool early = query->request->now_s < rule->from_s;
    int64_t instant_s = early ? rule->from_s : rule_end_s(rule);
    const char *field = early ? "from" : rule->until_s == instant_s ? "until" : "expires";
    char time[32];

    if (query->request->clock_unsure) {
        say(words, "%s: the time is unknown",
            rule->until_s != INT64_MAX     ? "until"
            : rule->expires_s != INT64_MAX ? "expires"
                                           : "from");
        return;
    }
    text_format_time_ms(instant_s * 1000, time);
    say(words, "%s: the rule %s at %.19sZ", field, early ? "begins" : "ended", time);
}

static void name_rule(const struct rule *rule, struct policy_miss *ret_miss)
{
    (void)snprintf(ret_miss->rule, sizeof(ret_miss->rule), "%s", rule->name);
    (void)snprintf(ret_miss->file, sizeof(ret_miss->file), "%s", rule->file);
    ret_miss->line = rule->line;
}

static void say_miss(const struct query *query, const struct rule *rule, size_t n_failed,
                     struct policy_miss *ret_miss)
{
    struct words words = {.at = ret_miss->detail, .room = sizeof(ret_miss->detail)};
    const struct test *test;
    bool first = true;

    name_rule(rule, ret_miss);
    say(&words, n_failed == 1 ? "failed only on " : "failed on ");
    for (size_t i = 0; (test = rule_test(query, rule, i)); i++) {
        if (!has_failed(query, test))
            continue;
        say(&words, "%s", first ? "" : "; ");
        say_test(&words, query, test);
        first = false;
    }
    if (rule_in_time(query, rule) != TRUTH_YES) {
        say(&words, "%s", first ? "" : "; ");
        say_time(&words, query, rule);
    }
}

void explain_unmet(const struct query *query, const struct rule *rule,
                   struct policy_decision *decision)
{
    struct policy_miss *miss = &decision->misses[0];
    struct words words = {.at = miss->detail, .room = sizeof(miss->detail)};
    const char *before = "requires ";

    name_rule(rule, miss);
    for (size_t i = 0; i < rule->need.n; i++) {
        if (condition_test(query, &rule->need.at[i], SIDE_HELPS) == TRUTH_YES)
            continue;
        say(&words, "%s", before);
        say_test(&words, query, &rule->need.at[i]);
        before = "; ";
    }
    decision->n_misses = 1;
}

struct near {
    const struct rule *rule;
    size_t n_failed;
};

static bool is_nearer(const struct near *a, const struct near *b)
{
    if (a->n_failed != b->n_failed)
        return a->n_failed < b->n_failed;
    return rule_rank(a->rule, b->rule) < 0;
}

/* Keeps the nearest, sorted; the farthest falls off the end. */
static void keep(struct near nearest[POLICY_MISSES_MAX], size_t *n, size_t room, struct near one)
{
    size_t at = *n;

    while (at > 0 && is_nearer(&one, &nearest[at - 1]))
        at--;
    if (at == room)
        return;
    if (*n < room)
        ++*n;
    memmove(&nearest[at + 1], &nearest[at], (*n - 1 - at) * sizeof(*nearest));
    nearest[at] = one;
}

void explain_misses(const struct query *query, const struct rule_lists *const lists[EVALUATE_LISTS],
                    struct policy_decision *decision)
{
    struct near nearest[POLICY_MISSES_MAX];
    size_t n = 0, taken = decision->n_misses;

    for (size_t i = 0; i < EVALUATE_LISTS; i++) {
        const struct rule_list *list = lists[i] ? &lists[i]->by_effect[EFFECT_ALLOW] : NULL;

        for (size_t k = 0; list && k < list->n; k++) {
            struct near one = {list->at[k], count_failed(query, list->at[k])};

            if (one.n_failed > 0 && !list->at[k]->shadow)
                keep(nearest, &n, POLICY_MISSES_MAX - taken, one);
        }
    }
    for (size_t i = 0; i < n; i++)
        say_miss(query, nearest[i].rule, nearest[i].n_failed, &decision->misses[taken + i]);
    decision->n_misses = taken + n;
}
