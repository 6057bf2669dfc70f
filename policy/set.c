/*
 * The parts of a compiled set, added one by one; finish.c makes the lists and their index of them.
 * Runs where sets are made (load, decide, tools); its callers have checked everything.
 */
#include "policy/set.h"

/* Makes room for one more pointer. */
static void *grown(void *at, size_t n, size_t *room)
{
    if (n < *room)
        return at;
    *room = *room ? 2 * *room : 16;
    at = reallocarray(at, *room, sizeof(void *));
    if (!at)
        abort();
    return at;
}

static int compare_services(const void *a, const void *b)
{
    const struct service *left = a, *right = b;

    return strcmp(left->name, right->name);
}

struct policy_set *set_new(const char *const *services, const bool *confirmed, size_t n_services)
{
    struct policy_set *set = calloc(1, sizeof(*set));

    if (!set)
        abort();
    set->services = arena_take(&set->arena, n_services, sizeof(struct service));
    set->n_services = n_services;
    for (size_t i = 0; i < n_services; i++) {
        set->services[i].name = arena_text(&set->arena, bytes_of(services[i]));
        set->services[i].confirmed = confirmed[i];
    }
    if (n_services > 0)
        qsort(set->services, n_services, sizeof(struct service), compare_services);
    return set;
}

struct policy_set *policy_free(struct policy_set *set)
{
    if (!set)
        return NULL;
    free(set->rules);
    free(set->networks);
    free(set->windows);
    free(set->zones);
    arena_clear(&set->arena);
    free(set);
    return NULL;
}

size_t policy_n_rules(const struct policy_set *set)
{
    return set->n_rules;
}

void set_add_rule(struct policy_set *set, struct rule *rule)
{
    set->rules = grown(set->rules, set->n_rules, &set->room_rules);
    set->rules[set->n_rules++] = rule;
}

void set_add_network(struct policy_set *set, struct network_list *list)
{
    set->networks = grown(set->networks, set->n_networks, &set->room_networks);
    set->networks[set->n_networks++] = list;
}

void set_add_window(struct policy_set *set, struct window *window)
{
    set->windows = grown(set->windows, set->n_windows, &set->room_windows);
    window->memo = arena_take(&set->arena, 1, sizeof(*window->memo));
    set->windows[set->n_windows++] = window;
}

void set_add_zone(struct policy_set *set, const struct zone *zone)
{
    set->zones = grown(set->zones, set->n_zones, &set->room_zones);
    set->zones[set->n_zones++] = zone;
}

static int compare_networks(const void *a, const void *b)
{
    const struct network_list *const *left = a, *const *right = b;

    return strcmp((*left)->name, (*right)->name);
}

static int compare_windows(const void *a, const void *b)
{
    const struct window *const *left = a, *const *right = b;

    return strcmp((*left)->name, (*right)->name);
}

static int compare_zones(const void *a, const void *b)
{
    const struct zone *const *left = a, *const *right = b;

    return strcmp(zone_name(*left), zone_name(*right));
}

void set_sort_definitions(struct policy_set *set)
{
    if (set->n_networks > 0)
        qsort(set->networks, set->n_networks, sizeof(*set->networks), compare_networks);
    if (set->n_windows > 0)
        qsort(set->windows, set->n_windows, sizeof(*set->windows), compare_windows);
    if (set->n_zones > 0)
        qsort(set->zones, set->n_zones, sizeof(*set->zones), compare_zones);
}

/* <0, 0, >0 as name stands before, at, behind the text. */
static int compare_name(struct bytes name, const char *text)
{
    struct bytes here = bytes_of(text);
    int order = memcmp(name.at, here.at, here.len < name.len ? here.len : name.len);

    return order != 0 ? order : here.len == name.len ? 0 : name.len < here.len ? -1 : 1;
}

const struct network_list *set_find_network(const struct policy_set *set, struct bytes name)
{
    size_t low = 0, high = set->n_networks;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_name(name, set->networks[middle]->name);

        if (order == 0)
            return set->networks[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* Windows and zones are few, and looked up while a set is made. */
const struct window *set_find_window(const struct policy_set *set, struct bytes name)
{
    for (size_t i = 0; i < set->n_windows; i++)
        if (bytes_equal(name, bytes_of(set->windows[i]->name)))
            return set->windows[i];
    return NULL;
}

const struct zone *set_find_zone(const struct policy_set *set, struct bytes name)
{
    for (size_t i = 0; i < set->n_zones; i++)
        if (bytes_equal(name, bytes_of(zone_name(set->zones[i]))))
            return set->zones[i];
    return NULL;
}

const struct service *set_find_service(const struct policy_set *set, const char *name)
{
    const struct service key = {.name = name};

    if (set->n_services == 0)
        return NULL;
    return bsearch(&key, set->services, set->n_services, sizeof(key), compare_services);
}

int name_compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int value_compare(const void *a, const void *b)
{
    const struct value *left = a, *right = b;

    if (left->kind != right->kind)
        return left->kind < right->kind ? -1 : 1;
    return strcmp(left->text, right->text);
}

void set_finish_test(struct test *test)
{
    if (test->n_values > 0)
        qsort(test->values, test->n_values, sizeof(struct value), value_compare);
    test->first_exact = test->n_exact = 0;
    for (size_t i = test->n_values; i-- > 0;) {
        if (test->values[i].kind != VALUE_EXACT)
            continue;
        test->first_exact = i;
        test->n_exact++;
    }
}

int rule_rank(const struct rule *a, const struct rule *b)
{
    if (a->order != b->order)
        return a->order < b->order ? -1 : 1;
    if (a->until_s != b->until_s)
        return a->until_s > b->until_s ? -1 : 1;
    return strcmp(a->name, b->name);
}

bool rule_check(const struct rule *rule, struct error *err)
{
    bool require = rule->effect == EFFECT_REQUIRE;

    if (!require && rule->need.n > 0)
        return err_set(err, REASON_POLICY_VALUE, "need { } is for effect = \"require\"");
    if (require && rule->need.n == 0)
        return err_set(err, REASON_POLICY_VALUE,
                       "a require rule says in need { } what it requires");
    if (!require && rule->tests.n == 0)
        return err_set(err, REASON_POLICY_VALUE,
                       "rule \"%s\" tests nothing: write users = {\"any\"} if that is meant",
                       rule->name);
    if (rule->overridable && rule->effect == EFFECT_ALLOW)
        return err_set(
            err, REASON_POLICY_VALUE,
            "overridable is for rules that deny or require; an allow rule blocks nobody");
    if (rule->n_overrides > 0 && rule->effect != EFFECT_ALLOW)
        return err_set(err, REASON_POLICY_VALUE, "overrides is for allow rules");
    if (rule->from_s >= rule->until_s)
        return err_set(err, REASON_POLICY_VALUE, "from is not before until");
    return true;
}

static void tell_uses(const struct rule *rule, const struct test *test,
                      void (*each)(void *context, const struct policy_use *use), void *context)
{
    for (size_t i = 0; i < test->n_values; i++) {
        const struct value *value = &test->values[i];
        const struct policy_use use = {.rule = rule->name,
                                       .file = rule->file,
                                       .line = rule->line,
                                       .name = value->kind == VALUE_EXACT ? value->text : NULL};

        each(context, &use);
    }
}

void policy_each_use(const struct policy_set *set, enum policy_fact_id fact,
                     void (*each)(void *context, const struct policy_use *use), void *context)
{
    for (size_t i = 0; i < set->n_rules; i++) {
        const struct rule *rule = set->rules[i];

        for (size_t k = 0; k < rule->tests.n; k++)
            if (rule->tests.at[k].fact == fact)
                tell_uses(rule, &rule->tests.at[k], each, context);
        for (size_t k = 0; k < rule->need.n; k++)
            if (rule->need.at[k].fact == fact)
                tell_uses(rule, &rule->need.at[k], each, context);
    }
}
