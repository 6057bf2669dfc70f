/*
 * Files each rule of a list under the names that one of its tests asks for, and finds them again
 * by hash. Made where sets are made (load, decide, tools), read by evaluate. A rule is filed under
 * a test only when it cannot say anything but no without one of those names: the test is positive
 * and all of its values are plain names (docs/policy-guide.md, "When a fact is missing").
 */
#include "policy/index.h"

struct index_slot {
    const char *name; /* NULL: empty */
    uint32_t hash;
    uint8_t fact;
    uint32_t first, n; /* of places */
};

struct rule_index {
    struct index_slot *slots; /* open addressing, at most half full */
    size_t mask;
    uint32_t *places; /* the runs of all slots, one behind the other */
    uint32_t *always;
    size_t n_always;
    policy_facts facts; /* that rules are filed under */
};

/* Facts worth filing under, the most telling first: what few people share. */
static const enum policy_fact_id filed[] = {POLICY_FACT_USERS, POLICY_FACT_GROUPS, POLICY_FACT_CA};

/* FNV-1a: names come from the operator's files, nobody else can make them collide. */
static uint32_t hash_of(enum policy_fact_id fact, const char *name)
{
    uint32_t hash = 0x811c9dc5u ^ (uint32_t)fact;

    for (; *name; name++)
        hash = (hash ^ (uint8_t)*name) * 0x01000193u;
    return hash ^ hash >> 15;
}

/* The test that the rule is filed under; NULL: none will do. */
static const struct test *key_of(const struct rule *rule)
{
    for (size_t f = 0; f < ARRAY_LEN(filed); f++)
        for (size_t i = 0; i < rule->tests.n; i++) {
            const struct test *test = &rule->tests.at[i];

            if (test->fact == filed[f] && !test->negative && test->n_exact == test->n_values)
                return test;
        }
    return NULL;
}

/* Its slot, or the empty one where it would lie. */
static struct index_slot *slot_of(const struct rule_index *index, enum policy_fact_id fact,
                                  const char *name)
{
    uint32_t hash = hash_of(fact, name);
    size_t at = hash & index->mask;

    while (index->slots[at].name &&
           (index->slots[at].hash != hash || index->slots[at].fact != (uint8_t)fact ||
            strcmp(index->slots[at].name, name) != 0))
        at = (at + 1) & index->mask;
    return &index->slots[at];
}

/* How many rules each name has, and how many names there are. */
static void count(struct rule_index *index, const struct rule_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        const struct test *test = key_of(list->at[i]);

        if (!test) {
            index->n_always++;
            continue;
        }
        index->facts |= POLICY_FACT_BIT(test->fact);
        for (size_t v = 0; v < test->n_values; v++) {
            struct index_slot *slot = slot_of(index, test->fact, test->values[v].text);

            slot->name = test->values[v].text;
            slot->fact = (uint8_t)test->fact;
            slot->hash = hash_of(test->fact, slot->name);
            slot->n++;
        }
    }
}

static void fill(struct rule_index *index, const struct rule_list *list)
{
    uint32_t first = 0;

    for (size_t s = 0; s <= index->mask; s++) {
        index->slots[s].first = first;
        first += index->slots[s].n;
        index->slots[s].n = 0;
    }
    index->n_always = 0;
    for (uint32_t i = 0; i < list->n; i++) {
        const struct test *test = key_of(list->at[i]);

        if (!test)
            index->always[index->n_always++] = i;
        for (size_t v = 0; test && v < test->n_values; v++) {
            struct index_slot *slot = slot_of(index, test->fact, test->values[v].text);

            index->places[slot->first + slot->n++] = i;
        }
    }
}

static size_t count_names(const struct rule_list *list)
{
    size_t n = 0;

    for (size_t i = 0; i < list->n; i++) {
        const struct test *test = key_of(list->at[i]);

        n += test ? test->n_values : 0;
    }
    return n;
}

void rule_index_make(struct arena *arena, struct rule_list *list)
{
    size_t n_names = list->n < INDEX_LEAST || list->n > UINT32_MAX ? 0 : count_names(list);
    size_t n_slots = 16;
    struct rule_index *index;

    if (n_names == 0 || n_names > UINT32_MAX / 4)
        return;
    while (n_slots < 2 * n_names)
        n_slots *= 2;
    index = arena_take(arena, 1, sizeof(*index));
    index->slots = arena_take(arena, n_slots, sizeof(*index->slots));
    index->mask = n_slots - 1;
    index->places = arena_take(arena, n_names, sizeof(*index->places));
    count(index, list);
    index->always = arena_take(arena, index->n_always, sizeof(*index->always));
    fill(index, list);
    list->index = index;
}

bool rule_index_has(const struct rule_index *index, enum policy_fact_id fact)
{
    return index->facts & POLICY_FACT_BIT(fact);
}

bool rule_index_serves(const struct rule_index *index, const struct query *query)
{
    for (size_t f = 0; f < ARRAY_LEN(filed); f++) {
        enum policy_fact_state state = condition_state(query, filed[f]);

        if (rule_index_has(index, filed[f]) && state != POLICY_PRESENT && state != POLICY_ABSENT)
            return false;
    }
    return true;
}

struct rule_run rule_index_always(const struct rule_index *index)
{
    return (struct rule_run){index->always, index->n_always};
}

struct rule_run rule_index_find(const struct rule_index *index, enum policy_fact_id fact,
                                const char *value)
{
    const struct index_slot *slot = slot_of(index, fact, value);

    return slot->name ? (struct rule_run){index->places + slot->first, slot->n}
                      : (struct rule_run){NULL, 0};
}
