/*
 * The door of an edge: who is let in when it is full, and who must go for that.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/clock.h"
#include "gatewayd/edge/edge.h"
#include "gatewayd/edge/gate.h"
#include "gatewayd/shared/xalloc.h"

#include <stdio.h>
#include <stdlib.h>

/* 64 edges share the limits: this one has 64 handshakes, and 10 per source. */
enum { EDGES = 64, FULL = 64, PER_SOURCE = 10 };

struct door {
    struct config_gateway gateway;
    struct config_listener listener;
    struct config config;
    struct role role;
    struct edge edge;
    size_t n_per_listener;
    struct connection *inside[FULL];
    size_t n;
};

static int open_door(void **state)
{
    struct door *door = xcalloc(1, sizeof(*door));

    door->listener.max_connections = 100000;
    door->listener.max_handshakes_per_source = PER_SOURCE * EDGES;
    door->gateway.max_handshakes = FULL * EDGES;
    door->config.gateway = &door->gateway;
    door->config.listener = &door->listener;
    door->config.n_listener = 1;
    door->role.config = &door->config;
    door->edge.role = &door->role;
    door->edge.n_edges = EDGES;
    door->edge.n_per_listener = &door->n_per_listener;
    door->edge.gate = gate_new();
    *state = door;
    return 0;
}

static struct address from(const char *text)
{
    struct address address;
    struct error err;

    assert_true(address_parse(bytes_of(text), &address, &err));
    return address;
}

static void leave(struct door *door, struct connection *c)
{
    for (size_t i = 0; i < door->n; i++)
        if (door->inside[i] == c)
            door->inside[i] = door->inside[--door->n];
    gate_leave(c);
    gate_leave(c);
    free(c);
}

/* How many from there are inside. */
static size_t of(const struct door *door, const char *text)
{
    struct address source = from(text);
    size_t n = 0;

    for (size_t i = 0; i < door->n; i++)
        n += memcmp(door->inside[i]->source.octets, source.octets, sizeof(source.octets)) == 0;
    return n;
}

/* What comes of a connection from there; who must go for it goes. */
static enum reason knock(struct door *door, const char *text, struct connection **ret_victim)
{
    struct address source = from(text);
    struct connection *c;
    enum reason reason = gate_check(&door->edge, 0, &source, ret_victim);

    if (*ret_victim)
        leave(door, *ret_victim);
    if (reason != REASON_OK)
        return reason;
    c = xcalloc(1, sizeof(*c));
    c->edge = &door->edge;
    c->source = source;
    gate_enter(c);
    assert_true(door->n < FULL);
    door->inside[door->n++] = c;
    return REASON_OK;
}

static int close_door(void **state)
{
    struct door *door = *state;

    while (door->n > 0)
        leave(door, door->inside[0]);
    assert_int_equal(gate_count(door->edge.gate), 0);
    (void)gate_free(door->edge.gate);
    free(door);
    return 0;
}

static struct connection *must_enter(struct door *door, const char *text)
{
    struct connection *victim;

    assert_int_equal(knock(door, text, &victim), REASON_OK);
    assert_null(victim);
    return door->inside[door->n - 1];
}

/* Fills the door from 192.0.2.N with so many each. */
static void crowd(struct door *door, size_t each)
{
    char text[32];

    for (size_t i = door->n; i < FULL; i++) {
        (void)snprintf(text, sizeof(text), "192.0.2.%zu", i / each);
        (void)must_enter(door, text);
    }
}

static void a_source_has_a_limit(void **state)
{
    struct door *door = *state;
    struct connection *victim;

    (void)must_enter(door, "198.51.100.1");
    for (int i = 0; i < PER_SOURCE; i++)
        (void)must_enter(door, "192.0.2.1");
    for (int i = 0; i < 100; i++) {
        assert_int_equal(knock(door, "192.0.2.1", &victim), REASON_OK);
        assert_non_null(victim);
        assert_int_equal(gate_count(door->edge.gate), PER_SOURCE + 1);
    }
    assert_int_equal(of(door, "198.51.100.1"), 1);
    leave(door, door->inside[3]);
    (void)must_enter(door, "192.0.2.1");
}

/* Neither the first nor the last of a source is the one that always goes. */
static void who_goes_of_a_source_is_chance(void **state)
{
    struct door *door = *state;
    struct connection *first = must_enter(door, "192.0.2.1"), *victim, *last = NULL;
    int last_stayed = 0, first_stayed = 0;

    for (int i = 1; i < PER_SOURCE; i++)
        must_enter(door, "192.0.2.1")->accepted_us = i;
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(knock(door, "192.0.2.1", &victim), REASON_OK);
        door->inside[door->n - 1]->accepted_us = PER_SOURCE + i;
        first_stayed += first && victim != first;
        if (victim == first)
            first = NULL;
        last_stayed += victim != last;
        last = door->inside[door->n - 1];
    }
    assert_null(first);
    assert_true(first_stayed < 900);
    assert_in_range(last_stayed, 950, 999); /* 99 of 100 are expected */
}

static void a_v6_source_is_a_64(void **state)
{
    struct door *door = *state;
    struct connection *victim;
    char text[64];

    for (int i = 0; i < PER_SOURCE; i++) {
        (void)snprintf(text, sizeof(text), "2001:db8:1:1::%x", i + 1);
        (void)must_enter(door, text);
    }
    assert_int_equal(knock(door, "2001:db8:1:1:ffff::1", &victim), REASON_OK);
    assert_non_null(victim);
    (void)must_enter(door, "2001:db8:1:2::1");
}

static void a_v6_site_has_a_limit(void **state)
{
    struct door *door = *state;
    struct connection *victim, *silent;
    char text[64];

    door->listener.max_handshakes_per_source = 1; /* one for a /64, eight for a /48 */
    for (int i = 0; i < GATE_SITE_FACTOR; i++) {
        (void)snprintf(text, sizeof(text), "2001:db8:1:%x::1", i);
        (void)must_enter(door, text);
    }
    gate_heard(door->inside[0]);
    silent = door->inside[1];
    assert_int_equal(knock(door, "2001:db8:1:ff::1", &victim), REASON_OK);
    assert_ptr_equal(victim, silent);
    assert_int_equal(gate_count(door->edge.gate), GATE_SITE_FACTOR);
    (void)must_enter(door, "2001:db8:2:ff::1");
}

static void who_holds_most_makes_room(void **state)
{
    struct door *door = *state;
    struct connection *first = must_enter(door, "198.51.100.1"), *second, *victim;

    second = must_enter(door, "198.51.100.1");
    (void)must_enter(door, "198.51.100.1");
    crowd(door, 2);
    assert_int_equal(knock(door, "203.0.113.1", &victim), REASON_OK);
    assert_ptr_equal(victim, first);
    /* All hold two now but the newcomer: the one that has held two for longest is next. */
    assert_int_equal(knock(door, "203.0.113.2", &victim), REASON_OK);
    assert_non_null(victim);
    assert_ptr_not_equal(victim, second);
    assert_int_equal(gate_count(door->edge.gate), FULL);
}

static void who_holds_as_much_gets_nothing(void **state)
{
    struct door *door = *state;
    struct connection *victim;

    crowd(door, 1);
    assert_int_equal(knock(door, "192.0.2.5", &victim), REASON_TOO_MANY_HANDSHAKES);
    assert_null(victim);
    assert_int_equal(knock(door, "203.0.113.1", &victim), REASON_OK);
    assert_non_null(victim);
    assert_int_equal(knock(door, "203.0.113.1", &victim), REASON_TOO_MANY_HANDSHAKES);
}

static void who_has_said_hello_stays_longer(void **state)
{
    struct door *door = *state;
    struct connection *silent, *victim;

    for (int i = 0; i < 4; i++)
        gate_heard(must_enter(door, "198.51.100.1"));
    silent = must_enter(door, "198.51.100.2");
    crowd(door, 1);
    for (size_t i = 0; i < door->n; i++)
        if (door->inside[i] != silent)
            gate_heard(door->inside[i]);
    gate_heard(door->inside[0]);
    assert_int_equal(knock(door, "203.0.113.1", &victim), REASON_OK);
    assert_ptr_equal(victim, silent);
    gate_heard(door->inside[door->n - 1]);
    /* Nobody is silent any more: handshakes that stand still keep nobody out either. */
    assert_int_equal(knock(door, "203.0.113.2", &victim), REASON_OK);
    assert_non_null(victim);
}

/* A client that has just come is no silent one: its ClientHello is on the way. */
static void who_has_just_come_stays(void **state)
{
    struct door *door = *state;
    struct connection *victim, *good;

    crowd(door, 1);
    for (size_t i = 0; i < door->n; i++)
        gate_heard(door->inside[i]);
    assert_int_equal(knock(door, "198.51.100.1", &victim), REASON_OK);
    good = door->inside[door->n - 1];
    good->accepted_us = clock_monotonic_us();
    assert_int_equal(knock(door, "198.51.100.2", &victim), REASON_OK);
    assert_non_null(victim);
    assert_ptr_not_equal(victim, good);
    good->accepted_us -= GATE_SILENT_US;
    assert_int_equal(knock(door, "198.51.100.3", &victim), REASON_OK);
    assert_ptr_equal(victim, good);
}

static void max_handshakes_is_the_limit(void **state)
{
    struct door *door = *state;
    struct connection *victim;

    door->gateway.max_handshakes = 3 * EDGES;
    (void)must_enter(door, "192.0.2.1");
    (void)must_enter(door, "192.0.2.2");
    (void)must_enter(door, "192.0.2.3");
    assert_int_equal(knock(door, "192.0.2.3", &victim), REASON_TOO_MANY_HANDSHAKES);
    assert_int_equal(knock(door, "192.0.2.4", &victim), REASON_OK);
    assert_non_null(victim);
    assert_int_equal(gate_count(door->edge.gate), 3);
}

/* Many addresses of one IPv6 site do not push out the others. */
static void a_v6_site_is_one_source(void **state)
{
    struct door *door = *state;
    struct connection *good = must_enter(door, "2001:db8:2::1"), *victim;
    char text[64];

    for (int i = 0; door->n < FULL; i++) {
        (void)snprintf(text, sizeof(text), "2001:db8:1:%x::1", i);
        (void)must_enter(door, text);
    }
    assert_int_equal(knock(door, "2001:db8:1:ffff::1", &victim), REASON_TOO_MANY_HANDSHAKES);
    assert_int_equal(knock(door, "192.0.2.1", &victim), REASON_OK);
    assert_non_null(victim);
    assert_ptr_not_equal(victim, good);
}

#define WITH_DOOR(test) cmocka_unit_test_setup_teardown(test, open_door, close_door)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DOOR(a_source_has_a_limit),           WITH_DOOR(a_v6_source_is_a_64),
        WITH_DOOR(who_goes_of_a_source_is_chance), WITH_DOOR(max_handshakes_is_the_limit),
        WITH_DOOR(a_v6_site_has_a_limit),          WITH_DOOR(who_holds_most_makes_room),
        WITH_DOOR(who_holds_as_much_gets_nothing), WITH_DOOR(who_has_said_hello_stays_longer),
        WITH_DOOR(a_v6_site_is_one_source),        WITH_DOOR(who_has_just_come_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
