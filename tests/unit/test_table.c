/*
 * The hash table against a plain array: whatever is added, removed and looked up in whatever order,
 * also while it grows.
 */
#include "common/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

enum { THINGS = 5000, ROUNDS = 60000 };

struct thing {
    uint32_t key;
    struct table_link link;
    bool in;
};

static uint64_t seed = 0x6d746c735f746162;

static uint32_t below(uint32_t n) /* xorshift64* */
{
    seed ^= seed >> 12;
    seed ^= seed << 25;
    seed ^= seed >> 27;
    return (uint32_t)((seed * 0x2545f4914f6cdd1d) >> 33) % n;
}

static uint64_t hash_of(uint32_t key)
{
    return table_hash((struct bytes){(const uint8_t *)&key, sizeof(key)});
}

static bool same_key(const struct table_link *link, const void *key)
{
    return TABLE_OF(link, struct thing, link)->key == *(const uint32_t *)key;
}

static struct thing *find(const struct table *table, uint32_t key)
{
    struct table_link *link = table_find(table, hash_of(key), same_key, &key);

    return link ? TABLE_OF(link, struct thing, link) : NULL;
}

static void change(struct table *table, struct thing *thing)
{
    if (thing->in)
        table_remove(table, &thing->link);
    else
        table_add(table, &thing->link, hash_of(thing->key));
    thing->in = !thing->in;
}

static void test_against_array(void **state)
{
    struct thing *things = calloc(THINGS, sizeof(*things));
    struct table table = {.n = 0};
    size_t n = 0, popped = 0;

    (void)state;
    for (uint32_t i = 0; i < THINGS; i++)
        things[i].key = i;
    for (int round = 0; round < ROUNDS; round++) {
        /* Few at first: it grows several times on the way. */
        struct thing *thing = &things[below(1 + (uint32_t)round * THINGS / ROUNDS)];
        struct thing *other = &things[below(THINGS)];

        change(&table, thing);
        n += thing->in ? 1 : (size_t)-1;
        assert_int_equal(table.n, n);
        assert_ptr_equal(find(&table, other->key), other->in ? other : NULL);
    }
    for (uint32_t i = 0; i < THINGS; i++)
        assert_ptr_equal(find(&table, i), things[i].in ? &things[i] : NULL);
    while (table_pop(&table))
        popped++;
    assert_int_equal(popped, n);
    assert_null(table.now);
    assert_null(find(&table, 1));
    free(things);
}

static void test_same_key_twice(void **state)
{
    struct thing a = {.key = 7}, b = {.key = 7};
    struct table table = {.n = 0};

    (void)state;
    change(&table, &a);
    change(&table, &b);
    assert_int_equal(table.n, 2);
    assert_non_null(find(&table, 7));
    table_remove(&table, &b.link);
    assert_ptr_equal(find(&table, 7), &a);
    table_remove(&table, &a.link);
    assert_null(find(&table, 7));
    table_clear(&table);
}

/* Keys that differ in one bit anywhere lie in different buckets, mostly. */
static void test_spreads(void **state)
{
    uint8_t key[40] = {0};
    uint32_t used[256] = {0};
    size_t most = 0;

    (void)state;
    for (size_t len = 1; len <= sizeof(key); len++)
        for (size_t bit = 0; bit < 8 * len; bit++) {
            key[bit / 8] ^= (uint8_t)(1u << bit % 8);
            used[table_hash((struct bytes){key, len}) >> 20 & 255]++;
            key[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    for (size_t i = 0; i < 256; i++)
        most = used[i] > most ? used[i] : most;
    assert_in_range(most, 1, 60); /* 6,560 keys, 26 to a bucket on average */
    assert_int_not_equal(table_hash((struct bytes){key, 0}), table_hash((struct bytes){key, 1}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_array),
        cmocka_unit_test(test_same_key_twice),
        cmocka_unit_test(test_spreads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
