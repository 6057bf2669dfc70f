/*
 * The compiled set and its arena: ranks, look-ups, which rules land in which list.
 */
#include "policy/set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

static const char *const services[] = {"web", "ssh-a", "ssh-b"}, *const cas[] = {"users"};
static const bool confirmed[] = {false, true, true};
static const struct policy_world world = {services, confirmed, 3, cas, 1};

static void test_arena(void **state)
{
    struct arena arena = {.last = NULL};
    uint8_t *last = NULL;

    (void)state;
    for (size_t size = 1; size < 40000; size = size * 3 + 1) {
        uint8_t *at = arena_take(&arena, size, 1);

        assert_int_equal((uintptr_t)at % _Alignof(max_align_t), 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(at[i], 0);
        memset(at, 0xff, size);
        assert_ptr_not_equal(at, last);
        last = at;
    }
    assert_string_equal(arena_text(&arena, bytes_of("text")), "text");
    assert_string_equal(arena_text(&arena, (struct bytes){NULL, 0}), "");
    arena_clear(&arena);
    assert_null(arena.last);
}

static const struct {
    const char *name;
    struct rule first, second;
} ranks[] = {
    {"lower order",
     {.name = "b", .order = 1, .until_s = 1},
     {.name = "a", .order = 2, .until_s = 9}},
    {"later end", {.name = "b", .order = 1, .until_s = 9}, {.name = "a", .order = 1, .until_s = 1}},
    {"name", {.name = "a", .order = 1, .until_s = 1}, {.name = "b", .order = 1, .until_s = 1}},
};

static void test_ranks(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ranks); i++) {
        assert_true(rule_rank(&ranks[i].first, &ranks[i].second) < 0);
        assert_true(rule_rank(&ranks[i].second, &ranks[i].first) > 0);
        assert_int_equal(rule_rank(&ranks[i].first, &ranks[i].first), 0);
    }
}

static void names_of(const struct rule_list *list, char out[64])
{
    out[0] = '\0';
    for (size_t i = 0; i < list->n; i++)
        (void)snprintf(out + strlen(out), 64 - strlen(out), "%s ", list->at[i]->name);
}

static const struct {
    const char *service, *allows, *denies;
} lists[] = {
    {"web", "web not-ssh ", "no-web "},
    {"ssh-a", "first pattern ", ""},
    {"ssh-b", "pattern ", ""},
};

static void test_lists(void **state)
{
    const struct policy_file file = {
        "p", bytes_of("rule \"web\" { services = {\"web\"} users = {\"x\"} order = 1 }\n"
                      "rule \"pattern\" { services = {\"ssh-*\"} users = {\"x\"} }\n"
                      "rule \"not-ssh\" { not_services = {\"ssh-*\"} users = {\"x\"} }\n"
                      "rule \"first\" { services = {\"ssh-a\"} users = {\"x\"} order = 5 }\n"
                      "rule \"no-web\" { effect = \"deny\" services = {\"web\"} }\n"
                      "rule \"all\" { services = {\"any\"} groups = {\"x\"} }\n"
                      "rule \"untested\" { networks = {\"any\"} }\n")};
    AUTO(policy_freep) struct policy_set *set = NULL;
    char names[64];

    (void)state;
    assert_true(policy_load(&file, 1, &world, NULL, &set));
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        const struct service *service = set_find_service(set, lists[i].service);

        assert_non_null(service);
        names_of(&service->lists.by_effect[EFFECT_ALLOW], names);
        assert_string_equal(names, lists[i].allows);
        names_of(&service->lists.by_effect[EFFECT_DENY], names);
        assert_string_equal(names, lists[i].denies);
    }
    names_of(&set->everywhere.by_effect[EFFECT_ALLOW], names);
    assert_string_equal(names, "all untested ");
    assert_int_equal(set->everywhere.tested, POLICY_FACT_BIT(POLICY_FACT_GROUPS) | POLICY_FACT_BIT(POLICY_FACT_SERVICES) |
                                                 POLICY_FACT_BIT(POLICY_FACT_NETWORKS));
    assert_null(set_find_service(set, "ssh-"));
    assert_null(set_find_service(set, "ssh-aa"));
}

static void test_find_network(void **state)
{
    static const char *const names[] = {"b", "a", "ab", "ba", "c"};
    struct policy_set *set = set_new(NULL, NULL, 0);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct network_list *list = arena_take(&set->arena, 1, sizeof(*list));

        list->name = names[i];
        set_add_network(set, list);
    }
    set_sort_definitions(set);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_string_equal(set_find_network(set, bytes_of(names[i]))->name, names[i]);
    assert_null(set_find_network(set, bytes_of("")));
    assert_null(set_find_network(set, bytes_of("abc")));
    assert_null(set_find_network(set, bytes_of("d")));
    (void)policy_free(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arena),
        cmocka_unit_test(test_ranks),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_find_network),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
