/* The filler: nothing of a refresh shows before its end, absent entries go, mass removal is
 * refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "replica_of_ldif.h"

struct heard {
    size_t puts, removals, swaps;
};

static void on_put(void *context, const struct replica_entry *entry)
{
    assert_non_null(entry);
    ((struct heard *)context)->puts++;
}

static void on_removed(void *context, const struct replica_uuid *uuid)
{
    assert_non_null(uuid);
    ((struct heard *)context)->removals++;
}

static void on_swapped(void *context)
{
    ((struct heard *)context)->swaps++;
}

struct house {
    struct filler *filler;
    struct feed feed;
    struct heard heard;
};

static void house_init(struct house *house)
{
    struct replica_options options = RFC2307BIS;
    struct filler_calls calls = {on_put, on_removed, on_swapped, &house->heard};
    struct error err = {0};

    *house = (struct house){NULL};
    assert_true(filler_new(&options, &calls, &house->filler, &err));
    house->feed = filler_feed(house->filler);
}

static struct replica_uuid uuid_of(unsigned number)
{
    return (struct replica_uuid){{(uint8_t)(number >> 8), (uint8_t)number}};
}

/* User "uNUMBER". */
static void put(struct house *house, unsigned number, const char *shell)
{
    char dn[64], uid[16], id[16];
    struct replica_value values[] = {
        {bytes_of("objectClass"), bytes_of("posixAccount")},
        {bytes_of("uid"),
         {(const uint8_t *)uid, (size_t)snprintf(uid, sizeof(uid), "u%u", number)}},
        {bytes_of("uidNumber"),
         {(const uint8_t *)id, (size_t)snprintf(id, sizeof(id), "%u", 10000 + number)}},
        {bytes_of("loginShell"), bytes_of(shell)},
    };
    struct replica_record record = {
        .dn = {(const uint8_t *)dn, (size_t)snprintf(dn, sizeof(dn), "uid=u%u,dc=x", number)},
        .uuid = uuid_of(number),
        .values = values,
        .n_values = ARRAY_LEN(values)};
    struct error err = {0};

    assert_true(house->feed.put(house->feed.context, &record, &err));
}

static void removal(struct house *house, unsigned number)
{
    struct replica_uuid uuid = uuid_of(number);

    house->feed.remove(house->feed.context, &uuid);
}

static void present(struct house *house, unsigned number)
{
    struct replica_uuid uuid = uuid_of(number);

    house->feed.present(house->feed.context, &uuid);
}

static bool consistent(struct house *house, int64_t as_of_ms, const char *cookie,
                       enum feed_absent absent)
{
    struct error err = {0};
    bool done =
        house->feed.consistent(house->feed.context, as_of_ms, bytes_of(cookie), absent, &err);

    if (!done)
        assert_int_equal(err.reason, REASON_MASS_END_GUARD);
    return done;
}

static size_t users(struct house *house)
{
    return replica_count(filler_replica(house->filler), REPLICA_USER);
}

static void refresh(struct house *house, bool whole)
{
    house->feed.refresh(house->feed.context, whole);
}

/* Users 0 to n - 1 by a whole refresh at time 1000. */
static void fill(struct house *house, unsigned n)
{
    house_init(house);
    refresh(house, true);
    for (unsigned i = 0; i < n; i++)
        put(house, i, "/bin/sh");
    assert_true(consistent(house, 1000, "one", FEED_ABSENT_GONE));
    assert_int_equal(users(house), n);
    house->heard = (struct heard){0, 0, 0};
}

static bool cookie_is(struct house *house, const char *cookie)
{
    return bytes_equal(filler_cookie(house->filler), bytes_of(cookie));
}

static void nothing_shows_before_the_end(void **state)
{
    struct house house;

    (void)state;
    fill(&house, 3);
    refresh(&house, false);
    put(&house, 7, "/bin/sh");
    removal(&house, 1);
    house.feed.alive(house.feed.context, 5000);
    house.feed.cookie(house.feed.context, bytes_of("early"));
    assert_int_equal(users(&house), 3);
    assert_int_equal(replica_as_of_ms(filler_replica(house.filler)), 1000);
    assert_true(cookie_is(&house, "one"));
    assert_true(consistent(&house, 2000, "two", FEED_ABSENT_STAY));
    assert_int_equal(users(&house), 3);
    assert_int_equal(house.heard.puts, 1);
    assert_int_equal(house.heard.removals, 1);
    assert_int_equal(house.heard.swaps, 0);
    assert_true(cookie_is(&house, "two"));
    assert_int_equal(replica_as_of_ms(filler_replica(house.filler)), 2000);
    (void)filler_free(house.filler);
}

static void an_abandoned_refresh_leaves_nothing(void **state)
{
    struct house house;

    (void)state;
    fill(&house, 3);
    refresh(&house, true);
    put(&house, 9, "/bin/sh");
    house.feed.abandon(house.feed.context);
    assert_int_equal(users(&house), 3);
    assert_int_equal(house.heard.swaps, 0);
    assert_true(cookie_is(&house, "one"));
    assert_int_equal(replica_as_of_ms(filler_replica(house.filler)), 1000);
    (void)filler_free(house.filler);
}

static void absent_entries_go(void **state)
{
    struct house house;

    (void)state;
    fill(&house, 10);
    refresh(&house, false);
    for (unsigned i = 0; i < 8; i++)
        present(&house, i);
    put(&house, 8, "/bin/bash");
    assert_true(consistent(&house, 2000, "two", FEED_ABSENT_GONE));
    assert_int_equal(users(&house), 9);
    assert_int_equal(house.heard.puts, 1);
    assert_int_equal(house.heard.removals, 1);
    assert_null(replica_find_user(filler_replica(house.filler), bytes_of("u9")));
    (void)filler_free(house.filler);
}

static void absent_entries_stay_when_removals_are_named(void **state)
{
    struct house house;

    (void)state;
    fill(&house, 10);
    refresh(&house, false);
    assert_true(consistent(&house, 2000, "two", FEED_ABSENT_STAY));
    assert_int_equal(users(&house), 10);
    (void)filler_free(house.filler);
}

static const struct {
    const char *name;
    unsigned before, after;
    bool taken;
} guards[] = {
    {"a fifth goes", 100, 80, true}, {"more than a fifth goes", 100, 79, false},
    {"all go", 100, 0, false},       {"one of two", 2, 1, true},
    {"the only one", 1, 0, false},   {"four of ten", 10, 6, true},
    {"five of ten", 10, 5, false},   {"nobody was there", 0, 0, true},
};

static void mass_removal_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(guards); i++)
        for (int whole = 0; whole < 2; whole++) {
            struct house house;
            bool taken;
            fill(&house, guards[i].before);
            refresh(&house, whole);
            for (unsigned u = 0; u < guards[i].after; u++)
                put(&house, u, "/bin/sh");
            taken = consistent(&house, 2000, "two", FEED_ABSENT_GONE);
            if (taken != guards[i].taken)
                fail_msg("%s", guards[i].name);
            assert_int_equal(users(&house), taken ? guards[i].after : guards[i].before);
            assert_true(cookie_is(&house, taken ? "two" : "one"));
            (void)filler_free(house.filler);
        }
}

static void an_operator_may_confirm_it_once(void **state)
{
    struct house house;

    (void)state;
    fill(&house, 10);
    filler_confirm(house.filler);
    refresh(&house, true);
    put(&house, 0, "/bin/sh");
    assert_true(consistent(&house, 2000, "two", FEED_ABSENT_GONE));
    refresh(&house, true);
    assert_false(consistent(&house, 3000, "three", FEED_ABSENT_GONE));
    assert_int_equal(users(&house), 1);
    (void)filler_free(house.filler);
}

static void changes_come_at_once_later(void **state)
{
    struct house house;

    (void)state;
    fill(&house, 2);
    put(&house, 1, "/bin/bash");
    removal(&house, 0);
    removal(&house, 77);
    house.feed.alive(house.feed.context, 3000);
    house.feed.cookie(house.feed.context, bytes_of("two"));
    assert_int_equal(house.heard.puts, 1);
    assert_int_equal(house.heard.removals, 1);
    assert_int_equal(users(&house), 1);
    assert_true(cookie_is(&house, "two"));
    assert_int_equal(replica_as_of_ms(filler_replica(house.filler)), 3000);
    (void)filler_free(house.filler);
}

static void a_cookie_that_is_too_long_is_not_kept(void **state)
{
    static const uint8_t cookie[FILLER_COOKIE_MAX + 1];
    struct house house;

    (void)state;
    fill(&house, 1);
    house.feed.cookie(house.feed.context, (struct bytes){cookie, sizeof(cookie)});
    assert_int_equal(filler_cookie(house.filler).len, 0);
    (void)filler_free(house.filler);
}

static void a_removal_beats_an_earlier_put(void **state)
{
    struct house house;

    (void)state;
    fill(&house, 3);
    refresh(&house, false);
    put(&house, 1, "/bin/bash");
    removal(&house, 1);
    removal(&house, 2);
    put(&house, 2, "/bin/bash");
    assert_true(consistent(&house, 2000, "two", FEED_ABSENT_STAY));
    assert_null(replica_find_user(filler_replica(house.filler), bytes_of("u1")));
    assert_non_null(replica_find_user(filler_replica(house.filler), bytes_of("u2")));
    (void)filler_free(house.filler);
}

static void an_end_without_a_beginning_is_refused(void **state)
{
    struct house house;
    struct error err = {0};

    (void)state;
    fill(&house, 1);
    assert_false(
        house.feed.consistent(house.feed.context, 9, bytes_of(""), FEED_ABSENT_GONE, &err));
    assert_int_equal(err.reason, REASON_DIRECTORY_BAD_ANSWER);
    (void)filler_free(house.filler);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_shows_before_the_end),
        cmocka_unit_test(an_abandoned_refresh_leaves_nothing),
        cmocka_unit_test(absent_entries_go),
        cmocka_unit_test(absent_entries_stay_when_removals_are_named),
        cmocka_unit_test(mass_removal_is_refused),
        cmocka_unit_test(an_operator_may_confirm_it_once),
        cmocka_unit_test(changes_come_at_once_later),
        cmocka_unit_test(a_cookie_that_is_too_long_is_not_kept),
        cmocka_unit_test(a_removal_beats_an_earlier_put),
        cmocka_unit_test(an_end_without_a_beginning_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
