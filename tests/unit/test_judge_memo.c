/*
 * Judging with a memo says what judging without one says, whatever the sessions have in common and
 * whatever the policy asks: random policies over sessions of several users, services, addresses.
 */
#include "decide_world.h"

#include "common/clock.h"
#include "gatewayd/decide/data.h"
#include "gatewayd/decide/judge.h"
#include "gatewayd/shared/xalloc.h"

#include "people.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

enum { SESSIONS = 48, POLICIES = 60, RULES = 8 };

static uint64_t seed = 0x6d746c735f6d656d;

static uint32_t below(uint32_t n) /* xorshift64* */
{
    seed ^= seed >> 12;
    seed ^= seed << 25;
    seed ^= seed >> 27;
    return (uint32_t)((seed * 0x2545f4914f6cdd1d) >> 33) % n;
}

static const char open_policy[] = "rule \"all\" { users = {\"any\"} }\n"
                                  "rule \"work\" { ca = {\"users\"} services = {\"echo\"} }\n";

/* Also without an account: the mapping "w" needs none. */
static const char *const mails[] = {"alice@corp.example", "bob@corp.example", "x@work.example",
                                    "y@work.example"};
static const char *const services[] = {"echo", "proxied"};
static const char *const sources[] = {"192.0.2.7:1", "192.0.2.7:2", "198.51.100.9:1",
                                      "[2001:db8::1]:1"};

static void open_one(struct world *world, uint64_t connection)
{
    const char *mail = mails[connection % 4];
    const char *service = connection % 4 < 2 ? services[connection / 4 % 2] : "echo";
    struct message_open open = world_open_message(connection, mail, service);

    assert_true(address_parse_port(bytes_of(sources[connection / 8 % 4]), &open.source, NULL));
    if (connection % 11 == 0) /* some end sooner than others */
        open.not_after_s -= 600;
    assert_true(channel_send(world->edge, MESSAGE_OPEN, &open, -1));
    free((void *)open.leaf.at);
}

static bool all_are_there(struct world *world)
{
    return world->n_verdicts == SESSIONS;
}

static void open_all(struct world *world)
{
    for (uint64_t i = 0; i < SESSIONS; i++)
        open_one(world, i);
    world_run(world, all_are_there);
    for (size_t i = 0; i < SESSIONS; i++)
        assert_int_equal(world->verdicts[i].reason, REASON_OK);
}

static void random_policy(char *text, size_t room)
{
    static const char *const tests[] = {
        "users = {\"alice\"}",        "users = {\"any\"}",
        "groups = {\"admins\"}",      "groups = {\"staff\", \"other\"}",
        "not_groups = {\"admins\"}",  "networks = {\"192.0.2.0/24\"}",
        "not_networks = {\"::/0\"}",  "services = {\"echo\"}",
        "services = {\"proxied\"}",   "ca = {\"users\"}",
        "users = {\"none\"}",         "until = \"2099-01-01T00:00:00Z\"",
        "networks = {\"192.0.2.7\"}", "until = \"2098-01-01T00:00:00Z\""};
    size_t len = 0;

    for (int rule = 0; rule < RULES; rule++) {
        uint32_t first = below(11), second = below(ARRAY_LEN(tests));
        const char *other = strncmp(tests[first], tests[second], 5) == 0 ? "" : tests[second];

        len += (size_t)snprintf(text + len, room - len,
                                "rule \"r%d\" { effect = \"%s\" %s %s order = %u%s }\n", rule,
                                below(5) == 0 ? "deny" : "allow", tests[first], other, below(3),
                                below(4) == 0 ? " message = \"m\"" : "");
        assert_true(len < room);
    }
}

struct judged {
    enum reason reason;
    char rule[64], message[16], mapping[16], user[64];
    int64_t until_s, age_s;
    uint32_t line;
    size_t n_groups;
};

static struct judged judged_of(const struct session *session)
{
    struct judged judged = {.reason = session->reason,
                            .until_s = session->valid_until_s,
                            .age_s = session->directory_age_s,
                            .line = session->line,
                            .n_groups = session->account ? session->account->n_groups : 0};

    (void)snprintf(judged.rule, sizeof(judged.rule), "%s", session->rule);
    (void)snprintf(judged.message, sizeof(judged.message), "%s", session->message);
    (void)snprintf(judged.mapping, sizeof(judged.mapping), "%s", session->mapping);
    (void)snprintf(judged.user, sizeof(judged.user), "%s",
                   session->account ? session->account->name : "");
    return judged;
}

static void assert_same(const struct judged *a, const struct judged *b)
{
    assert_int_equal(a->reason, b->reason);
    assert_string_equal(a->rule, b->rule);
    assert_string_equal(a->message, b->message);
    assert_string_equal(a->mapping, b->mapping);
    assert_string_equal(a->user, b->user);
    assert_int_equal(a->until_s, b->until_s);
    assert_in_range(a->age_s - b->age_s + 2, 0, 4); /* time goes on */
    assert_int_equal(a->line, b->line);
    assert_int_equal(a->n_groups, b->n_groups);
}

static size_t compare(struct world *world, struct judge_memo *memo)
{
    size_t n_denied = 0;

    for (size_t i = 0; i < 2 * SESSIONS; i++) { /* in any order, some of them twice */
        struct session *session = world_session(world, below(SESSIONS));
        struct judged with, without;

        judge_with_memo(session, memo);
        with = judged_of(session);
        judge_session(session);
        without = judged_of(session);
        assert_same(&with, &without);
        n_denied += with.reason != REASON_OK;
    }
    return n_denied;
}

/* The group of another member now. The loop does not run: nobody ends. */
static void change_group(struct world *world, const char *member)
{
    struct replica_options options = {.schema = "rfc2307bis"};
    struct replica_uuid uuid = {{[15] = 10}};
    struct writer change = writer_new(1 << 16);
    struct replica *replica;
    struct error err;

    assert_true(mapping_replica_options(world->config, &options, &err));
    replica = people_new(&options);
    people_group(replica, 10, "cn=admins,ou=groups,dc=corp,dc=example", "admins", "5001", member,
                 NULL);
    replica_encode_put(replica, replica_find_uuid(replica, &uuid), &change);
    (void)replica_free(replica);
    data_change(world->decide, writer_bytes(&change), clock_realtime_ms());
    writer_clear(&change);
}

static bool policy_came(struct world *world)
{
    return policy_n_rules(world->decide->policy) == RULES;
}

static void test_with_and_without(void **state)
{
    struct world *world = world_new(open_policy);
    struct judge_memo *memo;
    char text[RULES * 256];
    size_t n_denied = 0;

    (void)state;
    open_all(world);
    memo = judge_memo_new(world->decide->texts);
    /* Nothing ends: what is judged here has no consequences. */
    for (int i = 0; i < POLICIES; i++) {
        random_policy(text, sizeof(text));
        world_decode_policy(world, text);
        assert_true(policy_came(world));
        judge_memo_clear(memo);
        n_denied += compare(world, memo);
        if (i % 3 == 0) { /* what was found before the change helps nobody after it */
            change_group(world, i % 2 ? PEOPLE_DN("alice") : PEOPLE_DN("bob"));
            judge_memo_clear(memo);
            n_denied += compare(world, memo);
        }
    }
    assert_in_range(n_denied, POLICIES * SESSIONS / 5, POLICIES * SESSIONS * 5 / 2);
    judge_memo_free(memo);
    world_free(world);
}

/* One person for all sessions of a user; each of them alone without one. */
static void test_shares_person(void **state)
{
    struct world *world = world_new(open_policy);
    const struct session *first, *second;

    (void)state;
    open_all(world);
    first = world_session(world, 0);
    second = world_session(world, 4);
    assert_string_equal(first->user, "alice");
    assert_ptr_equal(first->person, second->person);
    assert_ptr_equal(first->rule, second->rule);
    assert_ptr_not_equal(first->person, world_session(world, 1)->person);
    assert_null(world_session(world, 2)->person);
    world_free(world);
}

/* Revoked is the one session, whatever its like has been told. */
static void test_own_facts_are_own(void **state)
{
    struct world *world = world_new(open_policy);
    struct session *first, *second;
    struct judge_memo *memo;

    (void)state;
    open_all(world);
    memo = judge_memo_new(world->decide->texts);
    first = world_session(world, 0);
    second = world_session(world, 32);
    judge_with_memo(first, memo);
    assert_int_equal(first->reason, REASON_OK);
    second->chain = REASON_CERT_REVOKED;
    judge_with_memo(second, memo);
    assert_int_equal(second->reason, REASON_CERT_REVOKED);
    second->chain = REASON_OK;
    second->open.not_after_s = clock_realtime_s() - 1;
    judge_with_memo(second, memo);
    assert_int_equal(second->reason, REASON_CERT_EXPIRED);
    judge_with_memo(first, memo);
    assert_int_equal(first->reason, REASON_OK);
    judge_memo_free(memo);
    world_free(world);
}

/* Other times of the lists are taken over without a judgement; anything more is judged. */
static void test_renewed_lists(void **state)
{
    struct world *world = world_new(open_policy);
    struct message_chains msg = {.ca_name = bytes_of("users"),
                                 .revocation = REVOCATION_NOT_CHECKED};
    int64_t now_s = clock_realtime_s();
    struct session *session;
    uint64_t judged;

    (void)state;
    open_all(world);
    session = world_session(world, 1);
    msg.connection = session->open.connection;
    msg.session = session->id;
    msg.not_after_s = session->open.not_after_s;
    msg.crl_this_update_s = now_s;
    msg.crl_valid_until_s = now_s + 500;
    judged = world->decide->counters.judged;
    edges_chains(world->decide, 0, &msg);
    world_wait(world, 5);
    assert_int_equal(world->decide->counters.judged, judged);
    assert_int_equal(session->valid_until_s, now_s + 500);
    assert_int_equal(session->open.crl_this_update_s, now_s);
    assert_true(ev_is_active(&session->until));
    msg.crl_valid_until_s = INT64_MAX;
    edges_chains(world->decide, 0, &msg);
    assert_int_equal(session->valid_until_s, session->open.not_after_s + 1);
    msg.revocation = REVOCATION_UNKNOWN;
    edges_chains(world->decide, 0, &msg);
    world_wait(world, 5);
    assert_int_equal(world->decide->counters.judged, judged + 1);
    msg.reason = REASON_CERT_REVOKED;
    edges_chains(world->decide, 0, &msg);
    world_wait(world, 5);
    assert_int_equal(session->state, SESSION_ENDING);
    assert_int_equal(session->end_reason, REASON_CERT_REVOKED);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_with_and_without),
        cmocka_unit_test(test_shares_person),
        cmocka_unit_test(test_own_facts_are_own),
        cmocka_unit_test(test_renewed_lists),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
