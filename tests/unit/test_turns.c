/*
 * Whose handshake computes next, and which sources are known: order only, nothing is computed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gatewayd/edge/edge.h"
#include "gatewayd/edge/known.h"
#include "gatewayd/edge/turns.h"
#include "gatewayd/shared/xalloc.h"

#include <stdio.h>
#include <stdlib.h>

enum { CONNECTIONS = 512 };

struct hall {
    struct role role;
    struct edge edge;
    struct connection connections[CONNECTIONS];
    size_t n;
};

static struct address from(const char *text)
{
    struct address address;
    struct error err;

    assert_true(address_parse(bytes_of(text), &address, &err));
    return address;
}

static int open_hall(void **state)
{
    struct hall *hall = xcalloc(1, sizeof(*hall));

    hall->role.loop = ev_loop_new(EVFLAG_AUTO);
    hall->edge.role = &hall->role;
    hall->edge.turns = turns_new(&hall->edge);
    hall->edge.known = known_new();
    *state = hall;
    return 0;
}

static int close_hall(void **state)
{
    struct hall *hall = *state;

    for (size_t i = 0; i < hall->n; i++)
        turns_forget(&hall->connections[i]);
    assert_int_equal(turns_waiting(hall->edge.turns), 0);
    assert_null(turns_next(hall->edge.turns));
    turns_free(hall->edge.turns);
    known_free(hall->edge.known);
    ev_loop_destroy(hall->role.loop);
    free(hall);
    return 0;
}

static struct connection *ask(struct hall *hall, const char *source, enum turn_line line)
{
    struct connection *c = &hall->connections[hall->n++];

    assert_true(hall->n <= CONNECTIONS);
    c->edge = &hall->edge;
    c->source = from(source);
    turns_ask(c, line);
    turns_ask(c, line);
    return c;
}

static void ask_many(struct hall *hall, const char *source, enum turn_line line, size_t n)
{
    while (n-- > 0)
        (void)ask(hall, source, line);
}

/* The next one, out of its line. */
static struct connection *next(struct hall *hall)
{
    struct connection *c = turns_next(hall->edge.turns);

    if (c)
        turns_forget(c);
    return c;
}

/* How many others come before it; it must come. */
static size_t before(struct hall *hall, const struct connection *c)
{
    size_t n = 0;
    struct connection *got;

    while ((got = next(hall)) != c) {
        assert_non_null(got);
        n++;
    }
    return n;
}

static void nobody(void **state)
{
    struct hall *hall = *state;
    struct connection *c = ask(hall, "192.0.2.1", TURN_STRANGER);

    assert_int_equal(turns_waiting(hall->edge.turns), 1);
    turns_forget(c);
    turns_forget(c);
    assert_int_equal(turns_waiting(hall->edge.turns), 0);
    assert_null(next(hall));
}

static void one_source_does_not_delay_another(void **state)
{
    struct hall *hall = *state;
    struct connection *c;

    ask_many(hall, "192.0.2.1", TURN_STRANGER, 300);
    c = ask(hall, "192.0.2.2", TURN_STRANGER);
    assert_true(before(hall, c) <= 1);
}

static void two_hundred_sources_take_turns(void **state)
{
    struct hall *hall = *state;
    struct connection *c;
    char text[32];

    for (int i = 0; i < 200; i++) {
        (void)snprintf(text, sizeof(text), "192.0.2.%d", i);
        ask_many(hall, text, TURN_STRANGER, 2);
    }
    c = ask(hall, "198.51.100.1", TURN_STRANGER);
    assert_true(before(hall, c) <= 200);
}

static void a_v6_64_is_one_source(void **state)
{
    struct hall *hall = *state;
    struct connection *c;
    char text[64];

    for (int i = 0; i < 200; i++) {
        (void)snprintf(text, sizeof(text), "2001:db8::%x", i);
        (void)ask(hall, text, TURN_STRANGER);
    }
    c = ask(hall, "2001:db8:0:1::1", TURN_STRANGER);
    assert_true(before(hall, c) <= 1);
}

static void the_newest_hello_of_a_source_is_first(void **state)
{
    struct hall *hall = *state;
    struct connection *old = ask(hall, "192.0.2.1", TURN_STRANGER);
    struct connection *new = ask(hall, "192.0.2.1", TURN_STRANGER);

    assert_ptr_equal(next(hall), new);
    assert_ptr_equal(next(hall), old);
}

static void the_oldest_answer_of_a_source_is_first(void **state)
{
    struct hall *hall = *state;
    struct connection *old = ask(hall, "192.0.2.1", TURN_FINISH);
    struct connection *new = ask(hall, "192.0.2.1", TURN_FINISH);

    assert_ptr_equal(next(hall), old);
    assert_ptr_equal(next(hall), new);
}

static void known_and_answering_ones_are_earlier(void **state)
{
    struct hall *hall = *state;
    struct connection *known, *finish;
    char text[32];

    for (int i = 0; i < 200; i++) {
        (void)snprintf(text, sizeof(text), "192.0.2.%d", i);
        (void)ask(hall, text, TURN_STRANGER);
    }
    known = ask(hall, "198.51.100.1", TURN_KNOWN);
    finish = ask(hall, "198.51.100.2", TURN_FINISH);
    assert_true(before(hall, finish) <= 1);
    assert_true(before(hall, known) <= 1);
}

/* Whatever stands in the better lines, strangers get their share. */
static void strangers_do_not_starve(void **state)
{
    struct hall *hall = *state;
    struct connection *stranger;
    char text[32];

    for (int i = 0; i < 200; i++) {
        (void)snprintf(text, sizeof(text), "192.0.2.%d", i);
        (void)ask(hall, text, TURN_KNOWN);
        (void)ask(hall, text, TURN_FINISH);
    }
    stranger = ask(hall, "198.51.100.1", TURN_STRANGER);
    assert_true(before(hall, stranger) <= 10);
}

static void who_was_expensive_is_passed_over(void **state)
{
    struct hall *hall = *state;
    struct address dear = from("192.0.2.1");
    size_t n = 0;

    ask_many(hall, "192.0.2.1", TURN_FINISH, 100);
    ask_many(hall, "192.0.2.2", TURN_FINISH, 100);
    turns_charge(hall->edge.turns, TURN_FINISH, &dear, 20 * TURNS_QUANTUM_US);
    for (int i = 0; i < 20; i++) {
        const struct connection *c = next(hall);

        n += memcmp(c->source.octets, dear.octets, sizeof(dear.octets)) == 0;
    }
    assert_true(n <= 2);
    turns_charge(hall->edge.turns, TURN_STRANGER, &dear, 1); /* nobody stands there */
}

static void a_proof_is_good_for_some_hellos(void **state)
{
    struct hall *hall = *state;
    struct address here = from("192.0.2.1"), there = from("192.0.2.2");

    assert_false(known_spend(hall->edge.known, &here));
    known_proved(hall->edge.known, &here);
    assert_false(known_spend(hall->edge.known, &there));
    for (int i = 0; i < KNOWN_PER_PROOF; i++)
        assert_true(known_spend(hall->edge.known, &here));
    assert_false(known_spend(hall->edge.known, &here));
    for (int i = 0; i < 1000; i++)
        known_proved(hall->edge.known, &here);
    for (int i = 0; i < KNOWN_CREDIT_MAX; i++)
        assert_true(known_spend(hall->edge.known, &here));
    assert_false(known_spend(hall->edge.known, &here));
}

static void the_oldest_proof_is_forgotten(void **state)
{
    struct hall *hall = *state;
    struct address first = from("10.0.0.0"), second = from("10.0.0.1"), address;
    char text[32];

    for (int i = 0; i < KNOWN_MAX; i++) {
        (void)snprintf(text, sizeof(text), "10.0.%d.%d", i / 256, i % 256);
        address = from(text);
        known_proved(hall->edge.known, &address);
    }
    known_proved(hall->edge.known, &first);
    address = from("192.0.2.1");
    known_proved(hall->edge.known, &address);
    assert_int_equal(known_count(hall->edge.known), KNOWN_MAX);
    assert_true(known_spend(hall->edge.known, &first));
    assert_true(known_spend(hall->edge.known, &address));
    assert_false(known_spend(hall->edge.known, &second));
}

#define IN_HALL(test) cmocka_unit_test_setup_teardown(test, open_hall, close_hall)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_HALL(nobody),
        IN_HALL(one_source_does_not_delay_another),
        IN_HALL(two_hundred_sources_take_turns),
        IN_HALL(a_v6_64_is_one_source),
        IN_HALL(the_newest_hello_of_a_source_is_first),
        IN_HALL(the_oldest_answer_of_a_source_is_first),
        IN_HALL(known_and_answering_ones_are_earlier),
        IN_HALL(strangers_do_not_starve),
        IN_HALL(who_was_expensive_is_passed_over),
        IN_HALL(a_proof_is_good_for_some_hellos),
        IN_HALL(the_oldest_proof_is_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
