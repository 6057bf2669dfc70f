/*
 * The budget of records for clients without identity: what is recorded, what is counted, and that
 * nothing is neither.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gatewayd/decide/strangers.h"

#include <stdio.h>
#include <stdlib.h>

#define NONE REASON_TLS_NO_CERTIFICATE
#define LATE REASON_HANDSHAKE_TIMEOUT

static struct address from(const char *text)
{
    struct address address = {.known = false};
    struct error err;

    if (*text)
        assert_true(address_parse(bytes_of(text), &address, &err));
    return address;
}

static bool knock(struct strangers *strangers, int64_t now_ms, enum reason reason, const char *text)
{
    struct address source = from(text);

    return strangers_may_record(strangers, now_ms, reason, &source, 1);
}

/* As nobody's budget is left. */
static struct strangers *spent(int64_t now_ms)
{
    struct strangers *strangers = strangers_new(now_ms);

    for (int i = 0; i < STRANGERS_BURST; i++)
        assert_true(knock(strangers, now_ms, NONE, "192.0.2.1"));
    return strangers;
}

static void expect(struct strangers *strangers, enum reason reason, const char *network, uint32_t n)
{
    struct address want = from(network);
    struct strangers_count got;

    assert_true(strangers_next(strangers, &got));
    assert_int_equal(got.reason, reason);
    assert_int_equal(got.network.known, want.known);
    assert_memory_equal(got.network.octets, want.octets, sizeof(want.octets));
    assert_int_equal(got.n, n);
}

static void expect_nothing(struct strangers *strangers)
{
    struct strangers_count got;

    assert_false(strangers_next(strangers, &got));
}

static void the_budget_comes_back(void **state)
{
    struct strangers *strangers = spent(1000);
    int recorded = 0;

    (void)state;
    assert_false(knock(strangers, 1000, NONE, "192.0.2.1"));
    assert_false(knock(strangers, 1049, NONE, "192.0.2.1"));
    assert_true(knock(strangers, 1050, NONE, "192.0.2.1"));
    assert_false(knock(strangers, 1050, NONE, "192.0.2.1"));
    for (int i = 0; i < 1000; i++)
        recorded += knock(strangers, 1050 + i + 1, NONE, "192.0.2.1");
    assert_int_equal(recorded, STRANGERS_PER_S);
    recorded = 0;
    for (int i = 0; i < 1000; i++)
        recorded += knock(strangers, 100000000, NONE, "192.0.2.1");
    assert_int_equal(recorded, STRANGERS_BURST);
    assert_false(knock(strangers, 5, NONE, "192.0.2.1")); /* a clock that went back gives nothing */
    strangers_free(strangers);
}

static void counts_are_per_reason_and_network(void **state)
{
    struct strangers *strangers = spent(1000);

    (void)state;
    assert_false(knock(strangers, 1000, NONE, "192.0.2.1"));
    assert_false(knock(strangers, 1000, NONE, "192.0.2.200"));
    assert_false(knock(strangers, 1000, NONE, "192.0.3.1"));
    assert_false(knock(strangers, 1000, LATE, "192.0.2.1"));
    assert_false(knock(strangers, 1000, LATE, "2001:db8:1:2::1"));
    assert_false(knock(strangers, 1000, LATE, "2001:db8:1:3::1"));
    assert_false(knock(strangers, 1000, LATE, ""));
    expect(strangers, NONE, "192.0.2.0", 2);
    expect(strangers, NONE, "192.0.3.0", 1);
    expect(strangers, LATE, "192.0.2.0", 1);
    expect(strangers, LATE, "2001:db8:1::", 2);
    expect(strangers, LATE, "", 1);
    expect_nothing(strangers);
    strangers_free(strangers);
}

static void networks_without_end_share_a_count(void **state)
{
    struct strangers *strangers = spent(1000);
    struct strangers_count got;
    uint32_t n = 0;
    int rows = 0;
    char text[32];

    (void)state;
    for (int i = 0; i < 5000; i++) {
        (void)snprintf(text, sizeof(text), "10.%d.%d.1", i / 200, i % 200);
        assert_false(knock(strangers, 1000, i % 2 ? NONE : LATE, text));
    }
    for (; strangers_next(strangers, &got); rows++)
        n += got.n;
    assert_int_equal(n, 5000); /* nothing is uncounted */
    assert_int_equal(rows, STRANGERS_NETWORKS_MAX + 2);
    strangers_free(strangers);
}

static void a_count_does_not_turn_over(void **state)
{
    struct strangers *strangers = spent(1000);
    struct address source = from("192.0.2.1");

    (void)state;
    assert_false(strangers_may_record(strangers, 1000, NONE, &source, UINT32_MAX - 1));
    assert_false(strangers_may_record(strangers, 1000, NONE, &source, 5));
    expect(strangers, NONE, "192.0.2.0", UINT32_MAX);
    strangers_free(strangers);
}

static void without_room_all_is_counted(void **state)
{
    struct strangers *strangers = strangers_new(1000);

    (void)state;
    strangers_set_low(strangers, true);
    assert_false(knock(strangers, 1000, NONE, "192.0.2.1"));
    assert_false(knock(strangers, 9000, NONE, "192.0.2.2"));
    expect_nothing(strangers);
    strangers_set_low(strangers, false);
    expect(strangers, NONE, "192.0.2.0", 2);
    assert_true(knock(strangers, 9000, NONE, "192.0.2.1"));
    strangers_free(strangers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_budget_comes_back),
        cmocka_unit_test(counts_are_per_reason_and_network),
        cmocka_unit_test(networks_without_end_share_a_count),
        cmocka_unit_test(a_count_does_not_turn_over),
        cmocka_unit_test(without_room_all_is_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
