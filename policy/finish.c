/*
 * Finishes a set: ranks its rules, gives each service the list of those that can matter there, and
 * indexes the lists. In slices, since decide does this between connections; runs also in load and
 * the tools. Its callers have checked everything.
 */
#include "policy/index.h"

enum step { STEP_RANK, STEP_PLACE, STEP_ROOM, STEP_FILL, STEP_INDEX, STEP_DONE };

enum { PLACES_PER_RULE = 16 }; /* filling one place costs so much less than placing one rule */

/* What rule_rank compares, without the rules: `number` is the order of names. */
struct ranked {
    int64_t until_s;
    uint32_t order, number;
};

/* One rule in one service's lists; n_services: in the lists of every service. */
struct place {
    uint32_t service, number;
};

struct set_finisher {
    struct policy_set *set;
    enum step step;
    struct ranked *ranked;
    struct place *places; /* in order of rank */
    size_t n_places, room;
    size_t next; /* of what the step counts */
};

struct set_finisher *set_finisher_new(struct policy_set *set)
{
    struct set_finisher *finisher = calloc(1, sizeof(*finisher));

    if (!finisher || set->n_rules > UINT32_MAX)
        abort();
    finisher->set = set;
    finisher->step = set->n_rules > 0 ? STEP_RANK : STEP_DONE;
    return finisher;
}

struct set_finisher *set_finisher_free(struct set_finisher *finisher)
{
    if (!finisher)
        return NULL;
    free(finisher->ranked);
    free(finisher->places);
    free(finisher);
    return NULL;
}

/* The same order as rule_rank gives. */
static int compare_ranked(const void *a, const void *b)
{
    const struct ranked *left = a, *right = b;

    if (left->order != right->order)
        return left->order < right->order ? -1 : 1;
    if (left->until_s != right->until_s)
        return left->until_s > right->until_s ? -1 : 1;
    return left->number < right->number ? -1 : left->number > right->number;
}

static void rank(struct set_finisher *finisher)
{
    const struct policy_set *set = finisher->set;

    finisher->ranked = calloc(set->n_rules, sizeof(*finisher->ranked));
    if (!finisher->ranked)
        abort();
    for (size_t i = 0; i < set->n_rules; i++)
        finisher->ranked[i] = (struct ranked){.until_s = set->rules[i]->until_s,
                                              .order = set->rules[i]->order,
                                              .number = (uint32_t)i};
    qsort(finisher->ranked, set->n_rules, sizeof(*finisher->ranked), compare_ranked);
}

/* --- which rules belong to which service ------------------------------------------------------ */

/* True when no test of the rule says anything about services. */
static bool is_everywhere(const struct rule *rule)
{
    for (size_t i = 0; i < rule->tests.n; i++)
        if (rule->tests.at[i].fact == POLICY_FACT_SERVICES &&
            rule->tests.at[i].values[0].kind != VALUE_ANY)
            return false;
    return true;
}

/* Whether the tests on services are true for this one. */
bool rule_covers(const struct rule *rule, const struct service *service)
{
    const struct policy_fact fact = {
        .state = POLICY_PRESENT, .values = &service->name, .n_values = 1};
    const struct policy_request request = {.facts[POLICY_FACT_SERVICES] = fact};
    const struct query query = {.request = &request};

    for (size_t i = 0; i < rule->tests.n; i++)
        if (rule->tests.at[i].fact == POLICY_FACT_SERVICES &&
            condition_test(&query, &rule->tests.at[i], SIDE_HELPS) != TRUTH_YES)
            return false;
    return true;
}

static struct rule_lists *lists_of(struct policy_set *set, uint32_t service)
{
    return service == set->n_services ? &set->everywhere : &set->services[service].lists;
}

static size_t count_windows(const struct tests *tests)
{
    size_t n = 0;

    for (size_t i = 0; i < tests->n; i++)
        n += tests->at[i].fact == POLICY_FACT_WINDOWS ? tests->at[i].n_values : 0;
    return n;
}

/* n counts what room is taken for later. */
static void place(struct set_finisher *finisher, size_t service, uint32_t number)
{
    const struct rule *rule = finisher->set->rules[number];
    struct rule_lists *lists = lists_of(finisher->set, (uint32_t)service);

    if (finisher->n_places == finisher->room) {
        finisher->room = finisher->room ? 2 * finisher->room : 1024;
        finisher->places =
            reallocarray(finisher->places, finisher->room, sizeof(*finisher->places));
        if (!finisher->places)
            abort();
    }
    finisher->places[finisher->n_places++] = (struct place){(uint32_t)service, number};
    lists->by_effect[rule->effect].n++;
    lists->n_windows += count_windows(&rule->tests) + count_windows(&rule->need);
    lists->n_instants +=
        (rule->from_s != INT64_MIN) + (rule->until_s != INT64_MAX) + (rule->expires_s != INT64_MAX);
}

/* The test that names all services that the rule can cover; NULL: it has none of the kind. */
static const struct test *naming_test(const struct rule *rule)
{
    for (size_t i = 0; i < rule->tests.n; i++) {
        const struct test *test = &rule->tests.at[i];

        if (test->fact == POLICY_FACT_SERVICES && !test->negative &&
            test->n_exact == test->n_values)
            return test;
    }
    return NULL;
}

/* A value twice would place the rule twice: condition_check has refused that. */
static void place_rule(struct set_finisher *finisher, uint32_t number)
{
    struct policy_set *set = finisher->set;
    const struct rule *rule = set->rules[number];
    const struct test *names = naming_test(rule);

    if (is_everywhere(rule)) {
        place(finisher, set->n_services, number);
        return;
    }
    for (size_t i = 0; names && i < names->n_values; i++) {
        const struct service *service = set_find_service(set, names->values[i].text);

        if (service && rule_covers(rule, service))
            place(finisher, (size_t)(service - set->services), number);
    }
    for (size_t i = 0; !names && i < set->n_services; i++)
        if (rule_covers(rule, &set->services[i]))
            place(finisher, i, number);
}

static void place_rules(struct set_finisher *finisher, size_t n)
{
    for (; n > 0 && finisher->next < finisher->set->n_rules; n--)
        place_rule(finisher, finisher->ranked[finisher->next++].number);
}

/* --- lists ------------------------------------------------------------------------------------ */

static void take_room(struct policy_set *set)
{
    for (uint32_t service = 0; service <= set->n_services; service++)
        for (size_t e = 0; e < EFFECT__COUNT; e++) {
            struct rule_list *list = &lists_of(set, service)->by_effect[e];

            list->at = arena_take(&set->arena, list->n, sizeof(struct rule *));
            list->n = 0;
        }
    for (uint32_t service = 0; service <= set->n_services; service++) {
        struct rule_lists *lists = lists_of(set, service);

        lists->instants = arena_take(&set->arena, lists->n_instants, sizeof(*lists->instants));
        lists->n_instants = 0;
        if (lists->n_windows > set->n_windows)
            lists->n_windows = set->n_windows;
        lists->windows = arena_take(&set->arena, lists->n_windows, sizeof(struct window *));
        lists->n_windows = 0;
    }
}

static policy_facts facts_of(const struct tests *tests)
{
    policy_facts facts = 0;

    for (size_t i = 0; i < tests->n; i++) {
        facts |= POLICY_FACT_BIT(tests->at[i].fact);
        for (size_t k = 0; k < tests->at[i].n_values; k++)
            if (tests->at[i].values[k].kind == VALUE_SELF)
                facts |= POLICY_FACT_BIT(POLICY_FACT_USERS);
    }
    return facts;
}

/* Each once: there are few of them. */
static void note_windows(struct rule_lists *lists, const struct tests *tests)
{
    for (size_t i = 0; i < tests->n; i++)
        for (size_t k = 0; tests->at[i].fact == POLICY_FACT_WINDOWS && k < tests->at[i].n_values;
             k++) {
            const struct window *window = tests->at[i].values[k].window;
            size_t n = 0;

            while (n < lists->n_windows && lists->windows[n] != window)
                n++;
            if (n == lists->n_windows)
                lists->windows[lists->n_windows++] = window;
        }
}

static void note_instant(struct rule_lists *lists, int64_t instant_s)
{
    if (instant_s != INT64_MIN && instant_s != INT64_MAX)
        lists->instants[lists->n_instants++] = instant_s;
}

/* What evaluation asks about all rules of the lists together. */
static void note_rule(struct rule_lists *lists, const struct rule *rule)
{
    lists->tested |= facts_of(&rule->tests) | facts_of(&rule->need);
    lists->has_shadow |= rule->shadow;
    lists->has_overrides |= rule->n_overrides > 0;
    note_windows(lists, &rule->tests);
    note_windows(lists, &rule->need);
    note_instant(lists, rule->from_s);
    note_instant(lists, rule->until_s);
    note_instant(lists, rule->expires_s);
}

static void fill(struct set_finisher *finisher, size_t n)
{
    for (; n > 0 && finisher->next < finisher->n_places; n--, finisher->next++) {
        const struct place *at = &finisher->places[finisher->next];
        const struct rule *rule = finisher->set->rules[at->number];
        struct rule_lists *lists = lists_of(finisher->set, at->service);
        struct rule_list *list = &lists->by_effect[rule->effect];

        list->at[list->n++] = rule;
        note_rule(lists, rule);
    }
}

static int compare_instants(const void *a, const void *b)
{
    int64_t left, right;

    memcpy(&left, a, sizeof(left));
    memcpy(&right, b, sizeof(right));
    return left < right ? -1 : left > right;
}

/* One service at a time, then more of them as long as they are small. */
static void index_lists(struct set_finisher *finisher, size_t n)
{
    size_t done = 0;

    while (finisher->next <= finisher->set->n_services && done <= n) {
        struct rule_lists *lists = lists_of(finisher->set, (uint32_t)finisher->next++);

        if (lists->n_instants > 0)
            qsort(lists->instants, lists->n_instants, sizeof(*lists->instants), compare_instants);
        for (size_t e = 0; e < EFFECT__COUNT; e++) {
            rule_index_make(&finisher->set->arena, &lists->by_effect[e]);
            done += lists->by_effect[e].n;
        }
    }
}

static void begin(struct set_finisher *finisher, enum step step)
{
    finisher->step = step;
    finisher->next = 0;
}

bool set_finisher_step(struct set_finisher *finisher, size_t n_rules)
{
    struct policy_set *set = finisher->set;

    switch (finisher->step) {
    case STEP_RANK:
        rank(finisher);
        begin(finisher, STEP_PLACE);
        break;
    case STEP_PLACE:
        place_rules(finisher, n_rules);
        if (finisher->next == set->n_rules)
            begin(finisher, STEP_ROOM);
        break;
    case STEP_ROOM:
        take_room(set);
        begin(finisher, STEP_FILL);
        break;
    case STEP_FILL:
        fill(finisher, n_rules > SIZE_MAX / PLACES_PER_RULE ? n_rules : n_rules * PLACES_PER_RULE);
        if (finisher->next == finisher->n_places)
            begin(finisher, STEP_INDEX);
        break;
    case STEP_INDEX:
        index_lists(finisher, n_rules);
        if (finisher->next > set->n_services)
            begin(finisher, STEP_DONE);
        break;
    case STEP_DONE:
        break;
    }
    return finisher->step == STEP_DONE;
}

static int compare_names(const void *a, const void *b)
{
    const struct rule *const *left = a, *const *right = b;

    return strcmp((*left)->name, (*right)->name);
}

void set_finish(struct policy_set *set)
{
    struct set_finisher *finisher = set_finisher_new(set);

    if (set->n_rules > 0)
        qsort(set->rules, set->n_rules, sizeof(*set->rules), compare_names);
    while (!set_finisher_step(finisher, SIZE_MAX))
        continue;
    (void)set_finisher_free(finisher);
}
