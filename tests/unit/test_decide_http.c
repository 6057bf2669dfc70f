/* What decide tells an edge of the clients of an HTTP service, when, and when it rather denies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/clock.h"
#include "decide_world.h"
#include "people.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define ALICE  "alice@corp.example"
#define GROUPS "ou=groups,dc=corp,dc=example"

static const char allow_alice[] = "rule \"alice\" { users = {\"alice\"} services = {\"any\"} }\n";

enum { MANY = 100, NAME_LEN = 180 }; /* more octets of names than IDENTITY_GROUPS_MAX */

/* A change of one group in the directory. */
static void put_group(struct world *world, uint8_t number, const char *name, const char *member)
{
    struct replica_options options = {.schema = "rfc2307bis"};
    const struct replica_uuid uuid = {{[15] = number}};
    struct writer octets = writer_new(65536);
    struct message_change msg = {.as_of_ms = clock_realtime_ms()};
    char dn[512], gid[16];
    struct replica *replica;
    struct error err;

    (void)snprintf(dn, sizeof(dn), "cn=%s,%s", name, GROUPS);
    (void)snprintf(gid, sizeof(gid), "%u", 5000u + number);
    assert_true(mapping_replica_options(world->config, &options, &err));
    replica = people_new(&options);
    people_group(replica, number, dn, name, gid, member, NULL);
    replica_encode_put(replica, replica_find_uuid(replica, &uuid), &octets);
    msg.change = writer_bytes(&octets);
    assert_true(channel_send(world->directory, MESSAGE_CHANGE, &msg, -1));
    writer_clear(&octets);
    (void)replica_free(replica);
}

static void put_many_groups(struct world *world)
{
    for (unsigned i = 0; i < MANY; i++) {
        char name[NAME_LEN + 1];

        memset(name, 'x', NAME_LEN);
        name[NAME_LEN] = '\0';
        name[0] = (char)('a' + i / 10);
        name[1] = (char)('0' + i % 10);
        put_group(world, (uint8_t)(20 + i), name, PEOPLE_DN("alice"));
    }
    world_wait(world, 100);
}

static bool names(const struct world_identity *identity, const char *group)
{
    struct writer wanted = writer_new(256);
    bool found;

    writer_block16(&wanted, bytes_of(group));
    found = memmem(identity->groups, identity->groups_len, wanted.at, wanted.len) != NULL;
    writer_clear(&wanted);
    return found;
}

static void test_told_before_the_verdict(void **state)
{
    struct world *world = world_new(allow_alice);

    (void)state;
    assert_int_equal(world_connect(world, 7, ALICE, "web")->reason, REASON_OK);
    assert_int_equal(world->n_identities, 1);
    assert_int_equal(world->identities[0].verdicts, 0);
    assert_int_equal(world->identities[0].connection, 7);
    assert_string_equal(world->identities[0].user, "alice");
    assert_string_equal(world->identities[0].rule, "alice");
    assert_true(names(&world->identities[0], "admins"));
    assert_true(names(&world->identities[0], "staff")); /* nested */
    world_free(world);
}

static void test_not_told(void **state)
{
    struct world *world = world_new(allow_alice);

    (void)state;
    assert_int_equal(world_connect(world, 1, ALICE, "echo")->reason, REASON_OK);
    assert_int_equal(world_connect(world, 2, "bob@corp.example", "web")->reason,
                     REASON_DEFAULT_DENY);
    assert_int_equal(world->n_identities, 0);
    world_free(world);
}

static void test_told_again(void **state)
{
    struct world *world = world_new(allow_alice);

    (void)state;
    assert_int_equal(world_connect(world, 1, ALICE, "web")->reason, REASON_OK);
    world_people(world, clock_realtime_ms()); /* judged again, nothing has changed */
    world_wait(world, 50);
    assert_int_equal(world->n_identities, 1);
    put_group(world, 10, "admins", PEOPLE_DN("bob"));
    world_wait(world, 50);
    assert_int_equal(world->n_identities, 2);
    assert_false(names(&world->identities[1], "admins"));
    assert_false(names(&world->identities[1], "staff"));
    assert_string_equal(world->identities[1].user, "alice");
    world_policy(world, "rule \"another\" { users = {\"alice\"} services = {\"any\"} }\n");
    world_wait(world, 50);
    assert_int_equal(world->n_identities, 3);
    assert_string_equal(world->identities[2].rule, "another");
    assert_int_equal(world->n_ends, 0);
    world_free(world);
}

static void test_too_many_groups(void **state)
{
    struct world *world = world_new(allow_alice);

    (void)state;
    put_many_groups(world);
    assert_int_equal(world_connect(world, 1, ALICE, "web")->reason, REASON_IDENTITY_TOO_LARGE);
    assert_int_equal(world->n_identities, 0);
    assert_string_equal(world_last(world, "deny")->reason, "identity_too_large");
    assert_int_equal(world_connect(world, 2, ALICE, "echo")->reason, REASON_OK);
    world_free(world);
}

/* What has been told stays true or the session ends. */
static void test_too_many_groups_later(void **state)
{
    struct world *world = world_new(allow_alice);

    (void)state;
    assert_int_equal(world_connect(world, 1, ALICE, "web")->reason, REASON_OK);
    for (unsigned i = 0; i < MANY && world->n_ends == 0; i++) {
        char name[NAME_LEN + 1];

        memset(name, 'x', NAME_LEN);
        name[NAME_LEN] = '\0';
        name[0] = (char)('a' + i / 10);
        name[1] = (char)('0' + i % 10);
        world->n_identities = 0; /* room for the next one */
        put_group(world, (uint8_t)(20 + i), name, PEOPLE_DN("alice"));
        world_wait(world, 10);
    }
    assert_int_equal(world->n_ends, 1);
    assert_int_equal(world->ends[0].reason, REASON_IDENTITY_TOO_LARGE);
    world_free(world);
}

/* --- RENEW ------------------------------------------------------------------------------------ */

/* As an edge asks: it has closed what it had. leaf NULL: the one of the connection. */
static void ask_renewal(struct world *world, uint64_t connection, const struct session_id *id,
                        struct bytes leaf)
{
    struct message_renew msg = {.connection = connection, .session = *id, .leaf = leaf};

    assert_true(channel_send(world->edge, MESSAGE_RENEW, &msg, -1));
}

static size_t wanted;

static bool is_renewed(struct world *world)
{
    return world->n_renewed >= wanted;
}

static bool has_verdict(struct world *world)
{
    return world->n_verdicts > 0;
}

/* *ret_open: what the edge has said; its leaf must be freed. */
static struct session_id enter(struct world *world, uint64_t connection, const char *service,
                               struct message_open *ret_open)
{
    *ret_open = world_open_message(connection, ALICE, service);
    assert_true(channel_send(world->edge, MESSAGE_OPEN, ret_open, -1));
    world->n_verdicts = 0;
    world_run(world, has_verdict);
    assert_int_equal(world->verdicts[0].reason, REASON_OK);
    (void)close(world->verdicts[0].fd);
    return world->verdicts[0].session;
}

static void test_renewed(void **state)
{
    struct world *world = world_new(allow_alice);
    struct message_open open;
    const struct session_id web = enter(world, 1, "web", &open);
    size_t records = world->n_records;

    (void)state;
    for (wanted = 1; wanted <= 3; wanted++) {
        int ours = accept(world->service, NULL, NULL); /* the one before */

        ask_renewal(world, 1, &web, open.leaf);
        world_run(world, is_renewed);
        world_wait(world, 20);
        assert_int_equal(world->n_renewed, wanted);
        assert_int_equal(world->renewed[wanted - 1].reason, REASON_OK);
        assert_int_equal(world->renewed[wanted - 1].connection, 1);
        assert_true(world->renewed[wanted - 1].fd >= 0);
        (void)close(world->renewed[wanted - 1].fd);
        (void)close(ours);
        assert_int_equal(world_session(world, 1)->target->n_sessions, 1);
    }
    assert_int_equal(world->n_records, records);
    assert_int_equal(world->n_ends, 0);
    world_close(world, 1, 3, 4);
    world_wait(world, 50);
    assert_int_equal(world_count(world, "close"), 1);
    free((void *)open.leaf.at);
    world_free(world);
}

static void test_renewal_refused(void **state)
{
    struct world *world = world_new(allow_alice);
    struct message_open open, other;
    const struct session_id web = enter(world, 1, "web", &open);
    const struct session_id echo = enter(world, 2, "echo", &other);

    (void)state;
    ask_renewal(world, 9, &web, open.leaf); /* nobody's */
    ask_renewal(world, 1, &echo, open.leaf);
    world_wait(world, 50);
    assert_int_equal(world->n_renewed, 0);
    ask_renewal(world, 2, &echo, other.leaf); /* no service of HTTP */
    ask_renewal(world, 1, &web, other.leaf);  /* somebody else */
    ask_renewal(world, 1, &web, (struct bytes){NULL, 0});
    wanted = 3;
    world_run(world, is_renewed);
    for (size_t i = 0; i < wanted; i++) {
        assert_int_equal(world->renewed[i].reason, REASON_NO_SERVICE);
        assert_int_equal(world->renewed[i].fd, -1);
    }
    world_policy(world, "rule \"nobody\" { users = {\"bob\"} services = {\"any\"} }\n");
    world_wait(world, 50);
    assert_int_equal(world->n_ends, 2);
    ask_renewal(world, 1, &web, open.leaf); /* it is ending */
    world_wait(world, 50);
    assert_int_equal(world->n_renewed, wanted);
    free((void *)open.leaf.at);
    free((void *)other.leaf.at);
    world_free(world);
}

/* The service has gone: the session lives on in decide, its edge ends it. */
static void test_renewal_unreachable(void **state)
{
    struct world *world = world_new(allow_alice);
    struct message_open open;
    const struct session_id web = enter(world, 1, "web", &open);

    (void)state;
    (void)close(world->service);
    world->service = -1;
    ask_renewal(world, 1, &web, open.leaf);
    wanted = 1;
    world_run(world, is_renewed);
    assert_int_equal(world->renewed[0].reason, REASON_UPSTREAM_UNREACHABLE);
    assert_non_null(strstr(world->renewed[0].detail, "echo"));
    assert_int_equal(world->renewed[0].fd, -1);
    assert_int_equal(world->n_ends, 0);
    world_close(world, 1, 0, 0);
    world_wait(world, 50);
    assert_int_equal(world_count(world, "close"), 1);
    free((void *)open.leaf.at);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_told_before_the_verdict),
        cmocka_unit_test(test_not_told),
        cmocka_unit_test(test_told_again),
        cmocka_unit_test(test_too_many_groups),
        cmocka_unit_test(test_too_many_groups_later),
        cmocka_unit_test(test_renewed),
        cmocka_unit_test(test_renewal_refused),
        cmocka_unit_test(test_renewal_unreachable),
    };

    return cmocka_run_group_tests_name("decide_http", tests, NULL, NULL);
}
